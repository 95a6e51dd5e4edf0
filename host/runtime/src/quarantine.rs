//! State that was removed while containers live: the kernel still knows their links, and these lead to the addresses.

use std::net::IpAddr;
use std::time::SystemTime;

use kernel::{Kernel, KernelError, Linux, NftError, TaggedLink, UntaggedLink};
use plan::{Attachment, LinkKind, NetnsIdentity, NetworkTag, PortForwards, Undo};
use store::{
    CoolDown, Lease, LeaseFilter, LeaseState, LinkEvidence, QuarantinedAddress, QuarantinedPort,
    Store, StoreError,
};

use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::log::{Level, Log};
use crate::record;

/// Stands for every network: a link that another vendor's plugin made does not say which one its addresses are of.
pub(crate) fn any_network() -> NetworkTag {
    NetworkTag::from_bytes([0; 8])
}

/// Ends a store's creation: every address that a live container has is quarantined, and every port of the host that leads
/// to it, so that nobody gets them. Rules of containers that are gone are removed.
pub(crate) fn fill(store: &Store, log: &Log, now: SystemTime) -> Result<(), Cause> {
    let mut kernel = Linux::host()?;
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
    let ports = match rules(&mut kernel, &known, now) {
        // Who can't read nftables has no rules there either.
        Err(KernelError::Nft(error)) if !matches!(error, NftError::Contended { .. }) => {
            log.write(Level::Warning, &format!("rules of lost records: {error}"));
            Vec::new()
        }
        ports => ports?,
    };
    if !addresses.is_empty() || !ports.is_empty() {
        let text = format!(
            "the node's state is new; {} addresses of live containers and {} ports that lead to them are quarantined",
            addresses.len(),
            ports.len()
        );
        log.write(Level::Warning, &text);
    }
    Ok(store.finish_new(&addresses, &ports)?)
}

/// Removes the rules of containers that are gone; the ports that lead to the others.
fn rules(
    kernel: &mut Linux,
    known: &[IpAddr],
    now: SystemTime,
) -> Result<Vec<QuarantinedPort>, KernelError> {
    let live = kernel.container_addresses()?;
    kernel.forget_containers(&|address| !live.contains(&address) && !known.contains(&address))?;
    let mut ports = Vec::new();
    for PortForwards { tag, forwards } in kernel.forwarded_ports()? {
        ports.extend(forwards.into_iter().map(|forward| QuarantinedPort {
            tag,
            forward,
            since: unix_seconds(now),
        }));
    }
    Ok(ports)
}

/// Frees the ports in quarantine that lead to no container any more, with their rules.
pub(crate) fn release_ports(store: &Store, kernel: &mut Linux) -> Result<(), Cause> {
    let ports = store.quarantined_ports()?;
    if ports.is_empty() {
        return Ok(());
    }
    let live = kernel.container_addresses()?;
    for port in ports {
        if !live.contains(&port.forward.target.ip()) {
            release_port(store, kernel, &port)?;
        }
    }
    Ok(())
}

/// Frees a port in quarantine, and takes its rule away.
pub(crate) fn release_port(
    store: &Store,
    kernel: &mut Linux,
    port: &QuarantinedPort,
) -> Result<(), Cause> {
    let forwards = PortForwards {
        tag: port.tag,
        forwards: vec![port.forward],
    };
    kernel.undo(&Undo::ForgetPortForwards(forwards))?;
    Ok(store.release_port(port)?)
}

/// Deletes ifbs through which nothing goes any more and which no record names.
pub(crate) fn delete_idle_ifbs(store: &Store, kernel: &mut Linux) -> Result<(), Cause> {
    let idle = kernel.idle_ifbs()?;
    if idle.is_empty() {
        return Ok(());
    }
    // Read after the links: a record is written before its ifb is made.
    let records = record::all(store, None)?;
    let parts = records.iter().flat_map(|record| &record.parts);
    let recorded: Vec<&Undo> = parts.flat_map(|part| &part.undo).collect();
    for ifb in idle.iter().filter(|ifb| !recorded.contains(ifb)) {
        kernel.undo(ifb)?;
    }
    Ok(())
}

/// Frees an address whose link is gone. The record is lost, so what went with it is found by the address alone: rules and
/// ports.
pub(crate) fn release_address(
    store: &Store,
    kernel: &mut Linux,
    lease: &Lease,
) -> Result<(), Cause> {
    // Networks may have the same addresses; rules tell only some of them apart.
    if !is_leased_elsewhere(store, lease)? {
        kernel.forget_containers(&|address| address == lease.address)?;
        let ports = store.quarantined_ports()?;
        let led = |port: &QuarantinedPort| port.forward.target.ip() == lease.address;
        for port in ports.iter().filter(|port| led(port)) {
            release_port(store, kernel, port)?;
        }
    }
    store.force_release(lease.network, lease.address)?;
    Ok(())
}

fn is_leased_elsewhere(store: &Store, lease: &Lease) -> Result<bool, Cause> {
    let is_other = |other: &Lease| {
        let in_use = matches!(other.state, LeaseState::Pending | LeaseState::Held);
        in_use && other.address == lease.address && other.network != lease.network
    };
    let mut after = None;
    loop {
        let page = store.list_leases(LeaseFilter::default(), after)?;
        if page.leases.iter().any(is_other) {
            return Ok(true);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
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
        kind: LinkKind::of_container(&link.kind),
        mac: Some(link.mac),
        netns: link.nsid.map(in_namespace),
        reason: "a link of an attachment whose record is lost".into(),
    };
    quarantined(link.alias.network, &link.alias.addresses, evidence, now)
}

fn of_untagged(link: &UntaggedLink, now: SystemTime) -> impl Iterator<Item = QuarantinedAddress> {
    let evidence = LinkEvidence {
        link: link.name.clone(),
        kind: link.kind,
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
