//! Finding what is gone without a runtime's help: runtimes are killed, nodes reboot, and a DEL can be lost.
//!
//! A sweep touches nothing that is locked: its call is running. What it can't prove gone it leaves alone.

mod candidates;
mod edge;
mod preview;

pub(crate) use edge::neighbours;
pub(crate) use preview::preview;

use std::time::Duration;

use kernel::{Kernel, Linux, Presence};
use plan::{AttachmentKey, NetworkTag};
use store::{CoolDown, Record, RecordState, Store, UnixSeconds};

use crate::detach::{self, Detached};
use crate::failure::Cause;
use crate::ipam::DEFAULT_COOL_DOWN_SECONDS;
use crate::log::{Level, Log};
use crate::quarantine;
use crate::{record, turn};

/// What a sweep did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Attachments that were gone and are cleaned up now, as text.
    pub removed: Vec<String>,
    /// Quarantined addresses that are free again.
    pub freed: Vec<std::net::IpAddr>,
    /// What failed; the rest was done.
    pub failures: Vec<String>,
}

/// Sweeps one network and notes in the log what it did. Never fails: who calls goes on with what is there.
pub(crate) fn network(store: &Store, network: NetworkTag, log: &Log, now: UnixSeconds) {
    match sweep(store, Some(network), now) {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => log.write(
            Level::Info,
            &format!(
                "sweep: removed [{}], freed {:?}, failed [{}]",
                swept.removed.join(", "),
                swept.freed,
                swept.failures.join("; ")
            ),
        ),
        Err(cause) => log.write(Level::Warning, &format!("sweep: {cause}")),
    }
}

/// Sweeps one network, or all.
///
/// # Errors
/// When kernel or store can't be asked at all.
pub(crate) fn sweep(
    store: &Store,
    network: Option<NetworkTag>,
    now: UnixSeconds,
) -> Result<Swept, Cause> {
    let mut kernel = Linux::host()?;
    let mut swept = Swept::default();
    records(store, &mut kernel, network, now, &mut swept)?;
    candidates::orphans(store, network, |attachment| {
        if !store
            .release_pending(&attachment.key(), CoolDown::NONE)?
            .is_empty()
        {
            swept.removed.push(attachment.to_string());
        }
        Ok(())
    })?;
    candidates::quarantined(store, &mut kernel, network, |kernel, lease| {
        quarantine::release_address(store, kernel, lease)?;
        swept.freed.push(lease.address);
        Ok(())
    })?;
    quarantine::release_ports(store, &mut kernel)?;
    quarantine::delete_idle_ifbs(store, &mut kernel)?;
    Ok(swept)
}

/// Removes one attachment if it is provably gone, and notes it in the log: somebody wants what it holds.
pub(crate) fn attachment(store: &Store, key: &AttachmentKey, log: &Log, now: UnixSeconds) {
    let swept = Linux::host().map_err(Cause::from).and_then(|mut kernel| {
        let Some(record) = store.record(key)? else {
            return Ok(None);
        };
        let removed = sweep_record(store, &mut kernel, &record, now)?;
        Ok(removed.then_some(record.attachment))
    });
    match swept {
        Ok(Some(attachment)) => log.write(Level::Info, &format!("sweep: removed {attachment}")),
        Ok(None) => {}
        Err(cause) => log.write(Level::Warning, &format!("sweep: {cause}")),
    }
}

/// Frees ports of the host that led to containers whose records are lost and that are gone: somebody wants one.
pub(crate) fn ports(store: &Store, log: &Log) {
    let swept = Linux::host().map_err(Cause::from);
    let swept = swept.and_then(|mut kernel| quarantine::release_ports(store, &mut kernel));
    if let Err(cause) = swept {
        log.write(Level::Warning, &format!("sweep: {cause}"));
    }
}

fn records(
    store: &Store,
    kernel: &mut Linux,
    network: Option<NetworkTag>,
    now: UnixSeconds,
    swept: &mut Swept,
) -> Result<(), Cause> {
    let mut after = None;
    loop {
        let page = match network {
            Some(network) => store.records_of_network(network, after)?,
            None => store.records(after)?,
        };
        for record in &page.records {
            match sweep_record(store, kernel, record, now) {
                Ok(true) => swept.removed.push(record.attachment.to_string()),
                Ok(false) => {}
                Err(cause) => swept
                    .failures
                    .push(format!("{}: {cause}", record.attachment)),
            }
        }
        swept.failures.extend(
            page.unreadable
                .iter()
                .map(|unreadable| unreadable.error.to_string()),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// True if the record was a dead one and is gone now.
fn sweep_record(
    store: &Store,
    kernel: &mut Linux,
    seen: &Record,
    now: UnixSeconds,
) -> Result<bool, Cause> {
    // Nobody is locked out for being looked at.
    if !is_for_sweep(kernel, seen)? {
        return Ok(false);
    }
    let key = seen.attachment.key();
    let Ok(_lock) = store.try_lock_attachment(&key) else {
        return Ok(false);
    };
    // Only what is read under the lock counts: the call that held it may have changed everything.
    let Some(record) = store.record(&key)? else {
        return Ok(false);
    };
    if !is_for_sweep(kernel, &record)? {
        return Ok(false);
    }
    let Ok(_turn) = turn::to_take_back(store, &record, Duration::ZERO) else {
        return Ok(false);
    };
    let cool_down = CoolDown::lasting(now, DEFAULT_COOL_DOWN_SECONDS);
    let detached = detach::undo(store, kernel, &record)?;
    detach::settle(store, &record, &detached, cool_down)?;
    Ok(detached == Detached::Gone)
}

/// Does a sweep remove it? Another vendor's IPAM must hear of it first: that is for calls that know where it is.
fn is_for_sweep(kernel: &mut Linux, record: &Record) -> Result<bool, Cause> {
    Ok(!record::names_other_ipam(record) && is_dead(kernel, record)?)
}

/// Is the attachment of this record provably gone? The caller holds its lock.
fn is_dead(kernel: &mut Linux, record: &Record) -> Result<bool, Cause> {
    if record.state == RecordState::Pending {
        // Its process is gone, else it would hold the lock.
        return Ok(true);
    }
    is_gone(kernel, record)
}

/// Is the container of this record provably gone, or its interface?
pub(crate) fn is_gone(kernel: &mut Linux, record: &Record) -> Result<bool, Cause> {
    let mut links = record::links(record).peekable();
    if links.peek().is_none() {
        // What another vendor made in a container goes with the container's namespace.
        return match &record.netns {
            Some(netns) => Ok(kernel.netns_presence(netns)? == Presence::Gone),
            None => Ok(false),
        };
    }
    for undo in links {
        if kernel.presence(undo)? != Presence::Gone {
            return Ok(false);
        }
    }
    Ok(true)
}
