//! The stages of a chain: which plugins they are, what they see, and what they say.

mod proposal;
mod stage;
mod steps;

use engine::AttachmentInfo;
use plan::Merge;
use store::Document;

use crate::failure::Cause;
use crate::node::Node;

pub(crate) use proposal::{of_link, of_previous};
pub(crate) use stage::{Asked, Stage};
pub(crate) use steps::{
    WantedLink, agreed_identity, merge_on_link, steps_of_bare_link, steps_on_bare_link,
    steps_on_interface, steps_on_link,
};

/// The storage of a plugin by its name.
pub(crate) type StorageOf<'a> = dyn Fn(&str) -> Box<dyn engine::Storage> + 'a;

/// Asks the stages in their order; each sees what those before it proposed. Returns what was recorded of each call.
///
/// # Errors
/// The first stage that can't be run or that fails. What stages object to, `merge` keeps.
pub(crate) fn run(
    node: &Node,
    stages: &[Stage],
    attachment: &AttachmentInfo,
    storage: &StorageOf<'_>,
    merge: &mut Merge,
) -> Result<Vec<Option<Document>>, Cause> {
    let mut calls = Vec::with_capacity(stages.len());
    for stage in stages {
        let (changes, grants, call) = stage
            .amend(
                node,
                attachment,
                storage(&stage.name.plugin),
                merge.proposal(),
            )
            .map_err(|cause| cause.in_stage(&stage.name))?;
        merge.amend(&stage.name, |kind| grants.allows(kind), changes);
        calls.push(call);
    }
    Ok(calls)
}
