use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    BandwidthLimit, Dns, FlowDirection, FlowRule, InterfaceAddress, Isolation, LinkFlag,
    MacAddress, Neighbour, PacketCondition, PortMapping, Route, RoutingRule, SourceNat,
};

/// What a stage may propose: one function for each of the contract's, which has one interface, and one grant, for each
/// kind of change.
///
/// Nothing takes effect by itself: the host collects what is proposed, checks it against the stage's grants, the other
/// stages and its own invariants, and applies the chain whole or not at all. Only an ADD can propose anything.
pub trait Changes {
    /// Refuse the attachment. The rest of the chain runs all the same, so that every reason is told at once. The reason is
    /// shown to the operator, at most 4 KiB of it. Grant: `deny`.
    fn deny(&self, reason: &str);

    /// Give the container's interface one more address, behind the others. Grant: `address`.
    fn add_address(&self, address: InterfaceAddress);

    /// Take an address from it that IPAM or `prevResult` gave. Grant: `address`.
    fn remove_address(&self, address: IpAddr);

    /// Add a route. Without a gateway, that of its family is taken, if the addresses name one. Grant: `route`.
    fn add_route(&self, route: Route);

    /// Remove the route to `destination` through `gateway` (none: through whatever), in `table` (none: the main table, or
    /// that of the VRF that the interface is in). Routes that another stage added stay. Grant: `route`.
    fn remove_route(&self, destination: IpNet, gateway: Option<IpAddr>, table: Option<u32>);

    /// Add a routing rule. Grant: `rule`.
    fn add_rule(&self, rule: RoutingRule);

    /// Add a permanent neighbour entry. Grant: `neighbour`.
    fn add_neighbour(&self, neighbour: Neighbour);

    /// The interface's MTU, in bytes, 68–65535; with IPv6 addresses 1280 at least. Grant: `mtu`.
    fn set_mtu(&self, mtu: u32);

    /// The interface's Ethernet address: unicast and not zero. Grant: `mac`.
    fn set_mac(&self, address: MacAddress);

    /// The resolver settings, instead of those that IPAM or `prevResult` gave. Grant: `dns`.
    fn set_resolver(&self, dns: Dns);

    /// A sysctl of the container's namespace; its name begins with `net.`. Grant: `sysctl`.
    fn set_sysctl(&self, name: &str, value: &str);

    /// Switch a flag of the interface. Grant: `link-flag`.
    fn set_link_flag(&self, flag: LinkFlag, on: bool);

    /// The length of the interface's transmit queue, in packets. Grant: `link-flag`.
    fn set_transmit_queue_length(&self, packets: u32);

    /// Forward these ports of the host for packets that meet all conditions of their family; `mark_bit` (0–31) is the bit
    /// of a packet's mark that stands for source NAT. Grant: `port-forward`.
    fn forward_ports(
        &self,
        mappings: &[PortMapping],
        source_nat: SourceNat,
        mark_bit: u8,
        conditions: &[PacketCondition],
    );

    /// Hold one direction to a rate. Grant: `bandwidth`.
    fn limit_bandwidth(&self, limit: BandwidthLimit);

    /// Add a flow rule. Drop beats accept, whichever stage says it. Grant: `flow`.
    fn add_flow(&self, rule: FlowRule);

    /// Drop what no rule of this direction accepts. Grant: `flow`.
    fn deny_flows_by_default(&self, direction: FlowDirection);

    /// Keep other containers of this host away. Grant: `flow`.
    fn isolate(&self, isolation: Isolation);

    /// Let this container's packets pass where the host's own firewall drops what it forwards. Grant: `flow`.
    fn pass_host_firewall(&self);

    /// What the container sends to elsewhere than its own network and `exclude` gets the host's address. Grant:
    /// `masquerade`.
    fn masquerade(&self, exclude: &[IpNet]);

    /// Put the interface into the VRF of this name, with its addresses, routes and neighbours; routes without a table are in
    /// the VRF's from then on. It is made when it is not there, and goes with its last member. `table` is 1–252 or above 255;
    /// none: that of the VRF that is there, or one that no other VRF has. Grant: `vrf`.
    fn join_vrf(&self, name: &str, table: Option<u32>);
}
