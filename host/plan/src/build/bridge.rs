use ipnet::IpNet;

use super::{LinkRequest, Plan, routing};
use crate::attachment::hashed_interface_name;
use crate::link::mtu;
use crate::{
    Addressing, Bridge, BridgeDevice, BridgePort, GatewayAddresses, LinkAlias, SpoofCheck, Step,
    VethPair, VlanGateway,
};

pub(super) fn steps(request: &LinkRequest<'_>, bridge: &Bridge) -> Plan {
    let addressing = request.addressing;
    let mut steps = vec![Step::Bridge(BridgeDevice {
        name: bridge.bridge.clone(),
        mac: request.identity.bridge_mac,
        mtu: mtu(bridge.mtu),
        vlan_filtering: bridge.filters_vlans(),
        promiscuous: bridge.promisc_mode,
        mcast_snooping: bridge.mcast_snooping,
        alias: LinkAlias::new(request.attachment.network_tag(), []).to_string(),
    })];
    if bridge.gateway() {
        steps.extend(gateway_steps(bridge, addressing));
        steps.extend(request.forwarding());
    }
    steps.push(Step::Veth(veth(request, bridge)));
    if bridge.macspoofchk {
        steps.push(Step::SpoofCheck(SpoofCheck {
            port: request.attachment.host_interface_name(),
            mac: request.identity.container_mac,
        }));
    }
    let [chain, sources] = request
        .masquerade()
        .map_or([None, None], |steps| steps.map(Some));
    steps.extend(chain);
    if !bridge.disable_container_interface {
        let routed = bridge.gateway() && !addressing.addresses.is_empty();
        let link_local = request.speaks_ipv6() || !routed;
        steps.extend(request.container(addressing, bridge.enabledad, link_local));
        if !neighbours_know(request, bridge) {
            steps.extend(request.announcement());
        }
    }
    steps.extend(sources);
    Plan {
        steps,
        addressing: addressing.clone(),
    }
}

/// Whoever had the addresses before had this Ethernet address too, so what a neighbour knows of them is right.
fn neighbours_know(request: &LinkRequest<'_>, bridge: &Bridge) -> bool {
    let first = request.addressing.first();
    first.map(|first| bridge.mac_of_holder(first)) == Some(request.identity.container_mac)
}

/// The reference plugin takes the network's first address for a gateway that IPAM does not name.
pub(super) fn complete(addressing: &Addressing, bridge: &Bridge) -> Addressing {
    let mut addressing = addressing.clone();
    if bridge.gateway() {
        for entry in &mut addressing.addresses {
            entry.gateway = entry
                .gateway
                .or_else(|| routing::first_address(entry.address));
        }
    }
    if bridge.is_default_gateway {
        routing::add_default_routes(&mut addressing);
    }
    addressing.routes = routing::resolve(&addressing);
    addressing
}

fn gateway_steps(bridge: &Bridge, addressing: &Addressing) -> Vec<Step> {
    let mut addresses: Vec<IpNet> = Vec::new();
    for entry in &addressing.addresses {
        let gateway = entry
            .gateway
            .and_then(|gateway| IpNet::new(gateway, entry.address.prefix_len()).ok());
        addresses.extend(gateway.filter(|gateway| !addresses.contains(gateway)));
    }
    if addresses.is_empty() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    let mut link = bridge.bridge.clone();
    if bridge.vlan != 0 {
        let name = format!("{}.{}", bridge.bridge, bridge.vlan);
        link.clone_from(&name);
        steps.push(Step::VlanGateway(VlanGateway {
            bridge: bridge.bridge.clone(),
            port_name: hashed_interface_name("vlgw", name.as_bytes()),
            name,
            vlan: bridge.vlan,
        }));
    }
    steps.push(Step::GatewayAddresses(GatewayAddresses {
        link,
        addresses,
        replace: bridge.force_address,
    }));
    steps
}

fn veth(request: &LinkRequest<'_>, bridge: &Bridge) -> VethPair {
    VethPair {
        host_name: request.attachment.host_interface_name(),
        host_mac: request.identity.host_mac,
        container_name: request.attachment.interface_name.clone(),
        container_mac: request.identity.container_mac,
        mtu: request.mtu,
        group: request.identity.group,
        alias: request.alias(),
        // What a port receives goes to its bridge.
        link_local: false,
        port: Some(BridgePort {
            bridge: bridge.bridge.clone(),
            hairpin: bridge.hairpin_mode,
            isolated: bridge.port_isolation,
            vlan: (bridge.vlan != 0).then_some(bridge.vlan),
            trunk: bridge
                .vlan_trunk
                .iter()
                .filter_map(|entry| entry.bounds())
                .collect(),
            preserve_default_vlan: bridge.preserve_default_vlan,
        }),
    }
}
