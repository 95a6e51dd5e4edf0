use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What an IPAM plugin decided for one interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Addressing {
    /// The interface's addresses, those of the primary family first.
    pub addresses: Vec<InterfaceAddress>,
    /// Routes inside the container.
    pub routes: Vec<Route>,
    /// Resolver settings for the container.
    pub dns: Dns,
}

impl Addressing {
    /// The first address.
    #[must_use]
    pub fn first(&self) -> Option<IpAddr> {
        self.addresses.first().map(|entry| entry.address.addr())
    }
}

/// An address of the container's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceAddress {
    /// The address with its network's prefix length; host bits set.
    pub address: IpNet,
    /// The network's gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}

/// A route inside the container, with CNI 1.1.0's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The destination; host bits clear.
    pub destination: IpNet,
    /// None: the first gateway of the same family among the addresses, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Path MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// TCP maximal segment size to advertise, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Metric; smaller wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Routing table number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// 0 global, 253 link, 254 host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
}

impl Route {
    /// A route with a destination and a gateway and nothing else.
    #[must_use]
    pub fn to(destination: IpNet, gateway: Option<IpAddr>) -> Self {
        Self {
            destination,
            gateway,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
        }
    }

    /// Is this the default route of its family?
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.prefix_len() == 0
    }
}

/// Resolver settings (CNI `dns`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dns {
    /// Addresses of name servers, in order of preference.
    pub nameservers: Vec<String>,
    /// The local domain.
    pub domain: Option<String>,
    /// Search domains, in order.
    pub search: Vec<String>,
    /// Resolver options.
    pub options: Vec<String>,
}

impl Dns {
    /// Does it say nothing at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}
