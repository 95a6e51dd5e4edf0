use cni::request::Del;
use cni::role::Role;
use cni::verb::Verb;
use kernel::{Kernel, Linux, Netns, NetnsError, Undone};
use plan::{Attachment, LinkKind, MacAddress, NetnsIdentity, Undo};
use serde_json::Value;
use store::{CoolDown, Record, Store};

use super::add::LOCK_WAIT;
use super::{about, key};
use crate::clock::unix_seconds;
use crate::detach::{self, Detached};
use crate::failure::{Cause, Failure};
use crate::ipam::{Ipam, cool_down_seconds};
use crate::log::Level;
use crate::node::Node;
use crate::sweep;

/// CNI DEL: everything of the attachment is gone afterwards, whatever the request lacks. Repeats succeed.
pub(crate) fn del(node: &Node, request: &Del) -> Result<(), Failure> {
    let attachment = key(&request.attachment);
    for problem in &request.problems {
        node.log.write(
            Level::Warning,
            &format!("DEL {attachment}: goes on without this: {problem}"),
        );
    }
    // A stage undoes its own part only, and none is recorded by this version.
    if request.call.role == Role::Stage {
        return Ok(());
    }
    about(&attachment, detach(node, request, &attachment))
}

fn detach(node: &Node, request: &Del, attachment: &Attachment) -> Result<(), Cause> {
    let store = node.store()?;
    let _lock = store.lock_attachment(&attachment.key(), LOCK_WAIT)?;
    match store.record(&attachment.key())? {
        Some(record) => recorded(node, store, request, &record),
        None => unrecorded(node, store, request, attachment),
    }
}

fn recorded(node: &Node, store: &Store, request: &Del, record: &Record) -> Result<(), Cause> {
    let mut kernel = Linux::host()?;
    let detached = detach::undo(&mut kernel, record)?;
    let key = record.attachment.key();
    if let Detached::Unproven { evidence } = &detached {
        store.quarantine_attachment(&key, evidence)?;
        let reason = &evidence.reason;
        node.log.write(
            Level::Warning,
            &format!("DEL {}: kept in quarantine: {reason}", record.attachment),
        );
        return Ok(());
    }
    // The link is gone, so another vendor's IPAM may have its addresses back. While its DEL fails the record stays.
    let ipam = ipam_of(node, request, Some(record));
    if let Some(Ipam::Delegated(delegated)) = &ipam {
        delegated.forward(Verb::Del)?;
    }
    store.remove(&key, cool_down(node, request))?;
    if let Some(Ipam::Plugin(plugin)) = &ipam
        && let Err(cause) = plugin.release(node, &record.attachment, request.pod.as_ref())
    {
        node.log.write(
            Level::Warning,
            &format!("DEL {}: {cause}", record.attachment),
        );
    }
    Ok(())
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
        if let Some(Ipam::Delegated(delegated)) = ipam_of(node, request, None) {
            delegated.forward(Verb::Del)?;
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
    let mut removed = false;
    for kind in [LinkKind::Veth, LinkKind::Macvlan] {
        let netns: NetnsIdentity = netns.identity();
        let name = attachment.interface_name.clone();
        let undo = Undo::DeleteContainerLink {
            netns,
            name,
            kind,
            mac,
        };
        removed |= kernel.undo(&undo)? == Undone::Done;
    }
    Ok(removed)
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

/// Who decided about the addresses: what the record says, for the configuration may have changed since.
fn ipam_of(node: &Node, request: &Del, record: Option<&Record>) -> Option<Ipam> {
    let recorded = record
        .and_then(|record| record.parts.first())
        .map(|part| &part.config);
    let recorded = recorded.and_then(Value::as_object).map(|document| {
        let call = &request.call.config;
        cni::config::NetworkConfig::from_document(
            document.clone(),
            call.name.clone(),
            call.cni_version,
        )
        .0
    });
    let config = recorded.as_ref().unwrap_or(&request.call.config);
    match Ipam::of(node, config, &request.call.search_path) {
        Ok(ipam) => ipam,
        Err(cause) => {
            node.log.write(
                Level::Warning,
                &format!("DEL goes on without its IPAM: {cause}"),
            );
            None
        }
    }
}

fn cool_down(node: &Node, request: &Del) -> CoolDown {
    let seconds = cool_down_seconds(request.call.config.ipam.as_ref());
    CoolDown::lasting(unix_seconds(node.now), seconds)
}
