use std::cell::OnceCell;

use cni::request::Add;
use cni::role::Role;
use kernel::Netns;
use plan::{Attachment, Link};
use serde_json::Value;
use store::Store;

use super::lock::{LOCK_WAIT, lock};
use super::{key, link};
use crate::attach::Attaching;
use crate::failure::Cause;
use crate::node::Node;
use crate::sweep;

/// CNI ADD.
pub(crate) fn add(node: &Node, request: &Add) -> Result<Value, Cause> {
    let attachment = &key(&request.attachment);
    let config = &request.call.config;
    let work = Work::of(request)?;
    let store = node.store()?;
    // A purge must not take away what this one is about to use.
    let _no_purge = store.lock_node_shared(LOCK_WAIT)?;
    let _lock = lock(store, &request.call, attachment)?;
    let result = match work {
        Work::Link(link, netns) => {
            attaching(node, request, attachment, store, netns).link(&link)?
        }
        Work::Stage(netns) => attaching(node, request, attachment, store, netns).stage()?,
        Work::Addresses(netns) => attaching(node, request, attachment, store, netns).ipam_only()?,
    };
    if request.call.role != Role::Stage {
        sweep::neighbours(node, &attachment.key(), &request.call.search_path);
    }
    Ok(cni::convert::write(&result, config.cni_version)?)
}

/// What is to be done, and where.
enum Work {
    Link(Link, Netns),
    Stage(Netns),
    /// The reference's IPAM plugins touch no namespace, and callers rely on it: Cilium's agent passes `host`.
    Addresses(Option<Netns>),
}

impl Work {
    fn of(request: &Add) -> Result<Self, Cause> {
        let netns = &request.netns;
        Ok(match request.call.role {
            Role::Link => Self::Link(link::parse(&request.call.config)?, Netns::open(netns)?),
            Role::Stage => Self::Stage(Netns::open(netns)?),
            Role::Ipam => Self::Addresses(Netns::find(netns)?),
        })
    }
}

fn attaching<'a, N>(
    node: &'a Node,
    request: &'a Add,
    attachment: &'a Attachment,
    store: &'a Store,
    netns: N,
) -> Attaching<'a, N> {
    Attaching {
        node,
        request,
        attachment,
        store,
        netns,
        turn: OnceCell::new(),
    }
}
