//! Giving up a network: what belongs to it and to no attachment.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kernel::Linux;
use plan::{NetworkTag, PortForward};
use store::{CoolDown, LeaseFilter, LeaseKind, QuarantinedPort, Record, Store};

use crate::clock::unix_seconds;
use crate::detach::{self, Detached};
use crate::failure::Cause;
use crate::quarantine::{self, any_network};
use crate::{record, turn};

/// An ADD may run another vendor's IPAM, which takes its time.
const CALLS_WAIT: Duration = Duration::from_secs(10);

/// What was taken away, and what was not. In words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purged {
    /// Attachments that were detached first.
    pub detached: Vec<String>,
    /// Objects of the kernel and entries of our state that are gone.
    pub removed: Vec<String>,
    /// What was left, each with the reason.
    pub kept: Vec<String>,
}

/// A network can't be purged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// It has attachments.
    #[error(
        "network {network} is in use by {}: delete these first, or use --force, which detaches them", list(.attachments)
    )]
    InUse {
        /// The network.
        network: String,
        /// Its attachments.
        attachments: Vec<String>,
    },
    /// Somebody may have its addresses though no record tells who.
    #[error(
        "addresses of network {network} may be in use, and no attachment on record has them: {}; see `wasm-cnictl lease list`, and use --force if nobody has them", list(.addresses)
    )]
    Leased {
        /// The network.
        network: String,
        /// Addresses that are reserved, held or in quarantine.
        addresses: Vec<IpAddr>,
    },
    /// Containers have ports of the host by it though no record tells who.
    #[error(
        "ports of the host lead to containers of network {network} that no attachment on record has: {}; delete these containers, or use --force, which ends the forwarding", list(.ports)
    )]
    Forwarded {
        /// The network.
        network: String,
        /// The ports, with where they lead to.
        ports: Vec<PortForward>,
    },
    /// An attachment could not be detached.
    #[error("{attachment} could not be detached, so the network was not purged: {why}")]
    Attached {
        /// The attachment.
        attachment: String,
        /// Why.
        why: String,
    },
    /// Kernel or store failed.
    #[error(transparent)]
    Cause(#[from] Cause),
}

/// Takes away everything of a network that no attachment owns. While this goes on no attachment is added to any network.
///
/// # Errors
/// As the variants say. What was removed before stays so; a repeat goes on.
pub(crate) fn purge(store: &Store, network: &str, force: bool) -> Result<Purged, PurgeError> {
    let _calls = store.lock_node_exclusive(CALLS_WAIT).map_err(Cause::from)?;
    let mut kernel = Linux::host().map_err(Cause::from)?;
    let tag = NetworkTag::of(network);
    let mut purged = Purged::default();
    let records = record::all(store, Some(tag)).map_err(Cause::from)?;
    if !force && !records.is_empty() {
        let attachments = records.iter().map(|record| record.attachment.to_string());
        return Err(PurgeError::InUse {
            network: network.into(),
            attachments: attachments.collect(),
        });
    }
    for record in &records {
        detach(store, &mut kernel, record)?;
        purged.detached.push(record.attachment.to_string());
    }
    let leased = leased(store, tag)?;
    if !force && !leased.is_empty() {
        return Err(PurgeError::Leased {
            network: network.into(),
            addresses: leased,
        });
    }
    let lost = lost_ports(store, &mut kernel, network)?;
    if !force && !lost.is_empty() {
        return Err(PurgeError::Forwarded {
            network: network.into(),
            ports: lost.iter().map(|port| port.forward).collect(),
        });
    }
    for port in &lost {
        quarantine::release_port(store, &mut kernel, port)?;
        purged.removed.push(format!("port {}", port.forward));
    }
    let of_kernel = kernel.purge_network(network).map_err(Cause::from)?;
    purged.removed.extend(of_kernel.removed);
    purged.kept.extend(of_kernel.kept);
    forget(store, tag, &mut purged)?;
    if is_last(store)? && kernel.purge_firewall().map_err(Cause::from)? {
        purged
            .removed
            .push("all nftables tables and rules of wasm-cni".into());
    }
    Ok(purged)
}

fn detach(store: &Store, kernel: &mut Linux, record: &Record) -> Result<(), PurgeError> {
    let attached = |why: String| PurgeError::Attached {
        attachment: record.attachment.to_string(),
        why,
    };
    // Another call may be deleting it.
    let _lock = store
        .lock_attachment(&record.attachment.key(), CALLS_WAIT)
        .map_err(Cause::from)?;
    if record::names_other_ipam(record) {
        return Err(attached(
            "another vendor's IPAM gave its addresses and must hear of it; delete it by the runtime that made it, or by `wasm-cnictl net del`".into(),
        ));
    }
    let _turn = turn::to_take_back(store, record, CALLS_WAIT).map_err(Cause::from)?;
    let now = unix_seconds(SystemTime::now());
    let detached = detach::undo(store, kernel, record)?;
    detach::settle(store, record, &detached, CoolDown::lasting(now, 0))?;
    match detached {
        Detached::Gone => Ok(()),
        Detached::Unproven { evidence } => Err(attached(evidence.reason)),
    }
}

/// Addresses that somebody may have.
fn leased(store: &Store, network: NetworkTag) -> Result<Vec<IpAddr>, Cause> {
    let mut addresses = Vec::new();
    for kind in [LeaseKind::Pending, LeaseKind::Held, LeaseKind::Quarantined] {
        let filter = LeaseFilter {
            network: Some(network),
            kind: Some(kind),
        };
        let mut after = None;
        loop {
            let page = store.list_leases(filter, after)?;
            addresses.extend(page.leases.iter().map(|lease| lease.address));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(addresses)
}

/// Ports in quarantine that lead to containers by this network's chains.
fn lost_ports(
    store: &Store,
    kernel: &mut Linux,
    network: &str,
) -> Result<Vec<QuarantinedPort>, Cause> {
    quarantine::release_ports(store, kernel)?;
    let mut ports = store.quarantined_ports()?;
    if !ports.is_empty() {
        let tags = kernel.forward_tags(network)?;
        ports.retain(|port| tags.contains(&port.tag));
    }
    Ok(ports)
}

fn forget(store: &Store, network: NetworkTag, purged: &mut Purged) -> Result<(), Cause> {
    let forgotten = store.forget_network(network)?;
    if !forgotten.leases.is_empty() {
        purged
            .removed
            .push(format!("{} leases", forgotten.leases.len()));
    }
    if forgotten.durable_keys > 0 {
        let count = forgotten.durable_keys;
        purged
            .removed
            .push(format!("{count} keys of durable storage"));
    }
    Ok(())
}

/// Is nothing attached to any network, as far as that is known? Containers whose records are lost have their addresses and
/// ports in quarantine.
fn is_last(store: &Store) -> Result<bool, Cause> {
    if !record::all(store, None)?.is_empty() || !store.quarantined_ports()?.is_empty() {
        return Ok(false);
    }
    let mut after = None;
    loop {
        let page = store.list_leases(LeaseFilter::default(), after)?;
        let in_use = |lease: &store::Lease| {
            lease.state.kind() != LeaseKind::Cooling && lease.network != any_network()
        };
        if page.leases.iter().any(in_use) {
            return Ok(false);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(true),
        }
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 8;
    let mut texts: Vec<String> = items.iter().take(SHOWN).map(T::to_string).collect();
    if items.len() > SHOWN {
        texts.push(format!("{} more", items.len() - SHOWN));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let many: Vec<u32> = (0..10).collect();
        assert_eq!(list(&many), "0, 1, 2, 3, 4, 5, 6, 7, 2 more");
        assert_eq!(list(&["a"]), "a");
    }
}
