use std::time::Duration;

use cni::request::Add;
use cni::role::Role;
use kernel::Netns;
use serde_json::Value;

use super::{key, link};
use crate::attach::Attaching;
use crate::failure::Cause;
use crate::node::Node;
use crate::sweep;

/// Runtimes do not call twice for one attachment; a call that waits longer waits for one that hangs.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// CNI ADD.
pub(crate) fn add(node: &Node, request: &Add) -> Result<Value, Cause> {
    let attachment = &key(&request.attachment);
    let config = &request.call.config;
    let link = match request.call.role {
        Role::Link => Some(link::parse(config)?),
        Role::Ipam | Role::Stage => None,
    };
    let netns = Netns::open(&request.netns)?;
    let store = node.store()?;
    // A purge must not take away what this one is about to use.
    let _no_purge = store.lock_node_shared(LOCK_WAIT)?;
    let _lock = store.lock_attachment(&attachment.key(), LOCK_WAIT)?;
    let attaching = Attaching {
        node,
        request,
        attachment,
        store,
        netns,
    };
    let result = match (&link, request.call.role) {
        (Some(link), _) => attaching.link(link)?,
        (None, Role::Stage) => attaching.stage()?,
        (None, Role::Ipam | Role::Link) => attaching.ipam_only()?,
    };
    if request.call.role != Role::Stage {
        sweep::neighbours(node, &attachment.key(), &request.call.search_path);
    }
    Ok(cni::convert::write(&result, config.cni_version)?)
}
