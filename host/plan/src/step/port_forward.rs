use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    ConnectionZone, Family, NetworkTag, NetworkTagError, PacketCondition, PortClaim, SourceNat,
    Transport,
};

/// 64 bits of a hash that name the chains and maps of one way of forwarding on one network: what is forwarded under other
/// conditions has chains of its own, so that no condition reaches another network or another stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForwardTag(NetworkTag);

/// See [`crate::Step::PortForwardChain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortForwardChain {
    /// What names its objects.
    pub tag: ForwardTag,
    /// The network's name, for comments.
    pub network: String,
    /// The network's subnets: neighbours of the container, whose source address is replaced. Added to those known
    /// already.
    pub subnets: Vec<IpNet>,
    /// Whose source address is replaced.
    pub source_nat: SourceNat,
    /// The bit of the packet mark that carries this from the DNAT to the SNAT hook, 0–31.
    pub mark_bit: u8,
    /// Only packets that meet all conditions of their family are forwarded.
    pub conditions: Vec<PacketCondition>,
}

/// See [`crate::Step::PortForwards`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortForwards {
    /// The chain whose maps they are elements of.
    pub tag: ForwardTag,
    /// The ports, each with its target; one entry for each family.
    pub forwards: Vec<PortForward>,
}

/// A port of the host and where it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortForward {
    /// The protocol.
    pub transport: Transport,
    /// An address of the host, of the target's family; None: every local address of that family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_address: Option<IpAddr>,
    /// Of the host.
    pub host_port: u16,
    /// The container's address and port.
    pub target: SocketAddr,
    /// Where connections to it are tracked, the attachment's own zone: what was tracked of the port's earlier holders leads
    /// none of its packets. Of UDP alone: streams begin anew by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ConnectionZone>,
}

impl PortForward {
    /// What it takes of the host.
    #[must_use]
    pub fn claim(&self) -> PortClaim {
        PortClaim {
            transport: self.transport,
            port: self.host_port,
            family: Family::of(self.target.ip()),
            address: self.host_address,
        }
    }
}

impl ForwardTag {
    /// The tag of this way of forwarding on this network.
    #[must_use]
    pub fn of(
        network: &str,
        source_nat: SourceNat,
        mark_bit: u8,
        conditions: &[PacketCondition],
    ) -> Self {
        let mut hasher = Sha256::new();
        // Debug text tells every difference of these small types; it never leaves this process except as a hash.
        hasher.update(format!("{network:?} {source_nat:?} {mark_bit} {conditions:?}").as_bytes());
        let mut tag = [0; 8];
        for (to, from) in tag.iter_mut().zip(hasher.finalize()) {
            *to = from;
        }
        Self(NetworkTag::from_bytes(tag))
    }
}

/// As it is displayed.
impl TryFrom<String> for ForwardTag {
    type Error = NetworkTagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        NetworkTag::try_from(text).map(Self)
    }
}

impl std::fmt::Display for ForwardTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for PortForward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = self.transport;
        match self.host_address {
            Some(address) => {
                let from = SocketAddr::new(address, self.host_port);
                write!(f, "{transport} {from} to {}", self.target)
            }
            None => write!(f, "{transport} {} to {}", self.host_port, self.target),
        }
    }
}
