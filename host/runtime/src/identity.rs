//! What the objects of an attachment are recognised by: fixed and written down before any of them exists.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use kernel::Linux;
use plan::{Attachment, Identity, Link, MacAddress, MacvlanMode};
use store::Store;

use crate::failure::Cause;

/// Chooses Ethernet addresses and link group. The container's address is, in this order, the one that the runtime asks
/// for, the one that is configured, the one that goes with its address on a bridge, a made one.
///
/// `leased` is the first address, if the host leases it: then nobody else on the bridge has it.
pub(crate) fn choose(
    kernel: &Linux,
    store: &Store,
    attachment: &Attachment,
    link: &Link,
    requested: Option<MacAddress>,
    leased: Option<IpAddr>,
    now: SystemTime,
) -> Result<Identity, Cause> {
    let made = |end: &str| made(end, attachment, now);
    let configured = requested.or_else(|| configured(link));
    let container_mac = match (configured, master_with_address(link)) {
        (Some(mac), _) => mac,
        (None, Some((master, in_container))) => kernel.address_of_master(master, in_container)?,
        (None, None) => of_holder(link, leased).unwrap_or_else(|| made("container")),
    };
    Ok(Identity {
        container_mac,
        host_mac: made("host"),
        bridge_mac: made("bridge"),
        group: store.next_group()?,
    })
}

/// The Ethernet address that goes with an address, so that the next holder has it too.
pub(crate) fn of_holder(link: &Link, leased: Option<IpAddr>) -> Option<MacAddress> {
    match link {
        Link::Bridge(bridge) => Some(bridge.mac_of_holder(leased?)),
        _ => None,
    }
}

/// The master whose Ethernet address a link has, and whether that is inside the container.
pub(crate) fn master_with_address(link: &Link) -> Option<(Option<&str>, bool)> {
    match link {
        // The kernel gives it no other.
        Link::Macvlan(macvlan) if macvlan.mode == MacvlanMode::Passthru => {
            Some((macvlan.master.as_deref(), macvlan.link_in_container))
        }
        Link::Ipvlan(ipvlan) => Some((ipvlan.master.as_deref(), ipvlan.link_in_container)),
        // With the master's address it needs no filter of the device below, as with the reference plugin.
        Link::Vlan(vlan) => Some((Some(&vlan.master), vlan.link_in_container)),
        _ => None,
    }
}

/// The Ethernet address that the operator has written down.
pub(crate) fn configured(link: &Link) -> Option<MacAddress> {
    match link {
        Link::Macvlan(macvlan) => macvlan.mac,
        Link::Tap(tap) => tap.mac,
        _ => None,
    }
}

/// Another one for each call, so that undo tells what this call made from what an earlier or later one did.
pub(crate) fn made(end: &str, attachment: &Attachment, now: SystemTime) -> MacAddress {
    let instant = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let seed = format!(
        "{end} {} {instant} {}",
        attachment.key(),
        std::process::id()
    );
    MacAddress::from_seed(seed.as_bytes())
}
