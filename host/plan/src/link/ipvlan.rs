use serde::{Deserialize, Serialize};

use super::is_default;
use super::lenient::empty_is_none;

/// `link.kind` = `ipvlan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ipvlan {
    /// The interface below; None means the only one of `prevResult`, or without one that of the default route.
    #[serde(
        default,
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub master: Option<String>,
    /// On which layer packets are handed to the containers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: IpvlanMode,
    /// In bytes, at most the master's; 0 means the master's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// The master is inside the container.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link_in_container: bool,
}

/// `link.mode` of an ipvlan (`IPVLAN_MODE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpvlanMode {
    /// By switching; the containers see broadcasts.
    #[default]
    #[serde(alias = "")]
    L2,
    /// By routing, without broadcasts, past the host's netfilter.
    L3,
    /// By routing, through the host's netfilter.
    L3s,
}
