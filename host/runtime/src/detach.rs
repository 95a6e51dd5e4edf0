//! Taking an attachment back: what DEL, GC and sweep have in common.

use kernel::{Kernel, Linux, Undone};
use plan::Undo;
use store::{CoolDown, LinkEvidence, Record, Store};

use crate::failure::Cause;

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
pub(crate) fn undo(kernel: &mut dyn Kernel, record: &Record) -> Result<Detached, Cause> {
    let mut failures = Vec::new();
    let mut unproven = None;
    for undo in record
        .parts
        .iter()
        .rev()
        .flat_map(|part| part.undo.iter().rev())
    {
        match kernel.undo(undo) {
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

/// Undoes a record and settles its addresses: gone ones rest, what is not proven gone is quarantined. The caller holds
/// the attachment's lock.
pub(crate) fn detach(
    store: &Store,
    kernel: &mut Linux,
    record: &Record,
    cool_down: CoolDown,
) -> Result<Detached, Cause> {
    let detached = undo(kernel, record)?;
    let attachment = record.attachment.key();
    match &detached {
        Detached::Gone => {
            store.remove(&attachment, cool_down)?;
        }
        Detached::Unproven { evidence } => {
            store.quarantine_attachment(&attachment, evidence)?;
        }
    }
    Ok(detached)
}

fn evidence(undo: &Undo, reason: String) -> LinkEvidence {
    let (link, mac, netns) = match undo {
        Undo::DeleteHostLink { name, mac, .. } => (name.clone(), Some(*mac), None),
        Undo::DeleteContainerLink {
            netns, name, mac, ..
        } => (name.clone(), Some(*mac), Some(netns.clone())),
        Undo::LoopbackDown { netns } => ("lo".into(), None, Some(netns.clone())),
        Undo::ForgetSpoofCheck { port, mac } => (port.clone(), Some(*mac), None),
        Undo::ForgetMasquerade { .. } => (String::new(), None, None),
    };
    LinkEvidence {
        link,
        index: None,
        mac,
        netns,
        reason,
    }
}
