mod connection_zone;
mod container;
mod flow;
mod link;
mod port_forward;
mod shaping;
mod vrf;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use connection_zone::ConnectionZone;
pub use container::{
    AddressAmendment, ContainerSysctl, LinkAttributes, LinkSettings, Neighbours, RouteAmendment,
    RoutingRules,
};
pub use flow::{Flows, HostFirewallPass, IsolatedAddresses};
pub use link::{DeviceMove, DeviceState, DummyDevice, IpvlanDevice, TapDevice, VlanDevice};
pub use port_forward::{ForwardTag, PortForward, PortForwardChain, PortForwards};
pub use shaping::{IfbDevice, Redirect, TokenBucket};
pub use vrf::VrfMembership;

use crate::{Family, InterfaceAddress, MacAddress, MacvlanMode, NetworkTag, Route};

/// One thing to do. Steps on *shared* objects (bridge, gateway address, forwarding, tables and chains) belong to the
/// node: they are made when missing, compared when there, and never undone with an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Shared: the bridge is there, up and set as wanted.
    Bridge(BridgeDevice),
    /// Shared: the veth that gives a VLAN of a bridge a gateway is there.
    VlanGateway(VlanGateway),
    /// Shared: the gateway's addresses are on the bridge.
    GatewayAddresses(GatewayAddresses),
    /// Shared: the host forwards packets of this family.
    Forwarding {
        /// The family.
        family: Family,
    },
    /// Shared: table, chain and exclusions of a network that masquerades.
    MasqueradeNetwork(MasqueradeNetwork),
    /// A veth pair, made with both ends in place.
    Veth(VethPair),
    /// A macvlan inside the container.
    Macvlan(MacvlanDevice),
    /// An ipvlan inside the container.
    Ipvlan(IpvlanDevice),
    /// A VLAN inside the container, of an interface of the host.
    Vlan(VlanDevice),
    /// A device of the host is inside the container.
    HostDevice(DeviceMove),
    /// A dummy inside the container.
    Dummy(DummyDevice),
    /// A tap inside the container.
    Tap(TapDevice),
    /// The container's `lo` is up.
    Loopback {},
    /// Frames of a port must carry the container's Ethernet address.
    SpoofCheck(SpoofCheck),
    /// Addresses of the container's interface, which is set up.
    ContainerAddresses(ContainerAddresses),
    /// Addresses and routes of the host's end of a point-to-point link.
    HostEnd(HostEnd),
    /// Routes inside the container.
    ContainerRoutes(ContainerRoutes),
    /// Tell the neighbours: gratuitous ARP and unsolicited neighbour advertisement.
    Announce(Announcement),
    /// What these addresses send out of the network is masqueraded.
    Masquerade(MasqueradeSources),
    /// Addresses of an interface that another plugin has set up.
    AmendAddresses(AddressAmendment),
    /// Routes inside a container that another plugin has set up.
    AmendRoutes(RouteAmendment),
    /// Routing rules inside the container.
    RoutingRules(RoutingRules),
    /// Permanent neighbour entries of the container's interface.
    Neighbours(Neighbours),
    /// Attributes of the container's interface.
    LinkSettings(LinkSettings),
    /// The container's interface is in a VRF.
    JoinVrf(VrfMembership),
    /// A sysctl of the container.
    Sysctl(ContainerSysctl),
    /// Frames may go back through the port that they came from.
    Hairpin {
        /// The port of a bridge, on the host.
        port: String,
    },
    /// The port reaches no other isolated port of its bridge.
    PortIsolation {
        /// The port of a bridge, on the host.
        port: String,
    },
    /// What a link of the host sends is held to a rate.
    TokenBucket(TokenBucket),
    /// An intermediate functional block: what it is given leaves by its queue.
    Ifb(IfbDevice),
    /// What a link of the host receives goes through another link's queue first.
    Redirect(Redirect),
    /// Shared: what a bridge forwards between its ports passes nftables (`IFLA_BR_NF_CALL_IPTABLES`).
    BridgeFilter {
        /// The bridge.
        bridge: String,
        /// It is ours to set. Another's is only looked at, and it is an error if its packets pass by.
        ours: bool,
    },
    /// Shared: packets to 127.0.0.0/8 may leave by a link (`route_localnet`), and none from outside may come to it.
    RouteLocalnet {
        /// The link.
        link: String,
    },
    /// Shared: the chain and maps that give datagrams to forwarded ports their zone ([`PortForward::zone`]).
    ConnectionZones {},
    /// Shared: the chains and maps of one way of forwarding ports on one network.
    PortForwardChain(PortForwardChain),
    /// These ports of the host lead to the container.
    PortForwards(PortForwards),
    /// Shared: the chains and maps of flow rules and isolation.
    FlowTable {},
    /// Which packets may reach and leave the container.
    Flows(Flows),
    /// The container is kept apart from others of the host.
    Isolation(IsolatedAddresses),
    /// Shared: packets with our mark pass where the host's own firewall drops what it forwards.
    HostFirewallAccept {},
    /// What the container sends and receives gets our mark, unless a flow rule drops it.
    HostFirewallPass(HostFirewallPass),
}

/// See [`Step::Bridge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BridgeDevice {
    /// Its name.
    pub name: String,
    /// Its Ethernet address when it is made here; fixed, so that ports that come and go do not change it.
    pub mac: MacAddress,
    /// In bytes when it is made here; None means the kernel's default.
    pub mtu: Option<u32>,
    /// VLAN filtering is on.
    pub vlan_filtering: bool,
    /// It is promiscuous.
    pub promiscuous: bool,
    /// It snoops multicast when it is made here (`IFLA_BR_MCAST_SNOOPING`).
    #[serde(default)]
    pub mcast_snooping: bool,
    /// Its alias when it is made here (`IFLA_IFALIAS`): the network, so that it is known as ours when that is purged.
    #[serde(default)]
    pub alias: String,
}

/// See [`Step::VlanGateway`]. As in the reference plugin the veth is called `<bridge>.<vlan>` and its peer is a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VlanGateway {
    /// The bridge.
    pub bridge: String,
    /// The end that carries the gateway's addresses.
    pub name: String,
    /// The end that is a port of the bridge.
    pub port_name: String,
    /// The port's untagged VLAN.
    pub vlan: u16,
}

/// See [`Step::GatewayAddresses`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayAddresses {
    /// The bridge, or its VLAN's gateway veth.
    pub link: String,
    /// The gateways, each with the network's prefix length.
    pub addresses: Vec<IpNet>,
    /// Replace addresses that overlap and differ; otherwise they are an error.
    pub replace: bool,
}

/// See [`Step::MasqueradeNetwork`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MasqueradeNetwork {
    /// The network.
    pub network: NetworkTag,
    /// Its name, for comments.
    pub name: String,
    /// The network's own subnets, never masqueraded. Added to those known already: ranges may come and go.
    pub subnets: Vec<IpNet>,
    /// The operator's exclusions (`masqExclude`). They replace those known already.
    pub exclude: Vec<IpNet>,
}

/// See [`Step::Veth`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VethPair {
    /// The host's end.
    pub host_name: String,
    /// The host end's Ethernet address.
    pub host_mac: MacAddress,
    /// The container's end.
    pub container_name: String,
    /// The container end's Ethernet address.
    pub container_mac: MacAddress,
    /// Of both ends, in bytes; None means the kernel's default.
    pub mtu: Option<u32>,
    /// `IFLA_GROUP` of the host's end: all links of one attachment share it.
    pub group: u32,
    /// `IFLA_IFALIAS` of the host's end: our tag and the addresses.
    pub alias: String,
    /// The kernel gives the host's end an IPv6 link-local address.
    pub link_local: bool,
    /// The bridge that the host's end is a port of.
    pub port: Option<BridgePort>,
}

/// How the host's end of a veth sits on its bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BridgePort {
    /// The bridge.
    pub bridge: String,
    /// Frames may go back through the port that they came from.
    pub hairpin: bool,
    /// It reaches no other isolated port.
    pub isolated: bool,
    /// The untagged VLAN.
    pub vlan: Option<u16>,
    /// Tagged VLANs, first and last.
    pub trunk: Vec<(u16, u16)>,
    /// Keep the bridge's default VLAN besides.
    pub preserve_default_vlan: bool,
}

/// See [`Step::Macvlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MacvlanDevice {
    /// The name inside the container.
    pub name: String,
    /// The interface below; None means the one of the default route.
    pub master: Option<String>,
    /// The master is inside the container.
    pub master_in_container: bool,
    /// How frames between macvlans of one master go.
    pub mode: MacvlanMode,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// In bytes; None means the master's.
    pub mtu: Option<u32>,
    /// Length of the queue for broadcast and multicast frames.
    pub broadcast_queue_length: Option<u32>,
    /// `IFLA_IFALIAS`: our tag and the addresses.
    pub alias: String,
}

/// See [`Step::SpoofCheck`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpoofCheck {
    /// The port on the host.
    pub port: String,
    /// The only source address that passes.
    pub mac: MacAddress,
}

/// See [`Step::ContainerAddresses`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerAddresses {
    /// The interface inside the container.
    pub interface: String,
    /// Its addresses; may be empty: then it is only set up.
    pub addresses: Vec<InterfaceAddress>,
    /// Keep IPv6 duplicate address detection. Otherwise addresses are usable at once (`IFA_F_NODAD`): the host knows
    /// that they are unique.
    pub duplicate_address_detection: bool,
    /// Add no on-link route for the addresses' prefixes (`IFA_F_NOPREFIXROUTE`): a point-to-point link.
    pub no_prefix_route: bool,
    /// The kernel gives it an IPv6 link-local address.
    pub link_local: bool,
}

/// See [`Step::HostEnd`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostEnd {
    /// The host's end of the veth.
    pub link: String,
    /// The gateways as host addresses (/32, /128).
    pub addresses: Vec<IpAddr>,
    /// The container's addresses, each reached through the link.
    pub routes: Vec<IpAddr>,
}

/// See [`Step::ContainerRoutes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRoutes {
    /// The interface that they go through.
    pub interface: String,
    /// Gateways that are reached by the link itself (scope link), set first: a point-to-point link.
    pub on_link: Vec<IpAddr>,
    /// In the order in which they are set; every gateway is resolved.
    pub routes: Vec<Route>,
}

/// See [`Step::Announce`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The interface inside the container.
    pub interface: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// The addresses to announce.
    pub addresses: Vec<IpAddr>,
}

/// See [`Step::Masquerade`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MasqueradeSources {
    /// The network.
    pub network: NetworkTag,
    /// The container's addresses.
    pub sources: Vec<IpAddr>,
}

impl Step {
    /// Is it a link that has no end on the host, so that it is found again by its namespace alone?
    #[must_use]
    pub fn is_link_inside(&self) -> bool {
        matches!(
            self,
            Self::Macvlan(_)
                | Self::Ipvlan(_)
                | Self::Vlan(_)
                | Self::HostDevice(_)
                | Self::Dummy(_)
                | Self::Tap(_)
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge(bridge) => write!(f, "bridge {}", bridge.name),
            Self::VlanGateway(gateway) => {
                write!(f, "gateway veth {} of VLAN {}", gateway.name, gateway.vlan)
            }
            Self::GatewayAddresses(gateway) => {
                write!(
                    f,
                    "gateway {} on {}",
                    list(&gateway.addresses),
                    gateway.link
                )
            }
            Self::Forwarding { family } => write!(f, "{family} forwarding"),
            Self::MasqueradeNetwork(network) => {
                write!(f, "masquerade chain of network {}", network.network)
            }
            Self::Veth(veth) => write!(
                f,
                "veth {} with peer {}",
                veth.host_name, veth.container_name
            ),
            Self::Macvlan(macvlan) => write!(f, "macvlan {}", macvlan.name),
            Self::Ipvlan(ipvlan) => write!(f, "ipvlan {}", ipvlan.name),
            Self::Vlan(vlan) => write!(f, "VLAN {} of {}: {}", vlan.id, vlan.master, vlan.name),
            Self::HostDevice(moved) => write!(f, "device {} as {}", moved.device.name, moved.name),
            Self::Dummy(dummy) => write!(f, "dummy {}", dummy.name),
            Self::Tap(tap) => write!(f, "tap {}", tap.name),
            Self::Loopback {} => f.write_str("lo up"),
            Self::SpoofCheck(check) => write!(f, "spoof check of {} for {}", check.port, check.mac),
            Self::ContainerAddresses(wanted) => {
                let addresses: Vec<_> = wanted.addresses.iter().map(|each| each.address).collect();
                write!(f, "addresses {} on {}", list(&addresses), wanted.interface)
            }
            Self::HostEnd(end) => {
                write!(f, "host routes {} through {}", list(&end.routes), end.link)
            }
            Self::ContainerRoutes(wanted) => {
                let routes: Vec<_> = wanted.routes.iter().map(|each| each.destination).collect();
                write!(f, "routes {} through {}", list(&routes), wanted.interface)
            }
            Self::Announce(wanted) => write!(
                f,
                "announcement of {} by {}",
                list(&wanted.addresses),
                wanted.interface
            ),
            Self::Masquerade(wanted) => write!(f, "masquerade of {}", list(&wanted.sources)),
            Self::AmendAddresses(wanted) => {
                write!(f, "addresses of {}:", wanted.interface)?;
                let address = |entry: &InterfaceAddress| entry.address.to_string();
                signed(f, &wanted.remove, &wanted.add, address)
            }
            Self::AmendRoutes(wanted) => {
                write!(f, "routes through {}:", wanted.interface)?;
                let destination = |route: &Route| route.destination.to_string();
                signed(f, &wanted.remove, &wanted.add, destination)
            }
            Self::RoutingRules(wanted) => write!(f, "rules {}", list(&wanted.rules)),
            Self::Neighbours(wanted) => {
                let addresses: Vec<_> = wanted.neighbours.iter().map(|each| each.address).collect();
                write!(f, "neighbours {} of {}", list(&addresses), wanted.interface)
            }
            Self::LinkSettings(wanted) => write!(f, "settings of {}", wanted.interface),
            Self::JoinVrf(wanted) => write!(f, "{} in VRF {}", wanted.interface, wanted.vrf),
            Self::Sysctl(wanted) => write!(f, "sysctl {} = {}", wanted.path, wanted.value),
            Self::Hairpin { port } => write!(f, "hairpin on {port}"),
            Self::PortIsolation { port } => write!(f, "isolation of port {port}"),
            Self::TokenBucket(wanted) => {
                write!(f, "{} held to {} bit/s", wanted.link, wanted.rate)
            }
            Self::Ifb(ifb) => write!(f, "ifb {}", ifb.name),
            Self::Redirect(wanted) => {
                write!(f, "redirection of {} to {}", wanted.link, wanted.target)
            }
            Self::BridgeFilter { bridge, .. } => write!(f, "filtering between ports of {bridge}"),
            Self::RouteLocalnet { link } => write!(f, "route_localnet of {link}"),
            Self::ConnectionZones {} => f.write_str("connection zones of host ports"),
            Self::PortForwardChain(chain) => {
                write!(f, "port forwarding chains of network {}", chain.tag)
            }
            Self::PortForwards(wanted) => write!(f, "forwarding of {}", list(&wanted.forwards)),
            Self::FlowTable {} => f.write_str("flow chains"),
            Self::Flows(flows) => write!(f, "flow rules of {}", list(&flows.addresses)),
            Self::Isolation(wanted) => {
                write!(
                    f,
                    "isolation of {} from {}",
                    list(&wanted.addresses),
                    wanted.isolation
                )
            }
            Self::HostFirewallAccept {} => f.write_str("passage through the host's firewall"),
            Self::HostFirewallPass(wanted) => {
                write!(
                    f,
                    "passage of {} through the host's firewall",
                    list(&wanted.addresses)
                )
            }
        }
    }
}

fn signed<T>(
    f: &mut fmt::Formatter<'_>,
    remove: &[T],
    add: &[T],
    text: impl Fn(&T) -> String,
) -> fmt::Result {
    let signed = |sign, items: &[T]| -> String {
        items
            .iter()
            .map(|item| format!(" {sign}{}", text(item)))
            .collect()
    };
    write!(f, "{}{}", signed('-', remove), signed('+', add))
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
