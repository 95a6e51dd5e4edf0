mod stage;

use cni::request::Del;
use cni::role::Role;
use cni::verb::Verb;
use kernel::{Kernel, Linux, Netns, NetnsError, Undone};
use plan::{Attachment, LinkKind, MacAddress, NetnsIdentity, Undo};
use store::{CoolDown, Record, Store};

use super::lock::lock;
use super::{key, link};
use crate::clock::unix_seconds;
use crate::detach;
use crate::failure::Cause;
use crate::ipam::{Ipam, cool_down_seconds};
use crate::log::Level;
use crate::node::Node;
use crate::{record, sweep};

/// CNI DEL: everything of the attachment is gone afterwards, whatever the request lacks. Repeats succeed.
pub(crate) fn del(node: &Node, request: &Del) -> Result<(), Cause> {
    let attachment = key(&request.attachment);
    for problem in &request.problems {
        node.log.write(
            Level::Warning,
            &format!("DEL {attachment}: goes on without this: {problem}"),
        );
    }
    match request.call.role {
        Role::Stage => stage::remove(node, request, &attachment),
        Role::Link | Role::Ipam => remove(node, request, &attachment),
    }
}

fn remove(node: &Node, request: &Del, attachment: &Attachment) -> Result<(), Cause> {
    let store = node.store()?;
    let _lock = lock(store, &request.call, attachment)?;
    let search_path = &request.call.search_path;
    match store.record(&attachment.key())? {
        Some(record) => match Extent::of(request, &record) {
            Extent::All => {
                let cool_down = cool_down(node, request);
                detach::detach(node, &mut Linux::host()?, &record, search_path, cool_down)?;
            }
            Extent::Part(position) => stage::take_part(store, record, position)?,
            Extent::Nothing => {}
        },
        None => unrecorded(node, store, request, attachment)?,
    }
    sweep::neighbours(node, &attachment.key(), search_path);
    Ok(())
}

/// How much of a record is the calling entry's.
enum Extent {
    All,
    /// `loopback` behind another plugin.
    Part(usize),
    /// Its part is gone already.
    Nothing,
}

impl Extent {
    fn of(request: &Del, record: &Record) -> Self {
        if !link::is_of_kind(&request.call.config, "loopback") {
            return Self::All;
        }
        match record::position_of_loopback(record) {
            Some(0) => Self::All,
            Some(position) => Self::Part(position),
            None => Self::Nothing,
        }
    }
}

/// Nothing is on record: the node was rebooted, its state was removed, or this is a repeat. An address in `prevResult`
/// may be another's by now, so nothing is released by it; an interface is removed only if it is provably the one.
fn unrecorded(
    node: &Node,
    store: &Store,
    request: &Del,
    attachment: &Attachment,
) -> Result<(), Cause> {
    if request.call.role == Role::Link {
        if remove_interface(request, attachment)? {
            // Its addresses are in quarantine if the record was lost while it lived.
            sweep::network(
                store,
                attachment.network_tag(),
                &node.log,
                unix_seconds(node.now),
            );
        }
        match Ipam::of_call(node, &request.call) {
            Ok(Some(Ipam::Delegated(delegated))) => delegated.forward(Verb::Del)?,
            Err(cause @ Cause::Delegate(_)) => return Err(cause),
            // A plugin of ours has nothing to release that is not on record.
            Ok(Some(Ipam::Plugin(_)) | None) | Err(_) => {}
        }
    }
    if request.call.role != Role::Stage {
        let (config, search_path) = (&request.call.config, &request.call.search_path);
        // Most likely it has nothing to release either, and its own rules must not stand in the way of ours.
        if let Some(predecessor) = Ipam::predecessor(node, config, search_path)
            && let Err(error) = predecessor.forward(Verb::Del)
        {
            let text = format!("DEL {attachment}: {error}");
            node.log.write(Level::Warning, &text);
        }
    }
    // What a call reserved that died before it recorded anything.
    store.release_pending(&attachment.key(), CoolDown::NONE)?;
    Ok(())
}

/// True if it was there and is gone now.
fn remove_interface(request: &Del, attachment: &Attachment) -> Result<bool, Cause> {
    let Some(path) = &request.netns else {
        return Ok(false);
    };
    let netns = match Netns::open(path) {
        Ok(netns) => netns,
        Err(error @ NetnsError::Ours { .. }) => return Err(error.into()),
        // It is gone, and the interface with it.
        Err(_) => return Ok(false),
    };
    let Some(mac) = recorded_mac(request, attachment) else {
        return Ok(false);
    };
    let mut kernel = Linux::with_container(&netns)?;
    if link::is_of_kind(&request.call.config, "host-device") {
        return bring_home(&mut kernel, &netns, attachment, mac);
    }
    let mut removed = false;
    for kind in LinkKind::OF_CONTAINERS {
        let netns: NetnsIdentity = netns.identity();
        let name = attachment.interface_name.clone();
        let undo = Undo::DeleteContainerLink {
            netns,
            name,
            kind,
            mac,
            alias: None,
            provisional_name: None,
        };
        removed |= kernel.undo(&undo)? == Undone::Done;
    }
    Ok(removed)
}

/// A device of the host is never deleted. Its alias says what it was called, whichever plugin moved it.
fn bring_home(
    kernel: &mut Linux,
    netns: &Netns,
    attachment: &Attachment,
    mac: MacAddress,
) -> Result<bool, Cause> {
    let moved = kernel.moved_device(&attachment.interface_name)?;
    let Some(moved) = moved.filter(|moved| moved.device.mac == Some(mac)) else {
        return Ok(false);
    };
    let netns = netns.identity();
    let undo = Undo::ReturnDevice { netns, moved };
    Ok(kernel.undo(&undo)? == Undone::Done)
}

/// The Ethernet address that `prevResult` gives the container's interface.
fn recorded_mac(request: &Del, attachment: &Attachment) -> Option<MacAddress> {
    let previous = request.call.config.previous_result.as_ref()?;
    let interface = previous.result.interfaces.iter().find(|interface| {
        interface.name == attachment.interface_name
            && interface
                .sandbox
                .as_deref()
                .is_some_and(|path| !path.is_empty())
    })?;
    interface.mac.as_deref()?.parse().ok()
}

fn cool_down(node: &Node, request: &Del) -> CoolDown {
    let seconds = cool_down_seconds(request.call.config.ipam.as_ref());
    CoolDown::lasting(unix_seconds(node.now), seconds)
}
