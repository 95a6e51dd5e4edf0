//! What shall be done to the kernel for one attachment, as data.
//!
//! Pure: no file, no netlink, no clock. A plan can be made, shown, compared, stored and undone without root.
//!
//! - [`Attachment`]: whose work it is; names, tags and keys are derived from it.
//! - [`Link`]: the `link` section of a network, what the operator wants.
//! - [`Addressing`]: addresses, routes and resolver settings, what the IPAM plugin decided.
//! - [`Plan`]: the ordered [`Step`]s that follow from the two.
//! - [`Undo`]: how to take one step back, on condition that the object is still ours.
//! - [`Problem`]: what is wrong with an IPAM answer; all problems are reported, not the first.

mod address_policy;
mod addressing;
mod alias;
mod attachment;
mod build;
mod change;
mod family;
mod flow_set;
mod link;
mod mac;
mod merge;
mod mismatch;
mod netns;
mod proposal;
mod step;
mod undo;

pub use address_policy::{AddressPolicy, AddressRange, Problem};
pub use addressing::{Addressing, Dns, InterfaceAddress, Route};
pub use alias::LinkAlias;
pub use attachment::{Attachment, AttachmentKey, NetworkTag, NetworkTagError};
pub use build::{ChainRequest, Identity, LinkRequest, Plan, build, chain, complete};
pub use change::{
    BandwidthLimit, Change, ChangeKind, FlowDirection, FlowRule, FlowVerdict, Isolation, LinkFlag,
    Neighbour, PacketCondition, PacketMatch, PortClaim, PortForwarding, PortMapping, PortRange,
    RouteSelector, RoutingRule, SourceNat, Sysctl, Transport,
};
pub use family::Family;
pub use flow_set::{FlowBox, FlowSet, FlowSetError};
pub use link::{
    Bridge, DeviceSelector, HostDevice, Ipvlan, IpvlanMode, Link, LinkError, Macvlan, MacvlanMode,
    PointToPoint, Tap, Vlan, VlanTrunk, is_interface_name,
};
pub use mac::{MacAddress, MacAddressError};
pub use merge::{
    MAX_FLOW_RULES, MAX_PORT_FORWARDS, Merge, Merged, Objection, RefusedChange, StageChanges,
    StageName, SysctlNameError, sysctl_path,
};
pub use mismatch::Mismatch;
pub use netns::NetnsIdentity;
pub use proposal::{LinkSide, Proposal, ProposedLink, ProposedLinkKind};
pub use step::{
    AddressAmendment, Announcement, BridgeDevice, BridgePort, ConnectionZone, ContainerAddresses,
    ContainerRoutes, ContainerSysctl, DeviceMove, DeviceState, DummyDevice, Flows, ForwardTag,
    GatewayAddresses, HostEnd, HostFirewallPass, IfbDevice, IpvlanDevice, IsolatedAddresses,
    LinkAttributes, LinkSettings, MacvlanDevice, MasqueradeNetwork, MasqueradeSources, Neighbours,
    PortForward, PortForwardChain, PortForwards, Redirect, RouteAmendment, RoutingRules,
    SpoofCheck, Step, TapDevice, TokenBucket, VethPair, VlanDevice, VlanGateway, VrfMembership,
};
pub use undo::{LinkKind, Undo, VethTrace};
