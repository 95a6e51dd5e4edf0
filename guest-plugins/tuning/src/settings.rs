//! What both the configuration and `args.cni` can set.

use serde::Deserialize;
use wasm_cni_guest::MacAddress;

use crate::sysctl::Sysctls;

/// An Ethernet address, or the empty text for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mac(pub(crate) Option<MacAddress>);

impl TryFrom<String> for Mac {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match text.parse::<MacAddress>() {
            Ok(address) if address.is_assignable() => Ok(Self(Some(address))),
            Ok(_) => Err(
                "is a group's address or zero; an interface's own has an even first octet, such as 02:00:5e:10:00:01",
            ),
            Err(_) => Err("is no Ethernet address such as 02:00:5e:10:00:01"),
        }
    }
}

/// An MTU, or 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Mtu(pub(crate) Option<u32>);

impl TryFrom<i64> for Mtu {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u32::try_from(number) {
            Ok(0) => Ok(Self(None)),
            Ok(mtu @ 68..=65535) => Ok(Self(Some(mtu))),
            _ => Err("is no MTU; MTUs are 68 to 65535 bytes, with IPv6 1280 at least"),
        }
    }
}

/// The length of a transmit queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct QueueLength(pub(crate) u32);

impl TryFrom<i64> for QueueLength {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        // The kernel reads it as a signed number in places.
        match u32::try_from(number) {
            Ok(packets @ 0..=0x7fff_ffff) => Ok(Self(packets)),
            _ => Err("is no length of a queue; lengths are 0 to 2147483647 packets"),
        }
    }
}

/// `args.cni`, of which other plugins have their keys too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    pub(crate) sysctl: Option<Sysctls>,
    pub(crate) mac: Option<Mac>,
    pub(crate) promisc: Option<bool>,
    pub(crate) allmulti: Option<bool>,
    pub(crate) mtu: Option<Mtu>,
    #[serde(rename = "txQLen")]
    pub(crate) tx_q_len: Option<QueueLength>,
}

/// `runtimeConfig`, likewise.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RuntimeConfig {
    pub(crate) mac: Option<Mac>,
}
