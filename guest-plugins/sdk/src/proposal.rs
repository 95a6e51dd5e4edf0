use crate::{
    BandwidthLimit, Dns, FlowRule, InterfaceAddress, Link, MacAddress, Neighbour, PortMapping,
    Route, RoutingRule, Sysctl,
};

/// What is proposed for the attachment so far (WIT `proposal`): by the link and its IPAM, or by `prevResult`, and by the
/// stages before this one.
///
/// It shows the state at the beginning of the call: what this call proposes itself is not in it. In a CHECK it shows what
/// was applied, in a STATUS nothing.
pub trait Proposal {
    /// The container interface's addresses, those of the primary family first.
    fn addresses(&self) -> Vec<InterfaceAddress>;

    /// Routes inside the container; each gateway is filled in where one is known.
    fn routes(&self) -> Vec<Route>;

    /// Resolver settings for the container.
    fn resolver(&self) -> Dns;

    /// The container interface's MTU in bytes; none: the kernel's default.
    fn mtu(&self) -> Option<u32>;

    /// The container interface's Ethernet address; none for links without one.
    fn mac(&self) -> Option<MacAddress>;

    /// The links that belong to the attachment, as the CNI result lists them: bridge, host's end, container's interface.
    fn links(&self) -> Vec<Link>;

    /// Routing rules inside the container that earlier stages proposed.
    fn rules(&self) -> Vec<RoutingRule>;

    /// Permanent neighbour entries that earlier stages proposed.
    fn neighbours(&self) -> Vec<Neighbour>;

    /// Sysctls that earlier stages proposed.
    fn sysctls(&self) -> Vec<Sysctl>;

    /// Host ports that earlier stages proposed to forward.
    fn port_forwards(&self) -> Vec<PortMapping>;

    /// Rates that earlier stages proposed.
    fn bandwidth_limits(&self) -> Vec<BandwidthLimit>;

    /// Flow rules that earlier stages proposed.
    fn flow_rules(&self) -> Vec<FlowRule>;
}
