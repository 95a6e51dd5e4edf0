//! Leases that no living attachment has: what a sweep frees.

use kernel::{Kernel, Linux, Presence};
use plan::{Attachment, LinkKind, NetworkTag, Undo};
use store::{Lease, LeaseFilter, LeaseKind, LeaseState, LinkEvidence, Store};

use crate::failure::Cause;
use crate::quarantine::any_network;

/// What a process left behind that died between reserving and recording: nothing was done in the kernel yet. The
/// attachment is locked while `found` looks at it.
pub(super) fn orphans(
    store: &Store,
    network: Option<NetworkTag>,
    mut found: impl FnMut(&Attachment) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut after = None;
    loop {
        let page = store.orphaned_leases(after)?;
        for (attachment, _) in &page.orphans {
            if network.is_some_and(|network| network != attachment.network_tag()) {
                continue;
            }
            let key = attachment.key();
            let Ok(_lock) = store.try_lock_attachment(&key) else {
                continue;
            };
            if store.record(&key)?.is_none() {
                found(attachment)?;
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Quarantined addresses whose links are gone. What is quarantined on every network stands in the way of this one too.
pub(super) fn quarantined(
    store: &Store,
    kernel: &mut Linux,
    network: Option<NetworkTag>,
    mut found: impl FnMut(&mut Linux, &Lease) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let networks = match network {
        Some(network) => vec![Some(network), Some(any_network())],
        None => vec![None],
    };
    for network in networks {
        let filter = LeaseFilter {
            network,
            kind: Some(LeaseKind::Quarantined),
        };
        let mut after = None;
        loop {
            let page = store.list_leases(filter, after)?;
            for lease in &page.leases {
                // One with a record is settled with it.
                let recorded = match &lease.attachment {
                    Some(attachment) => store.record(&attachment.key())?.is_some(),
                    None => false,
                };
                let LeaseState::Quarantined { evidence } = &lease.state else {
                    continue;
                };
                if !recorded && link_is_gone(kernel, evidence)? {
                    found(kernel, lease)?;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

fn link_is_gone(kernel: &mut dyn Kernel, evidence: &LinkEvidence) -> Result<bool, Cause> {
    match link_of(evidence) {
        Some(link) => Ok(kernel.presence(&link)? == Presence::Gone),
        None => Ok(false),
    }
}

/// The link that the evidence names, as something that the kernel can be asked about.
fn link_of(evidence: &LinkEvidence) -> Option<Undo> {
    let (name, mac) = (evidence.link.clone(), evidence.mac?);
    Some(match &evidence.netns {
        None => Undo::DeleteHostLink {
            name,
            kind: LinkKind::Veth,
            mac,
            trace: None,
        },
        Some(netns) => Undo::DeleteContainerLink {
            netns: netns.clone(),
            name,
            kind: evidence.kind.unwrap_or(LinkKind::Macvlan),
            mac,
            alias: None,
            provisional_name: None,
        },
    })
}
