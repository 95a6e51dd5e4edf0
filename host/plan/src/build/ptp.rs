use std::net::IpAddr;

use super::{LinkRequest, Plan};
use crate::{Addressing, ContainerAddresses, ContainerRoutes, HostEnd, Route, Step, VethPair};

pub(super) fn steps(request: &LinkRequest<'_>) -> Result<Plan, Vec<String>> {
    let interface = &request.attachment.interface_name;
    let host_name = request.attachment.host_interface_name();
    let addressing = request.addressing;
    let gateways = gateways(addressing)?;
    let mut steps: Vec<Step> = request.forwarding().collect();
    steps.push(Step::Veth(VethPair {
        host_name: host_name.clone(),
        host_mac: request.identity.host_mac,
        container_name: interface.clone(),
        container_mac: request.identity.container_mac,
        mtu: request.mtu,
        group: request.identity.group,
        alias: request.alias(),
        link_local: request.speaks_ipv6(),
        port: None,
    }));
    let [chain, sources] = request
        .masquerade()
        .map_or([None, None], |steps| steps.map(Some));
    steps.extend(chain);
    steps.push(Step::HostEnd(HostEnd {
        link: host_name,
        addresses: gateways.clone(),
        routes: request.addresses(),
    }));
    steps.push(Step::ContainerAddresses(ContainerAddresses {
        interface: interface.clone(),
        addresses: addressing.addresses.clone(),
        duplicate_address_detection: false,
        no_prefix_route: true,
        link_local: request.speaks_ipv6(),
    }));
    steps.push(Step::ContainerRoutes(ContainerRoutes {
        interface: interface.clone(),
        on_link: gateways,
        routes: routes(addressing),
    }));
    steps.extend(sources);
    Ok(Plan {
        steps,
        addressing: addressing.clone(),
    })
}

/// The network itself is reached through the gateway too: the other end of the link is the host alone.
fn routes(addressing: &Addressing) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for entry in &addressing.addresses {
        let subnet = entry.address.trunc();
        let route = Route::to(subnet, entry.gateway);
        let host_route = subnet.prefix_len() == subnet.max_prefix_len();
        if !host_route && !routes.contains(&route) {
            routes.push(route);
        }
    }
    routes.extend(addressing.routes.iter().cloned());
    routes
}

fn gateways(addressing: &Addressing) -> Result<Vec<IpAddr>, Vec<String>> {
    let mut gateways = Vec::new();
    let mut problems = Vec::new();
    for entry in &addressing.addresses {
        match entry.gateway {
            Some(gateway) if !gateways.contains(&gateway) => gateways.push(gateway),
            Some(_) => {}
            None => problems.push(format!(
                "address {} has no gateway, and a point-to-point link needs one: configure `gateway` in `ipam`",
                entry.address
            )),
        }
    }
    if problems.is_empty() {
        Ok(gateways)
    } else {
        Err(problems)
    }
}
