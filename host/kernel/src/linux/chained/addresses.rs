use ipnet::IpNet;
use netlink_packet_route::address::AddressFlags;
use nix::errno::Errno;
use plan::{AddressAmendment, Family, InterfaceAddress, Mismatch};

use super::{Linux, find};
use crate::linux::verify::Differences;
use crate::netlink::{
    AddressState, LinkState, Refusal, RouteState, address_message, on_link, route_message,
};
use crate::{KernelError, Netns, Undone, sysctl};

impl Linux {
    pub(in crate::linux) fn amend_addresses(
        &self,
        wanted: &AddressAmendment,
    ) -> Result<(), KernelError> {
        let (container, link) = self.inside(&wanted.interface)?;
        change(container, &link, wanted).map(drop)
    }

    pub(in crate::linux) fn compare_amended_addresses(
        &self,
        wanted: &AddressAmendment,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        differences.addresses(container.route(), &link, &plain(&wanted.add))?;
        let found = read(container, &link)?;
        for entry in &wanted.remove {
            let back = has(&found, entry.address) && !wanted.add.contains(entry);
            let object = format!("address {} on {}", entry.address, link.name);
            differences.unless(!back, object, "missing", "present");
        }
        Ok(differences.found)
    }

    /// Without the removals of what is not there, and the additions of what is.
    pub(super) fn observe_addresses(
        &self,
        wanted: &AddressAmendment,
    ) -> Result<AddressAmendment, KernelError> {
        let container = self.container(|| format!("reading {}", wanted.interface))?;
        let mut observed = wanted.clone();
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(observed);
        };
        let found = read(container, &link)?;
        observed.remove.retain(|entry| has(&found, entry.address));
        let stays = |entry: &InterfaceAddress| {
            has(&found, entry.address) && !plain(&wanted.remove).contains(&entry.address)
        };
        observed.add.retain(|entry| !stays(entry));
        Ok(observed)
    }
}

pub(super) fn take_back(
    netns: &Netns,
    amendment: &AddressAmendment,
) -> Result<Undone, KernelError> {
    let Some(link) = find(netns.route(), &amendment.interface)? else {
        return Ok(Undone::AlreadyGone);
    };
    Ok(if change(netns, &link, amendment)? {
        Undone::Done
    } else {
        Undone::AlreadyGone
    })
}

pub(super) fn any_there(netns: &Netns, amendment: &AddressAmendment) -> Result<bool, KernelError> {
    let Some(link) = find(netns.route(), &amendment.interface)? else {
        return Ok(false);
    };
    let found = read(netns, &link)?;
    let mut ours = amendment.remove.iter();
    Ok(ours.any(|entry| has(&found, entry.address)))
}

/// Removes, then adds; tells whether anything was different before.
fn change(
    netns: &Netns,
    link: &LinkState,
    amendment: &AddressAmendment,
) -> Result<bool, KernelError> {
    let before = read(netns, link)?;
    let doomed = |address: IpNet| plain(&amendment.remove).contains(&address);
    let removed: Vec<IpNet> = before
        .iter()
        .map(|state| state.address)
        .filter(|address| doomed(*address))
        .collect();
    let routes = if removed.is_empty() {
        Vec::new()
    } else {
        routes_through(netns, link)?
    };
    for address in &removed {
        remove(netns, link, *address)?;
    }
    let mut changed = !removed.is_empty();
    enable_ipv6(netns, link, amendment)?;
    for entry in &amendment.add {
        if !has(&before, entry.address) || doomed(entry.address) {
            add(netns, link, entry.address, AddressFlags::empty())?;
            changed = true;
        }
    }
    if !removed.is_empty() {
        keep_addresses(netns, link, &before, &removed)?;
        keep_routes(netns, link, routes, &removed)?;
    }
    Ok(changed)
}

/// With an IPv4 address the kernel removes those that share its prefix and came later (unless `promote_secondaries`).
fn keep_addresses(
    netns: &Netns,
    link: &LinkState,
    before: &[AddressState],
    removed: &[IpNet],
) -> Result<(), KernelError> {
    let now = read(netns, link)?;
    for state in before {
        if !removed.contains(&state.address) && !has(&now, state.address) {
            add(
                netns,
                link,
                state.address,
                state.flags & AddressFlags::Noprefixroute,
            )?;
        }
    }
    Ok(())
}

/// With an interface's last IPv4 address the kernel removes all of its routes. Those that still lead somewhere are set
/// again; not the one to a removed address's own network.
fn keep_routes(
    netns: &Netns,
    link: &LinkState,
    mut before: Vec<(RouteState, bool)>,
    removed: &[IpNet],
) -> Result<(), KernelError> {
    let now = routes_through(netns, link)?;
    // Gateways are reached by routes without one.
    before.sort_by_key(|(route, _)| route.gateway.is_some());
    for (route, decreed) in before {
        let of_address =
            route.gateway.is_none() && removed.iter().any(|each| each.trunc() == route.destination);
        if of_address || now.iter().any(|(each, _)| *each == route) {
            continue;
        }
        let message = route_message(link, &route.as_wanted(link));
        let mut outcome = netns.route().add_route(message.clone());
        if decreed && outcome.as_ref().is_err_and(Refusal::is_unreachable) {
            outcome = netns.route().add_route(on_link(message));
        }
        match outcome {
            Ok(()) => {}
            Err(refusal) if refusal.is_unreachable() => {}
            // The link is down, or the kernel has set the route by itself.
            Err(refusal) if matches!(refusal.errno, Errno::ENETDOWN | Errno::EEXIST) => {}
            Err(refusal) => {
                return Err(refusal.when(format!("setting route {route} again")));
            }
        }
    }
    Ok(())
}

/// An interface that has no IPv6 takes none of its addresses.
fn enable_ipv6(
    netns: &Netns,
    link: &LinkState,
    amendment: &AddressAmendment,
) -> Result<(), KernelError> {
    let wanted = amendment
        .added()
        .any(|address| Family::of(address) == Family::Ipv6);
    if !wanted || link.ipv6.is_some_and(|settings| !settings.disabled) {
        return Ok(());
    }
    let path = sysctl::of_interface("ipv6", &link.name, "disable_ipv6");
    netns.run(move || sysctl::ensure(&path, "0"))?
}

pub(super) fn read(netns: &Netns, link: &LinkState) -> Result<Vec<AddressState>, KernelError> {
    let found = netns.route().addresses(link.index, None);
    found.map_err(|refusal| refusal.when(format!("reading the addresses of {}", link.name)))
}

fn routes_through(netns: &Netns, link: &LinkState) -> Result<Vec<(RouteState, bool)>, KernelError> {
    let found = netns.route().routes_through(link.index);
    found.map_err(|refusal| refusal.when(format!("reading the routes of {}", link.name)))
}

fn remove(netns: &Netns, link: &LinkState, address: IpNet) -> Result<(), KernelError> {
    let message = address_message(link.index, address, AddressFlags::empty());
    match netns.route().remove_address(message) {
        Ok(()) => Ok(()),
        // It went with another one.
        Err(refusal) if refusal.errno == Errno::EADDRNOTAVAIL => Ok(()),
        Err(refusal) => Err(refusal.when(format!("removing {address} from {}", link.name))),
    }
}

/// IPv6 addresses are usable at once: whoever chose them knows that they are unique.
pub(super) fn add(
    netns: &Netns,
    link: &LinkState,
    address: IpNet,
    mut flags: AddressFlags,
) -> Result<(), KernelError> {
    if matches!(address, IpNet::V6(_)) {
        flags |= AddressFlags::Nodad;
    }
    let message = address_message(link.index, address, flags);
    netns
        .route()
        .add_address(message)
        .map_err(|refusal| refusal.when(format!("adding {address} to {}", link.name)))
}

fn plain(entries: &[InterfaceAddress]) -> Vec<IpNet> {
    entries.iter().map(|entry| entry.address).collect()
}

pub(super) fn has(found: &[AddressState], address: IpNet) -> bool {
    found.iter().any(|state| state.address == address)
}
