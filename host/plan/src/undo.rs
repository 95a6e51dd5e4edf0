use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{MacAddress, NetnsIdentity, NetworkTag, Step};

/// How to take a step back. It is written down before the step is done, so it acts only where the object's identity is
/// the recorded one: it never deletes another's `eth0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "kebab-case")]
pub enum Undo {
    /// Delete a link of the host if name, kind and Ethernet address are these.
    DeleteHostLink {
        /// Its name.
        name: String,
        /// Its kind.
        kind: LinkKind,
        /// Its Ethernet address.
        mac: MacAddress,
    },
    /// Delete a link inside the container if name, kind and Ethernet address are these.
    DeleteContainerLink {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// Its name.
        name: String,
        /// Its kind.
        kind: LinkKind,
        /// Its Ethernet address.
        mac: MacAddress,
    },
    /// Set the container's `lo` down, if its namespace is still this one.
    LoopbackDown {
        /// The container's namespace.
        netns: NetnsIdentity,
    },
    /// Take the addresses out of the network's set of masqueraded sources.
    ForgetMasquerade {
        /// The network.
        network: NetworkTag,
        /// The container's addresses.
        sources: Vec<IpAddr>,
    },
    /// Take the port out of the spoof check.
    ForgetSpoofCheck {
        /// The port on the host.
        port: String,
        /// The source address that was allowed.
        mac: MacAddress,
    },
}

/// The kinds of links that undo deletes (`IFLA_INFO_KIND`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// `veth`.
    Veth,
    /// `macvlan`.
    Macvlan,
}

impl LinkKind {
    /// The kernel's name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Macvlan => "macvlan",
        }
    }
}

impl Undo {
    /// Does its object carry the attachment's addresses, so that they are free only when it is gone?
    #[must_use]
    pub fn is_link(&self) -> bool {
        matches!(
            self,
            Self::DeleteHostLink { .. } | Self::DeleteContainerLink { .. }
        )
    }
}

impl Step {
    /// What takes this step back; None for shared objects, and for what vanishes with the link.
    #[must_use]
    pub fn undo(&self, netns: &NetnsIdentity) -> Option<Undo> {
        match self {
            Self::Veth(veth) => Some(Undo::DeleteHostLink {
                name: veth.host_name.clone(),
                kind: LinkKind::Veth,
                mac: veth.host_mac,
            }),
            Self::Macvlan(macvlan) => Some(Undo::DeleteContainerLink {
                netns: netns.clone(),
                name: macvlan.name.clone(),
                kind: LinkKind::Macvlan,
                mac: macvlan.mac,
            }),
            Self::Loopback {} => Some(Undo::LoopbackDown {
                netns: netns.clone(),
            }),
            Self::SpoofCheck(check) => Some(Undo::ForgetSpoofCheck {
                port: check.port.clone(),
                mac: check.mac,
            }),
            Self::Masquerade(wanted) => Some(Undo::ForgetMasquerade {
                network: wanted.network,
                sources: wanted.sources.clone(),
            }),
            Self::Bridge(_)
            | Self::VlanGateway(_)
            | Self::GatewayAddresses(_)
            | Self::Forwarding { .. }
            | Self::MasqueradeNetwork(_)
            | Self::ContainerAddresses(_)
            | Self::HostEnd(_)
            | Self::ContainerRoutes(_)
            | Self::Announce(_) => None,
        }
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteHostLink { name, kind, mac } => {
                write!(f, "delete {} {name} ({mac})", kind.name())
            }
            Self::DeleteContainerLink {
                netns,
                name,
                kind,
                mac,
            } => {
                write!(f, "delete {} {name} ({mac}) in {}", kind.name(), netns.path)
            }
            Self::LoopbackDown { netns } => write!(f, "set lo down in {}", netns.path),
            Self::ForgetMasquerade { sources, .. } => {
                let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
                write!(f, "no masquerade of {}", sources.join(", "))
            }
            Self::ForgetSpoofCheck { port, mac } => write!(f, "no spoof check of {port} for {mac}"),
        }
    }
}
