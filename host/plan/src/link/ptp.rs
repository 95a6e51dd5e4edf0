use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::is_default;

/// `link.kind` = `ptp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointToPoint {
    /// Masquerade what leaves the network.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ip_masq: bool,
    /// `nftables` is the only backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_masq_backend: Option<String>,
    /// Destinations that are reached without masquerade, besides the network itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masq_exclude: Vec<IpNet>,
    /// Of the veth pair, in bytes; 0 means the kernel's default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
}
