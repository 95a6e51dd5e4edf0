//! What is proposed for an attachment while its chain runs.

use serde::{Deserialize, Serialize};

use crate::{
    Addressing, BandwidthLimit, FlowRule, MacAddress, Neighbour, PortMapping, RoutingRule, Sysctl,
};

/// What a stage sees: what link, IPAM and earlier stages, or `prevResult`, have proposed so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Proposal {
    /// The links of the attachment as the CNI result lists them.
    pub links: Vec<ProposedLink>,
    /// Addresses, routes and resolver settings of the container's interface.
    pub addressing: Addressing,
    /// Its MTU in bytes; None: the kernel's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Its Ethernet address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// Routing rules inside the container: those that are there already, and those of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RoutingRule>,
    /// Neighbour entries of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Neighbour>,
    /// Sysctls of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<Sysctl>,
    /// Forwarded ports of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port_forwards: Vec<PortMapping>,
    /// Rates of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bandwidth_limits: Vec<BandwidthLimit>,
    /// Flow rules of earlier stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow_rules: Vec<FlowRule>,
}

/// A link of the attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedLink {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub side: LinkSide,
    /// What it is.
    pub kind: ProposedLinkKind,
}

/// Where a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkSide {
    /// In the host's network namespace.
    Host,
    /// In the container's.
    Container,
}

/// What a link is, as far as the host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProposedLinkKind {
    /// A bridge.
    Bridge,
    /// An end of a veth pair.
    Veth,
    /// A macvlan.
    Macvlan,
    /// `lo`.
    Loopback,
    /// Another, or one that another vendor's plugin made.
    Other,
}
