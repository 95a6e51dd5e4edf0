use ipnet::IpNet;

/// Seen from the container: ingress is what it receives (WIT `flow-direction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowDirection {
    /// To the container.
    Ingress,
    /// From the container.
    Egress,
}

/// A rate for one direction (WIT `bandwidth-limit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BandwidthLimit {
    /// Which packets it holds back.
    pub direction: FlowDirection,
    /// In bits per second, not 0.
    pub rate: u64,
    /// In bits, not 0 and less than 2^35 (4 GiB).
    pub burst: u64,
}

/// What becomes of a packet (WIT `flow-verdict`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowVerdict {
    /// It passes.
    Accept,
    /// It is dropped.
    Drop,
}

/// Ports, both ends included (WIT `port-range`); `first` is not greater than `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

/// A rule for the packets that begin a flow; replies follow their flow (WIT `flow-rule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowRule {
    /// To or from the container.
    pub direction: FlowDirection,
    /// What becomes of the flow.
    pub verdict: FlowVerdict,
    /// The other side; none: anybody, of both families.
    pub peer: Option<IpNet>,
    /// The IP protocol's number; none: any.
    pub protocol: Option<u8>,
    /// The destination's ports; only with protocol 6, 17, 33, 132 or 136. None: any.
    pub ports: Option<PortRange>,
}

/// Whom an attachment is kept apart from (WIT `isolation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// From attachments of other networks that are isolated as well.
    OtherNetworks,
    /// From those, and from the others of its own network.
    EveryAttachment,
}
