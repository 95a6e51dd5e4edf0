use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Family, MacAddress};

/// A routing rule inside the container (`ip rule`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingRule {
    /// The family of the packets that it is for.
    pub family: Family,
    /// Smaller is looked at first; None: the kernel chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Packets from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpNet>,
    /// Packets to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<IpNet>,
    /// The table that they look into.
    pub table: u32,
}

/// A permanent neighbour entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddress,
}

/// A sysctl and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sysctl {
    /// The name as written, with dots or slashes (sysctl(8)).
    pub name: String,
    /// The value.
    pub value: String,
}

/// A flag of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkFlag {
    /// `IFF_PROMISC`.
    Promiscuous,
    /// `IFF_ALLMULTI`.
    AllMulticast,
}

impl fmt::Display for LinkFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Promiscuous => "promiscuous mode",
            Self::AllMulticast => "reception of all multicast",
        })
    }
}

impl fmt::Display for RoutingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(priority) = self.priority {
            write!(f, "{priority}: ")?;
        }
        match self.source {
            Some(source) => write!(f, "from {source}")?,
            None => write!(f, "from all {}", self.family)?,
        }
        if let Some(destination) = self.destination {
            write!(f, " to {destination}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}
