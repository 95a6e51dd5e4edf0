use serde::{Deserialize, Serialize};

use crate::MacAddress;

/// See [`crate::Step::Ifb`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IfbDevice {
    /// Its name on the host.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// In bytes; None means that of the link whose packets it gets.
    pub mtu: Option<u32>,
    /// `IFLA_GROUP`: that of the attachment.
    pub group: u32,
    /// `IFLA_IFALIAS`: our tag, without addresses.
    pub alias: String,
}

/// See [`crate::Step::TokenBucket`]. tc-tbf(8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenBucket {
    /// The host's link whose sending is held to the rate.
    pub link: String,
    /// In bits per second.
    pub rate: u64,
    /// In bits.
    pub burst: u64,
}

/// See [`crate::Step::Redirect`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// The host's link whose received packets are redirected.
    pub link: String,
    /// The link that sends them.
    pub target: String,
}
