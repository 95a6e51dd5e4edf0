use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    BandwidthLimit, Dns, FlowDirection, FlowRule, InterfaceAddress, Isolation, LinkFlag,
    MacAddress, Neighbour, PacketCondition, PortMapping, Route, RoutingRule, SourceNat, Sysctl,
};

/// What a stage proposed: one case for each function of [`Changes`](crate::Changes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// [`deny`](crate::Changes::deny), with its reason.
    Deny(String),
    /// [`add_address`](crate::Changes::add_address).
    AddAddress(InterfaceAddress),
    /// [`remove_address`](crate::Changes::remove_address).
    RemoveAddress(IpAddr),
    /// [`add_route`](crate::Changes::add_route).
    AddRoute(Route),
    /// [`remove_route`](crate::Changes::remove_route).
    RemoveRoute {
        /// Where the route leads.
        destination: IpNet,
        /// None: through whatever.
        gateway: Option<IpAddr>,
        /// None: the main table.
        table: Option<u32>,
    },
    /// [`add_rule`](crate::Changes::add_rule).
    AddRule(RoutingRule),
    /// [`add_neighbour`](crate::Changes::add_neighbour).
    AddNeighbour(Neighbour),
    /// [`set_mtu`](crate::Changes::set_mtu).
    SetMtu(u32),
    /// [`set_mac`](crate::Changes::set_mac).
    SetMac(MacAddress),
    /// [`set_resolver`](crate::Changes::set_resolver).
    SetResolver(Dns),
    /// [`set_sysctl`](crate::Changes::set_sysctl).
    SetSysctl(Sysctl),
    /// [`set_link_flag`](crate::Changes::set_link_flag).
    SetLinkFlag(LinkFlag, bool),
    /// [`set_transmit_queue_length`](crate::Changes::set_transmit_queue_length).
    SetTransmitQueueLength(u32),
    /// [`forward_ports`](crate::Changes::forward_ports).
    ForwardPorts {
        /// Which ports.
        mappings: Vec<PortMapping>,
        /// Whose source address is replaced.
        source_nat: SourceNat,
        /// The bit of the mark that stands for source NAT.
        mark_bit: u8,
        /// All that the packets must meet.
        conditions: Vec<PacketCondition>,
    },
    /// [`limit_bandwidth`](crate::Changes::limit_bandwidth).
    LimitBandwidth(BandwidthLimit),
    /// [`add_flow`](crate::Changes::add_flow).
    AddFlow(FlowRule),
    /// [`deny_flows_by_default`](crate::Changes::deny_flows_by_default).
    DenyFlowsByDefault(FlowDirection),
    /// [`isolate`](crate::Changes::isolate).
    Isolate(Isolation),
    /// [`pass_host_firewall`](crate::Changes::pass_host_firewall).
    PassHostFirewall,
    /// [`masquerade`](crate::Changes::masquerade), with what is excluded.
    Masquerade(Vec<IpNet>),
    /// [`join_vrf`](crate::Changes::join_vrf).
    JoinVrf {
        /// The VRF.
        name: String,
        /// Its table.
        table: Option<u32>,
    },
}
