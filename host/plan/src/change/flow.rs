use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Seen from the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowDirection {
    /// What it receives.
    Ingress,
    /// What it sends.
    Egress,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowVerdict {
    /// It passes.
    Accept,
    /// It vanishes.
    Drop,
}

/// A rule for the packets that begin a flow; replies follow their flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowRule {
    /// Seen from the container.
    pub direction: FlowDirection,
    /// What becomes of the packets.
    pub verdict: FlowVerdict,
    /// The other side; None: anybody, of both families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpNet>,
    /// The IP protocol's number; None: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// The destination's ports, of protocols that have any; None: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
}

/// Ports, both ends included; `first` is not greater than `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// Whom an attachment is kept apart from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// From attachments of other networks that are isolated as well.
    OtherNetworks,
    /// From those, and from the others of its own network.
    EveryAttachment,
}

impl FlowRule {
    /// The protocols whose packets carry a destination port where TCP has it: TCP, UDP, DCCP, SCTP, UDP-Lite.
    pub const PROTOCOLS_WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
}

impl fmt::Display for FlowDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

impl fmt::Display for FlowVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        })
    }
}

impl fmt::Display for FlowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verdict, self.direction)?;
        let preposition = match self.direction {
            FlowDirection::Ingress => "from",
            FlowDirection::Egress => "to",
        };
        match self.peer {
            Some(peer) => write!(f, " {preposition} {peer}")?,
            None => write!(f, " {preposition} anybody")?,
        }
        if let Some(protocol) = self.protocol {
            write!(f, " protocol {protocol}")?;
        }
        match self.ports {
            Some(PortRange { first, last }) if first == last => write!(f, " port {first}"),
            Some(PortRange { first, last }) => write!(f, " ports {first}-{last}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherNetworks => "other networks",
            Self::EveryAttachment => "every other attachment",
        })
    }
}
