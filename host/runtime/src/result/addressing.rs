//! What was decided about addresses, and the same in words of the CNI result.

use cni::result::{CniResult, Dns, IpConfig, Route};
use plan::{Addressing, InterfaceAddress};

/// The abbreviated result of an IPAM plugin: no interfaces (CNI 1.1.0, section 4).
pub(crate) fn of_addressing(addressing: &Addressing) -> CniResult {
    let addresses = addressing.addresses.iter();
    CniResult {
        interfaces: Vec::new(),
        ips: addresses.map(|entry| of_address(entry, None)).collect(),
        routes: addressing.routes.iter().map(of_route).collect(),
        dns: of_dns(&addressing.dns),
    }
}

pub(super) fn of_address(entry: &InterfaceAddress, interface: Option<usize>) -> IpConfig {
    IpConfig {
        interface,
        address: entry.address,
        gateway: entry.gateway,
    }
}

pub(super) fn of_route(route: &plan::Route) -> Route {
    Route {
        dst: route.destination,
        gw: route.gateway,
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        scope: route.scope,
    }
}

pub(super) fn of_dns(dns: &plan::Dns) -> Dns {
    Dns {
        nameservers: dns.nameservers.clone(),
        domain: dns.domain.clone(),
        search: dns.search.clone(),
        options: dns.options.clone(),
    }
}

/// All that a result says of addresses.
pub(crate) fn addressing(result: &CniResult) -> Addressing {
    addressing_of(result, |_| true)
}

/// The same with those addresses alone whose index of an interface is wanted.
pub(crate) fn addressing_of(
    result: &CniResult,
    wanted: impl Fn(Option<usize>) -> bool,
) -> Addressing {
    let addresses = result.ips.iter().filter(|ip| wanted(ip.interface));
    let routes = result.routes.iter().map(|route| plan::Route {
        destination: route.dst,
        gateway: route.gw,
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        scope: route.scope,
    });
    Addressing {
        addresses: addresses
            .map(|ip| InterfaceAddress {
                address: ip.address,
                gateway: ip.gateway,
            })
            .collect(),
        routes: routes.collect(),
        dns: plan::Dns {
            nameservers: result.dns.nameservers.clone(),
            domain: result.dns.domain.clone(),
            search: result.dns.search.clone(),
            options: result.dns.options.clone(),
        },
    }
}
