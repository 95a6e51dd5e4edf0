use std::net::IpAddr;

use crate::MacAddress;

/// A permanent neighbour entry, ARP or NDP (WIT `neighbour`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// The neighbour's IP address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddress,
}
