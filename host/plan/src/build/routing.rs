use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{Addressing, Family, Route};

/// The first gateway of a family among the addresses.
pub(crate) fn gateway(addressing: &Addressing, family: Family) -> Option<IpAddr> {
    let mut gateways = addressing
        .addresses
        .iter()
        .filter_map(|entry| entry.gateway);
    gateways.find(|gateway| Family::of(*gateway) == family)
}

/// Names the gateway of each route that leaves it open (CNI 1.1.0, result `routes[].gw`).
pub(super) fn resolve(addressing: &Addressing) -> Vec<Route> {
    let resolved = addressing.routes.iter().cloned().map(|mut route| {
        if route.gateway.is_none() {
            route.gateway = gateway(addressing, Family::of(route.destination.addr()));
        }
        route
    });
    resolved.collect()
}

/// Adds a default route through its gateway for each family that has one and no default route yet.
pub(super) fn add_default_routes(addressing: &mut Addressing) {
    for family in Family::ALL {
        let there = addressing
            .routes
            .iter()
            .any(|route| route.is_default() && Family::of(route.destination.addr()) == family);
        if let (false, Some(gateway)) = (there, gateway(addressing, family)) {
            addressing
                .routes
                .push(Route::to(default_destination(family), Some(gateway)));
        }
    }
}

fn default_destination(family: Family) -> IpNet {
    match family {
        Family::Ipv4 => IpNet::V4(Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(Ipv6Net::default()),
    }
}

/// The first address of a network, which is its gateway unless something else is said.
pub(super) fn first_address(network: IpNet) -> Option<IpAddr> {
    match network {
        IpNet::V4(net) => u32::from(net.network())
            .checked_add(1)
            .map(|next| IpAddr::V4(next.into())),
        IpNet::V6(net) => u128::from(net.network())
            .checked_add(1)
            .map(|next| IpAddr::V6(next.into())),
    }
}
