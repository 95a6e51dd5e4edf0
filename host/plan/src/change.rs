//! What the stages of a chain ask for.

mod bandwidth;
mod container;
mod flow;
mod port_forward;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Dns, InterfaceAddress, MacAddress, Route};

pub use bandwidth::BandwidthLimit;
pub use container::{LinkFlag, Neighbour, RoutingRule, Sysctl};
pub use flow::{FlowDirection, FlowRule, FlowVerdict, Isolation, PortRange};
pub use port_forward::{
    PacketCondition, PacketMatch, PortClaim, PortForwarding, PortMapping, SourceNat, Transport,
};

/// One thing that a stage asks for. It has no effect until the whole chain has been merged and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Refuse the attachment.
    Deny {
        /// Why, for the operator.
        reason: String,
    },
    /// Give the container's interface one more address, behind the others.
    AddAddress(InterfaceAddress),
    /// Take an address from it that IPAM or `prevResult` gave.
    RemoveAddress {
        /// The address.
        address: IpAddr,
    },
    /// Add a route inside the container.
    AddRoute(Route),
    /// Remove a route inside the container.
    RemoveRoute(RouteSelector),
    /// Add a routing rule inside the container.
    AddRule(RoutingRule),
    /// Add a permanent neighbour entry to the container's interface.
    AddNeighbour(Neighbour),
    /// Set the MTU of the container's interface.
    SetMtu {
        /// In bytes.
        mtu: u32,
    },
    /// Set the Ethernet address of the container's interface.
    SetMac {
        /// The address.
        mac: MacAddress,
    },
    /// Replace the resolver settings of the result.
    SetDns(Dns),
    /// Set a sysctl of the container's network namespace.
    SetSysctl(Sysctl),
    /// Switch a flag of the container's interface.
    SetLinkFlag {
        /// The flag.
        flag: LinkFlag,
        /// On or off.
        on: bool,
    },
    /// Set the length of the transmit queue of the container's interface.
    SetTransmitQueueLength {
        /// In packets.
        packets: u32,
    },
    /// Forward ports of the host to the container.
    ForwardPorts(PortForwarding),
    /// Hold one direction to a rate.
    LimitBandwidth(BandwidthLimit),
    /// Add a flow rule.
    AddFlow(FlowRule),
    /// Drop what no flow rule of a direction accepts.
    DenyFlowsByDefault {
        /// The direction.
        direction: FlowDirection,
    },
    /// Keep other containers of this host away.
    Isolate {
        /// Which ones.
        isolation: Isolation,
    },
    /// Let the container's packets pass where the host's own firewall drops what it forwards.
    PassHostFirewall {},
    /// Masquerade what the container sends out of its network.
    Masquerade {
        /// Where to it is sent as it is.
        exclude: Vec<IpNet>,
    },
    /// Put the container's interface into a VRF of the container, which is made when it is not there.
    JoinVrf {
        /// The VRF's name.
        name: String,
        /// Its routing table; None: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<u32>,
    },
}

/// Which route is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteSelector {
    /// Its destination; host bits clear.
    pub destination: IpNet,
    /// None: whatever its gateway is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// None: the main table, or that of the VRF that the interface is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
}

/// The main routing table (`RT_TABLE_MAIN`).
const MAIN_TABLE: u32 = 254;

impl RouteSelector {
    /// Is this route meant?
    #[must_use]
    pub fn selects(&self, route: &Route) -> bool {
        let table = |table: Option<u32>| table.filter(|number| *number != 0).unwrap_or(MAIN_TABLE);
        route.destination == self.destination
            && table(route.table) == table(self.table)
            && (self.gateway.is_none() || self.gateway == route.gateway)
    }
}

/// The kinds of changes. Each is a grant, and an interface of the contract with plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Refuse the attachment.
    Deny,
    /// Addresses of the container's interface.
    Address,
    /// Routes inside the container.
    Route,
    /// Routing rules inside the container.
    Rule,
    /// Neighbour entries of the container's interface.
    Neighbour,
    /// The MTU of the container's interface.
    Mtu,
    /// The Ethernet address of the container's interface.
    Mac,
    /// The resolver settings of the result.
    Dns,
    /// Sysctls of the container.
    Sysctl,
    /// Flags and queue of the container's interface.
    LinkFlag,
    /// Ports of the host.
    PortForward,
    /// Rates.
    Bandwidth,
    /// Which packets may pass.
    Flow,
    /// Masquerade.
    Masquerade,
    /// The VRF of the container's interface.
    Vrf,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Deny,
        Self::Address,
        Self::Route,
        Self::Rule,
        Self::Neighbour,
        Self::Mtu,
        Self::Mac,
        Self::Dns,
        Self::Sysctl,
        Self::LinkFlag,
        Self::PortForward,
        Self::Bandwidth,
        Self::Flow,
        Self::Masquerade,
        Self::Vrf,
    ];

    /// The name of the grant, which is that of the interface in `wit/changes.wit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Address => "address",
            Self::Route => "route",
            Self::Rule => "rule",
            Self::Neighbour => "neighbour",
            Self::Mtu => "mtu",
            Self::Mac => "mac",
            Self::Dns => "dns",
            Self::Sysctl => "sysctl",
            Self::LinkFlag => "link-flag",
            Self::PortForward => "port-forward",
            Self::Bandwidth => "bandwidth",
            Self::Flow => "flow",
            Self::Masquerade => "masquerade",
            Self::Vrf => "vrf",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Change {
    /// The kind, whose grant it takes.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Deny { .. } => ChangeKind::Deny,
            Self::AddAddress(_) | Self::RemoveAddress { .. } => ChangeKind::Address,
            Self::AddRoute(_) | Self::RemoveRoute(_) => ChangeKind::Route,
            Self::AddRule(_) => ChangeKind::Rule,
            Self::AddNeighbour(_) => ChangeKind::Neighbour,
            Self::SetMtu { .. } => ChangeKind::Mtu,
            Self::SetMac { .. } => ChangeKind::Mac,
            Self::SetDns(_) => ChangeKind::Dns,
            Self::SetSysctl(_) => ChangeKind::Sysctl,
            Self::SetLinkFlag { .. } | Self::SetTransmitQueueLength { .. } => ChangeKind::LinkFlag,
            Self::ForwardPorts(_) => ChangeKind::PortForward,
            Self::LimitBandwidth(_) => ChangeKind::Bandwidth,
            Self::AddFlow(_)
            | Self::DenyFlowsByDefault { .. }
            | Self::Isolate { .. }
            | Self::PassHostFirewall {} => ChangeKind::Flow,
            Self::Masquerade { .. } => ChangeKind::Masquerade,
            Self::JoinVrf { .. } => ChangeKind::Vrf,
        }
    }
}

impl fmt::Display for RouteSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(table) = self.table {
            write!(f, " table {table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny { reason } => write!(f, "refuse the attachment: {reason}"),
            Self::AddAddress(entry) => write!(f, "add address {}", entry.address),
            Self::RemoveAddress { address } => write!(f, "remove address {address}"),
            Self::AddRoute(route) => {
                let selector = RouteSelector {
                    destination: route.destination,
                    gateway: route.gateway,
                    table: route.table,
                };
                write!(f, "add route {selector}")
            }
            Self::RemoveRoute(selector) => write!(f, "remove route {selector}"),
            Self::AddRule(rule) => write!(f, "add rule {rule}"),
            Self::AddNeighbour(entry) => {
                write!(f, "add neighbour {} at {}", entry.address, entry.mac)
            }
            Self::SetMtu { mtu } => write!(f, "set the MTU to {mtu}"),
            Self::SetMac { mac } => write!(f, "set the Ethernet address to {mac}"),
            Self::SetDns(_) => f.write_str("set the resolver settings"),
            Self::SetSysctl(sysctl) => write!(f, "set {} = {}", sysctl.name, sysctl.value),
            Self::SetLinkFlag { flag, on } => {
                write!(f, "switch {flag} {}", if *on { "on" } else { "off" })
            }
            Self::SetTransmitQueueLength { packets } => {
                write!(f, "set the transmit queue to {packets} packets")
            }
            Self::ForwardPorts(forwarding) => {
                let ports: Vec<_> = forwarding
                    .mappings
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                write!(f, "forward {}", ports.join(", "))
            }
            Self::LimitBandwidth(limit) => write!(f, "{limit}"),
            Self::AddFlow(rule) => write!(f, "{rule}"),
            Self::DenyFlowsByDefault { direction } => write!(f, "deny {direction} by default"),
            Self::Isolate { isolation } => write!(f, "isolate from {isolation}"),
            Self::PassHostFirewall {} => f.write_str("pass the host's firewall"),
            Self::Masquerade { exclude } if exclude.is_empty() => f.write_str("masquerade"),
            Self::Masquerade { exclude } => {
                let exclude: Vec<_> = exclude.iter().map(ToString::to_string).collect();
                write!(f, "masquerade except to {}", exclude.join(", "))
            }
            Self::JoinVrf { name, table } => {
                write!(f, "join VRF {name}")?;
                match table {
                    Some(table) => write!(f, " with table {table}"),
                    None => Ok(()),
                }
            }
        }
    }
}
