use serde::{Deserialize, Serialize};

use super::is_default;
use super::lenient::empty_is_none;
use crate::MacAddress;

/// `link.kind` = `macvlan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Macvlan {
    /// The interface below; None means the one of the default route.
    #[serde(
        default,
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub master: Option<String>,
    /// How frames between macvlans of one master go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: MacvlanMode,
    /// In bytes, at most the master's; 0 means the master's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// The interface's Ethernet address, unless the runtime asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The master is inside the container.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link_in_container: bool,
    /// Length of the queue for broadcast and multicast frames (`IFLA_MACVLAN_BC_QUEUE_LEN`).
    #[serde(
        default,
        rename = "bcqueuelen",
        skip_serializing_if = "Option::is_none"
    )]
    pub broadcast_queue_length: Option<u32>,
}

/// `link.mode` of a macvlan (`MACVLAN_MODE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MacvlanMode {
    /// Frames between macvlans stay on the host.
    #[default]
    #[serde(alias = "")]
    Bridge,
    /// No frames between macvlans.
    Private,
    /// Frames between macvlans go through the switch outside.
    Vepa,
    /// One macvlan takes the master over.
    Passthru,
}
