use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::Family;

/// A transport protocol whose ports can be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Transport {
    /// The one with this number of the IP protocol.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|transport| transport.number() == number)
    }

    /// The IP protocol's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

/// A port of the host that leads to one of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The protocol.
    pub transport: Transport,
    /// None: every address of the host, of both families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_address: Option<IpAddr>,
    /// Of the host.
    pub host_port: u16,
    /// Of the container.
    pub container_port: u16,
}

/// Whose source address is replaced by the host's on the way through a forwarded port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceNat {
    /// Nobody's: the host itself, the container itself and its neighbours do not reach the port.
    Never,
    /// That of the host's loopback, of the container itself and of its neighbours.
    Local,
    /// Everybody's.
    Always,
}

/// What a packet is looked at for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacketMatch {
    /// It comes from here.
    Source(IpNet),
    /// It goes to here.
    Destination(IpNet),
    /// It came by the interface of this name; a `+` or `*` at the end stands for anything.
    InputInterface(String),
    /// Its mark under a mask is this value.
    Mark {
        /// The value.
        value: u32,
        /// The mask.
        mask: u32,
    },
}

/// A condition for packets of one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketCondition {
    /// The family.
    pub family: Family,
    /// The match must fail.
    pub negated: bool,
    /// What is looked at.
    pub matches: PacketMatch,
}

/// Ports that are forwarded in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortForwarding {
    /// The ports.
    pub mappings: Vec<PortMapping>,
    /// Whose source address is replaced.
    pub source_nat: SourceNat,
    /// The bit of the packet mark that says so between the hooks, 0–31.
    pub mark_bit: u8,
    /// Only packets that meet all conditions of their family are forwarded.
    pub conditions: Vec<PacketCondition>,
}

/// A port of the host, which belongs to one attachment at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortClaim {
    /// The protocol.
    pub transport: Transport,
    /// The port.
    pub port: u16,
    /// The family of the host's addresses.
    pub family: Family,
    /// None: every address of the family, which clashes with each single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

impl PortClaim {
    /// Can the two not be held by two attachments?
    #[must_use]
    pub fn clashes(&self, other: &Self) -> bool {
        self.transport == other.transport
            && self.port == other.port
            && self.family == other.family
            && (self.address.is_none() || other.address.is_none() || self.address == other.address)
    }
}

impl PortMapping {
    /// What it takes of the host: one claim for each family that it is for.
    pub fn claims(&self) -> impl Iterator<Item = PortClaim> {
        let only = self.host_address.map(Family::of);
        // The unspecified addresses mean every address of their family, as with a socket.
        let address = self
            .host_address
            .filter(|address| !address.is_unspecified());
        let (transport, port) = (self.transport, self.host_port);
        Family::ALL
            .into_iter()
            .filter(move |family| only.is_none_or(|only| only == *family))
            .map(move |family| PortClaim {
                transport,
                port,
                family,
                address,
            })
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

impl fmt::Display for PortClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(
                f,
                "{} port {}",
                self.transport,
                SocketAddr::new(address, self.port)
            ),
            None => write!(f, "{} port {} ({})", self.transport, self.port, self.family),
        }
    }
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_address {
            Some(address) => {
                let host = SocketAddr::new(address, self.host_port);
                write!(f, "{} {host} to {}", self.transport, self.container_port)
            }
            None => write!(
                f,
                "{} {} to {}",
                self.transport, self.host_port, self.container_port
            ),
        }
    }
}
