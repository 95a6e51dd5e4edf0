//! Taking an attachment back: what DEL, GC and sweep have in common.

use std::path::PathBuf;

use cni::verb::Verb;
use kernel::{Kernel, Linux, Undone};
use plan::{LinkKind, Undo};
use store::{CoolDown, LinkEvidence, Record, StagePart, Store};

use crate::chain::Stage;
use crate::contested_sysctl::Others;
use crate::failure::Cause;
use crate::ipam::Ipam;
use crate::log::Level;
use crate::node::Node;
use crate::record;
use crate::turn::{self, TURN_WAIT};

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detached {
    /// Everything is gone.
    Gone,
    /// The link is not proven gone, for this reason: record and addresses must be kept.
    Unproven {
        /// What speaks for it.
        evidence: LinkEvidence,
    },
}

/// Undoes everything that a record holds, newest first. Goes on past errors; repeats are harmless.
///
/// # Errors
/// What the kernel refused, all of it.
pub(crate) fn undo(
    store: &Store,
    kernel: &mut dyn Kernel,
    record: &Record,
) -> Result<Detached, Cause> {
    let mut failures = Vec::new();
    let mut unproven = None;
    let recorded = || {
        let parts = record.parts.iter().rev();
        parts.flat_map(|part| part.undo.iter().rev())
    };
    let others = Others::beside_record(store, record, recorded())?;
    let undos: Vec<Undo> = recorded()
        .map(|undo| others.respecting(undo.clone()))
        .collect();
    let outcomes = kernel.undo_all(&undos.iter().collect::<Vec<_>>(), record.group);
    for (undo, outcome) in undos.iter().zip(outcomes) {
        match outcome {
            Ok(Undone::Done | Undone::AlreadyGone | Undone::NotOurs { .. }) => {}
            Ok(Undone::Unknown { why }) if undo.is_link() => unproven = Some(evidence(undo, why)),
            // What is no link carries no address, and dies with its namespace.
            Ok(Undone::Unknown { .. }) => {}
            Err(error) => failures.push(format!("{undo}: {error}")),
        }
    }
    if !failures.is_empty() {
        return Err(Cause::CleanUp(failures));
    }
    Ok(match unproven {
        None => Detached::Gone,
        Some(evidence) => Detached::Unproven { evidence },
    })
}

/// Undoes one part of a record, newest first. What another part asks for as well stays.
///
/// # Errors
/// What the kernel refused, all of it.
pub(crate) fn undo_part(
    store: &Store,
    kernel: &mut dyn Kernel,
    part: &StagePart,
    rest: &Record,
) -> Result<(), Cause> {
    let others = Others::beside_record(store, rest, part.undo.iter())?;
    let shared = |undo: &&Undo| rest.parts.iter().any(|other| other.undo.contains(undo));
    let failures: Vec<String> = part
        .undo
        .iter()
        .rev()
        .filter(|undo| !shared(undo))
        .filter_map(|undo| {
            let error = kernel.undo(&others.respecting(undo.clone())).err()?;
            Some(format!("{undo}: {error}"))
        })
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Cause::CleanUp(failures))
    }
}

/// Settles the addresses of an attachment that was undone: gone ones rest, what is not proven gone is quarantined.
pub(crate) fn settle(
    store: &Store,
    record: &Record,
    detached: &Detached,
    cool_down: CoolDown,
) -> Result<(), Cause> {
    let attachment = record.attachment.key();
    match detached {
        Detached::Gone => {
            store.remove(&attachment, cool_down)?;
        }
        Detached::Unproven { evidence } => {
            store.quarantine_attachment(&attachment, evidence)?;
        }
    }
    Ok(())
}

/// Undoes a record, has its IPAM release the addresses, and settles them. The caller holds the attachment's lock.
///
/// # Errors
/// What the kernel or another vendor's IPAM refused; the record stays then, so that a repeat goes on.
pub(crate) fn detach(
    node: &Node,
    kernel: &mut Linux,
    record: &Record,
    search_path: &[PathBuf],
    cool_down: CoolDown,
) -> Result<Detached, Cause> {
    let store = node.store()?;
    let _turn = turn::to_take_back(store, record, TURN_WAIT)?;
    let detached = undo(store, kernel, record)?;
    if let Detached::Unproven { evidence } = &detached {
        let text = format!(
            "{}: kept in quarantine: {}",
            record.attachment, evidence.reason
        );
        node.log.write(Level::Warning, &text);
        settle(store, record, &detached, cool_down)?;
        return Ok(detached);
    }
    let ipam = recorded_ipam(node, record, search_path)?;
    // The link is gone, so another vendor's IPAM may have its addresses back.
    if let Some(Ipam::Delegated(delegated)) = &ipam {
        delegated
            .of_attachment(&record.attachment)
            .forward(Verb::Del)?;
    }
    settle(store, record, &detached, cool_down)?;
    if let Some(Ipam::Plugin(plugin)) = &ipam
        && let Err(cause) = plugin.release(node, &record.attachment)
    {
        node.log
            .write(Level::Warning, &format!("{}: {cause}", record.attachment));
    }
    for stage in record::config(record).iter().flat_map(Stage::of_chain) {
        if let Err(cause) = stage.release(node, &record.attachment) {
            let text = format!("{}: {}", record.attachment, cause.in_stage(&stage.name));
            node.log.write(Level::Warning, &text);
        }
    }
    Ok(detached)
}

/// Who decided about the addresses. The record says it, for the configuration may have changed since.
fn recorded_ipam(
    node: &Node,
    record: &Record,
    search_path: &[PathBuf],
) -> Result<Option<Ipam>, Cause> {
    let Some(config) = record::config(record) else {
        return Ok(None);
    };
    match Ipam::of(node, &config, search_path) {
        // By now that name is ours, and it was not when the addresses were given.
        Ok(Some(Ipam::Plugin(_))) if record::names_other_ipam(record) => {
            let predecessor = Ipam::predecessor(node, &config, search_path);
            Ok(predecessor.map(Ipam::Delegated))
        }
        // An executable that was removed since still has the addresses.
        Err(cause @ Cause::Delegate(_)) => Err(cause),
        Err(cause) => {
            node.log
                .write(Level::Warning, &format!("{}: {cause}", record.attachment));
            Ok(None)
        }
        ipam => ipam,
    }
}

fn evidence(undo: &Undo, reason: String) -> LinkEvidence {
    let (link, kind, mac, netns) = match undo {
        Undo::DeleteHostLink {
            name, kind, mac, ..
        } => (name.clone(), Some(*kind), Some(*mac), None),
        Undo::DeleteContainerLink {
            netns,
            name,
            kind,
            mac,
            ..
        } => (name.clone(), Some(*kind), Some(*mac), Some(netns.clone())),
        Undo::ReturnDevice { netns, moved } => (
            moved.name.clone(),
            LinkKind::of_container(&moved.device.kind),
            moved.mac_inside(),
            Some(netns.clone()),
        ),
        // No link, so never asked for.
        _ => (String::new(), None, None, None),
    };
    LinkEvidence {
        link,
        kind,
        mac,
        netns,
        reason,
    }
}
