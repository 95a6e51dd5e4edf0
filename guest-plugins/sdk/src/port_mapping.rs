use std::net::IpAddr;

use ipnet::IpNet;

use crate::IpFamily;

/// A port of the host that leads to one of the container (WIT `port-mapping`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortMapping {
    /// The protocol whose port it is.
    pub transport: Transport,
    /// None: every address of the host, of both families.
    pub host_address: Option<IpAddr>,
    /// Not 0.
    pub host_port: u16,
    /// Not 0.
    pub container_port: u16,
}

/// A transport protocol whose ports can be forwarded (WIT `transport`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Whose source address is replaced by the host's on the way through a forwarded port (WIT `source-nat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceNat {
    /// Nobody's: the host itself, the container itself and its neighbours do not reach the port.
    Never,
    /// That of the host's loopback, of the container itself and of its neighbours.
    Local,
    /// Everybody's.
    Always,
}

/// A condition for packets of one family (WIT `packet-condition`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PacketCondition {
    /// Whose packets it looks at.
    pub family: IpFamily,
    /// The packet must not match.
    pub negated: bool,
    /// What the packet is looked at for.
    pub matches: PacketMatch,
}

/// What a packet is looked at for (WIT `packet-match`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PacketMatch {
    /// Where it comes from.
    Source(IpNet),
    /// Where it goes.
    Destination(IpNet),
    /// The name of the interface that it came by; a `+` or `*` at the end stands for anything.
    InputInterface(String),
    /// Its mark.
    Mark(PacketMark),
}

/// A value that a packet's mark has under a mask (WIT `packet-mark`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketMark {
    /// What the mark is under the mask.
    pub value: u32,
    /// The bits that are compared.
    pub mask: u32,
}
