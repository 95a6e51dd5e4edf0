use std::net::IpAddr;

use ipnet::IpNet;

use super::Imports;
use crate::bindings::policy::wasm_cni::plugin::{
    address, bandwidth, deny, dns, flow, link_flag, mac, masquerade, mtu, neighbour, port_forward,
    proposal, route, rule, sysctl, vrf,
};
use crate::bindings::wasm_cni::plugin::types;
use crate::{
    BandwidthLimit, Changes, Dns, FlowDirection, FlowRule, InterfaceAddress, Isolation, Link,
    LinkFlag, MacAddress, Neighbour, PacketCondition, PortMapping, Proposal, Route, RoutingRule,
    SourceNat, Sysctl,
};

fn raise<T, U: From<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(Into::into).collect()
}

/// A prefix that its family does not have never comes from a host that keeps the contract; what has one is left out.
fn raise_valid<T, U: TryFrom<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter()
        .filter_map(|item| item.try_into().ok())
        .collect()
}

impl Proposal for Imports {
    fn addresses(&self) -> Vec<InterfaceAddress> {
        raise_valid(proposal::addresses())
    }

    fn routes(&self) -> Vec<Route> {
        raise_valid(proposal::routes())
    }

    fn resolver(&self) -> Dns {
        proposal::resolver().into()
    }

    fn mtu(&self) -> Option<u32> {
        proposal::mtu()
    }

    fn mac(&self) -> Option<MacAddress> {
        proposal::mac().map(Into::into)
    }

    fn links(&self) -> Vec<Link> {
        raise(proposal::links())
    }

    fn rules(&self) -> Vec<RoutingRule> {
        raise_valid(proposal::rules())
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        raise(proposal::neighbours())
    }

    fn sysctls(&self) -> Vec<Sysctl> {
        raise(proposal::sysctls())
    }

    fn port_forwards(&self) -> Vec<PortMapping> {
        raise(proposal::port_forwards())
    }

    fn bandwidth_limits(&self) -> Vec<BandwidthLimit> {
        raise(proposal::bandwidth_limits())
    }

    fn flow_rules(&self) -> Vec<FlowRule> {
        raise_valid(proposal::flow_rules())
    }
}

impl Changes for Imports {
    fn deny(&self, reason: &str) {
        deny::refuse(reason);
    }

    fn add_address(&self, address: InterfaceAddress) {
        address::add(address.into());
    }

    fn remove_address(&self, address: IpAddr) {
        address::remove(address.into());
    }

    fn add_route(&self, route: Route) {
        route::add(route.into());
    }

    fn remove_route(&self, destination: IpNet, gateway: Option<IpAddr>, table: Option<u32>) {
        route::remove(destination.into(), gateway.map(Into::into), table);
    }

    fn add_rule(&self, rule: RoutingRule) {
        rule::add(rule.into());
    }

    fn add_neighbour(&self, neighbour: Neighbour) {
        neighbour::add(neighbour.into());
    }

    fn set_mtu(&self, mtu: u32) {
        mtu::set(mtu);
    }

    fn set_mac(&self, address: MacAddress) {
        mac::set(address.into());
    }

    fn set_resolver(&self, dns: Dns) {
        dns::set(&dns.into());
    }

    fn set_sysctl(&self, name: &str, value: &str) {
        sysctl::set(&types::Sysctl {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }

    fn set_link_flag(&self, flag: LinkFlag, on: bool) {
        link_flag::set(flag.into(), on);
    }

    fn set_transmit_queue_length(&self, packets: u32) {
        link_flag::set_transmit_queue_length(packets);
    }

    fn forward_ports(
        &self,
        mappings: &[PortMapping],
        source_nat: SourceNat,
        mark_bit: u8,
        conditions: &[PacketCondition],
    ) {
        let mappings: Vec<types::PortMapping> = mappings.iter().copied().map(Into::into).collect();
        let conditions: Vec<types::PacketCondition> =
            conditions.iter().cloned().map(Into::into).collect();
        port_forward::forward(&mappings, source_nat.into(), mark_bit, &conditions);
    }

    fn limit_bandwidth(&self, limit: BandwidthLimit) {
        bandwidth::limit(limit.into());
    }

    fn add_flow(&self, rule: FlowRule) {
        flow::add(rule.into());
    }

    fn deny_flows_by_default(&self, direction: FlowDirection) {
        flow::deny_by_default(direction.into());
    }

    fn isolate(&self, isolation: Isolation) {
        flow::isolate(isolation.into());
    }

    fn pass_host_firewall(&self) {
        flow::pass_host_firewall();
    }

    fn masquerade(&self, exclude: &[IpNet]) {
        let exclude: Vec<types::IpNetwork> = exclude.iter().copied().map(Into::into).collect();
        masquerade::enable(&exclude);
    }

    fn join_vrf(&self, name: &str, table: Option<u32>) {
        vrf::join(name, table);
    }
}
