//! State that was removed while containers live: the kernel still knows their links, and these lead to the addresses.

use std::net::IpAddr;
use std::time::SystemTime;

use kernel::{Linux, TaggedLink, UntaggedLink};
use plan::{Attachment, NetnsIdentity, NetworkTag};
use store::{CoolDown, LeaseState, LinkEvidence, QuarantinedAddress, Store, StoreError};

use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::log::{Level, Log};

/// Stands for every network: a link that another vendor's plugin made does not say which one its addresses are of.
pub(crate) fn any_network() -> NetworkTag {
    NetworkTag::from_bytes([0; 8])
}

/// Ends a store's creation: every address that a live container has is quarantined, so that nobody gets it.
pub(crate) fn fill(store: &Store, log: &Log, now: SystemTime) -> Result<(), Cause> {
    let kernel = Linux::host()?;
    let tagged = kernel.tagged_links()?;
    let known: Vec<IpAddr> = tagged
        .iter()
        .flat_map(|link| link.alias.addresses.clone())
        .collect();
    let mut addresses: Vec<QuarantinedAddress> = tagged
        .iter()
        .flat_map(|link| of_tagged(link, now))
        .collect();
    for link in kernel.untagged_links()? {
        let unknown = of_untagged(&link, now);
        addresses.extend(unknown.filter(|found| !known.contains(&found.address)));
    }
    if !addresses.is_empty() {
        let count = addresses.len();
        let text = format!(
            "the node's state is new; {count} addresses of live containers are quarantined"
        );
        log.write(Level::Warning, &text);
    }
    Ok(store.finish_new(&addresses)?)
}

/// Is this address, which the attachment has just reserved, one that a live container had when the state was lost?
/// Then it is quarantined on this network too, and true is returned.
///
/// # Errors
/// The store's own.
pub(crate) fn withhold(
    store: &Store,
    attachment: &Attachment,
    address: IpAddr,
) -> Result<bool, StoreError> {
    let Some(lease) = store.lease(any_network(), address)? else {
        return Ok(false);
    };
    let LeaseState::Quarantined { evidence } = lease.state else {
        return Ok(false);
    };
    let network = attachment.network_tag();
    store.release_one(network, address, attachment, CoolDown::NONE)?;
    store.quarantine(&QuarantinedAddress {
        network,
        address,
        attachment: None,
        since: lease.since,
        evidence,
    })?;
    Ok(true)
}

fn of_tagged(link: &TaggedLink, now: SystemTime) -> impl Iterator<Item = QuarantinedAddress> {
    let evidence = LinkEvidence {
        link: link.name.clone(),
        mac: Some(link.mac),
        netns: link.nsid.map(in_namespace),
        reason: "a link of an attachment whose record is lost".into(),
    };
    quarantined(link.alias.network, &link.alias.addresses, evidence, now)
}

fn of_untagged(link: &UntaggedLink, now: SystemTime) -> impl Iterator<Item = QuarantinedAddress> {
    let evidence = LinkEvidence {
        link: link.name.clone(),
        mac: Some(link.mac),
        netns: link.nsid.map(in_namespace),
        reason: "a link that another plugin made and that no record of ours explains".into(),
    };
    quarantined(any_network(), &link.addresses, evidence, now)
}

fn quarantined(
    network: NetworkTag,
    addresses: &[IpAddr],
    evidence: LinkEvidence,
    now: SystemTime,
) -> impl Iterator<Item = QuarantinedAddress> {
    addresses.iter().map(move |address| QuarantinedAddress {
        network,
        address: *address,
        attachment: None,
        since: unix_seconds(now),
        evidence: evidence.clone(),
    })
}

/// The path is lost with the record; the id is enough to ask the kernel.
fn in_namespace(nsid: i32) -> NetnsIdentity {
    NetnsIdentity {
        cookie: 0,
        path: String::new(),
        nsid: Some(nsid),
    }
}
