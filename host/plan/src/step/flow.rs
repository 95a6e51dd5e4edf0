use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{FlowDirection, FlowRule, Isolation};

/// See [`crate::Step::Flows`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flows {
    /// The container's addresses.
    pub addresses: Vec<IpAddr>,
    /// The rules; drop beats accept whatever their order.
    pub rules: Vec<FlowRule>,
    /// Directions in which what no rule accepts is dropped.
    pub deny_by_default: Vec<FlowDirection>,
}

/// See [`crate::Step::Isolation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IsolatedAddresses {
    /// The container's addresses.
    pub addresses: Vec<IpAddr>,
    /// The host's link by which the container's own network is reached: the bridge, or the host's end of a
    /// point-to-point veth.
    pub link: String,
    /// Whom it is kept apart from.
    pub isolation: Isolation,
}

/// See [`crate::Step::HostFirewallPass`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFirewallPass {
    /// The container's addresses.
    pub addresses: Vec<IpAddr>,
}
