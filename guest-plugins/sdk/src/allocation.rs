use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Dns, Failure, Route};

/// What an IPAM plugin answers (WIT `allocation`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocation {
    /// At most 64.
    pub addresses: Vec<InterfaceAddress>,
    /// At most 256.
    pub routes: Vec<Route>,
    /// Resolver settings for the container.
    pub dns: Dns,
}

/// An address for the container's interface (WIT `interface-address`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address with its network's prefix length; host bits set.
    pub address: IpNet,
    /// The network's gateway.
    pub gateway: Option<IpAddr>,
}

impl InterfaceAddress {
    /// An address with its network's prefix length, in bits.
    ///
    /// # Errors
    /// [`Failure::Other`] if the family has no prefix of that length.
    pub fn new(
        address: IpAddr,
        prefix_length: u8,
        gateway: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        let address = IpNet::new(address, prefix_length).map_err(|error| {
            Failure::Other(format!("{address} with prefix {prefix_length}: {error}"))
        })?;
        Ok(Self { address, gateway })
    }
}
