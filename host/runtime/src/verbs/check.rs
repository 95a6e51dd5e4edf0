use cni::request::Check;
use cni::role::Role;
use cni::verb::Verb;
use kernel::{Kernel, Linux, Netns};
use plan::Attachment;
use store::{Record, RecordState};

use super::add::LOCK_WAIT;
use super::expectation::expectation;
use super::{about, key, refuse_stages};
use crate::failure::{Cause, Failure};
use crate::ipam::Ipam;
use crate::log::Level;
use crate::node::Node;

/// CNI CHECK: is everything that ADD made still there?
pub(crate) fn check(node: &Node, request: &Check) -> Result<(), Failure> {
    let attachment = key(&request.attachment);
    about(&attachment, verify(node, request, &attachment))
}

fn verify(node: &Node, request: &Check, attachment: &Attachment) -> Result<(), Cause> {
    refuse_stages(&request.call)?;
    let netns = Netns::open(&request.netns)?;
    let store = node.store()?;
    let _lock = store.lock_attachment(&attachment.key(), LOCK_WAIT)?;
    let record = store.record(&attachment.key())?;
    let record = record
        .filter(|record| record.state == RecordState::Applied)
        .ok_or(Cause::NoRecord)?;
    if record
        .netns
        .as_ref()
        .is_some_and(|recorded| recorded.cookie != netns.cookie())
    {
        return Err(Cause::OtherNetns {
            path: request.netns.display().to_string(),
        });
    }
    if request.call.role == Role::Link {
        verify_steps(request, &netns, &record)?;
    }
    verify_ipam(node, request, attachment, &record)
}

fn verify_steps(request: &Check, netns: &Netns, record: &Record) -> Result<(), Cause> {
    let mut kernel = Linux::with_container(netns)?;
    let mut mismatches = Vec::new();
    let last = &request.previous_result.result;
    for step in record.parts.iter().flat_map(|part| &part.steps) {
        if let Some(expected) = expectation(step, last) {
            mismatches.extend(kernel.verify(&expected)?);
        }
    }
    if mismatches.is_empty() {
        Ok(())
    } else {
        Err(Cause::Differs(mismatches))
    }
}

fn verify_ipam(
    node: &Node,
    request: &Check,
    attachment: &Attachment,
    record: &Record,
) -> Result<(), Cause> {
    let addressing = record
        .parts
        .iter()
        .find_map(|part| part.addressing.as_ref());
    match (
        Ipam::of(node, &request.call.config, &request.call.search_path)?,
        addressing,
    ) {
        (Some(Ipam::Delegated(delegated)), _) => Ok(delegated.forward(Verb::Check)?),
        (Some(Ipam::Plugin(plugin)), Some(addressing)) => {
            match plugin.check(node, attachment, request.pod.as_ref(), addressing) {
                // The attachment works; that its plugin was removed since is for STATUS to tell.
                Err(cause @ (Cause::PluginStore(_) | Cause::Load(_))) => {
                    node.log
                        .write(Level::Warning, &format!("CHECK {attachment}: {cause}"));
                    Ok(())
                }
                outcome => outcome,
            }
        }
        (Some(Ipam::Plugin(_)) | None, _) => Ok(()),
    }
}
