use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    AddressAmendment, Flows, HostFirewallPass, IsolatedAddresses, LinkAttributes, MacAddress,
    Neighbour, NetnsIdentity, NetworkTag, PortForwards, RouteAmendment, RoutingRule, Step,
};

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
    /// Take back what was changed of the container's addresses, if its namespace is still this one.
    AmendAddresses {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The change that takes it back.
        amendment: AddressAmendment,
    },
    /// Take back what was changed of the container's routes, if its namespace is still this one.
    AmendRoutes {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The change that takes it back.
        amendment: RouteAmendment,
    },
    /// Delete routing rules of the container.
    DeleteRoutingRules {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The rules.
        rules: Vec<RoutingRule>,
    },
    /// Delete neighbour entries of the container's interface.
    DeleteNeighbours {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The interface.
        interface: String,
        /// The entries.
        neighbours: Vec<Neighbour>,
    },
    /// Give the container's interface back the attributes that it had, each only if it is still ours.
    RestoreLinkSettings {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The interface.
        interface: String,
        /// What was set.
        ours: LinkAttributes,
        /// What it was.
        previous: LinkAttributes,
    },
    /// Give a sysctl of the container its value back, if it is still ours.
    RestoreSysctl {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The path below `/proc/sys`.
        path: String,
        /// What was set.
        ours: String,
        /// What it was.
        previous: String,
    },
    /// Remove the queue that holds a link of the host to a rate.
    DeleteTokenBucket {
        /// The link.
        link: String,
    },
    /// Stop the redirection of what a link of the host receives.
    DeleteRedirect {
        /// The link.
        link: String,
    },
    /// Take ports out of the maps of a forwarding chain.
    ForgetPortForwards(PortForwards),
    /// Forget tracked connections to ports that are forwarded no more.
    ForgetConnections(PortForwards),
    /// Take out the flow rules of a container.
    ForgetFlows(Flows),
    /// Isolate a container no more.
    ForgetIsolation(IsolatedAddresses),
    /// Give a container's packets our mark no more.
    ForgetHostFirewallPass(HostFirewallPass),
}

/// The kinds of links that undo deletes (`IFLA_INFO_KIND`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// `veth`.
    Veth,
    /// `macvlan`.
    Macvlan,
    /// `ifb`.
    Ifb,
}

impl LinkKind {
    /// The kernel's name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Macvlan => "macvlan",
            Self::Ifb => "ifb",
        }
    }
}

impl Undo {
    /// Does its object carry the attachment's addresses, so that they are free only when it is gone?
    #[must_use]
    pub fn is_link(&self) -> bool {
        match self {
            Self::DeleteHostLink { kind, .. } => *kind != LinkKind::Ifb,
            Self::DeleteContainerLink { .. } => true,
            _ => false,
        }
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
            Self::Ifb(ifb) => Some(Undo::DeleteHostLink {
                name: ifb.name.clone(),
                kind: LinkKind::Ifb,
                mac: ifb.mac,
            }),
            Self::AmendAddresses(amendment) => Some(Undo::AmendAddresses {
                netns: netns.clone(),
                amendment: amendment.reversed(),
            }),
            Self::AmendRoutes(amendment) => Some(Undo::AmendRoutes {
                netns: netns.clone(),
                amendment: amendment.reversed(),
            }),
            Self::RoutingRules(wanted) => Some(Undo::DeleteRoutingRules {
                netns: netns.clone(),
                rules: wanted.rules.clone(),
            }),
            Self::Neighbours(wanted) => Some(Undo::DeleteNeighbours {
                netns: netns.clone(),
                interface: wanted.interface.clone(),
                neighbours: wanted.neighbours.clone(),
            }),
            Self::LinkSettings(wanted) => {
                wanted
                    .previous
                    .clone()
                    .map(|previous| Undo::RestoreLinkSettings {
                        netns: netns.clone(),
                        interface: wanted.interface.clone(),
                        ours: wanted.wanted.clone(),
                        previous,
                    })
            }
            Self::Sysctl(wanted) => wanted.previous.clone().map(|previous| Undo::RestoreSysctl {
                netns: netns.clone(),
                path: wanted.path.clone(),
                ours: wanted.value.clone(),
                previous,
            }),
            Self::TokenBucket(wanted) => Some(Undo::DeleteTokenBucket {
                link: wanted.link.clone(),
            }),
            Self::Redirect(wanted) => Some(Undo::DeleteRedirect {
                link: wanted.link.clone(),
            }),
            Self::PortForwards(wanted) => Some(Undo::ForgetPortForwards(wanted.clone())),
            Self::ForgetConnections(wanted) => Some(Undo::ForgetConnections(wanted.clone())),
            Self::Flows(flows) => Some(Undo::ForgetFlows(flows.clone())),
            Self::Isolation(wanted) => Some(Undo::ForgetIsolation(wanted.clone())),
            Self::HostFirewallPass(wanted) => Some(Undo::ForgetHostFirewallPass(wanted.clone())),
            Self::Bridge(_)
            | Self::VlanGateway(_)
            | Self::GatewayAddresses(_)
            | Self::Forwarding { .. }
            | Self::MasqueradeNetwork(_)
            | Self::ContainerAddresses(_)
            | Self::HostEnd(_)
            | Self::ContainerRoutes(_)
            | Self::Announce(_)
            | Self::Hairpin { .. }
            | Self::PortIsolation { .. }
            | Self::BridgeFilter { .. }
            | Self::RouteLocalnet { .. }
            | Self::PortForwardChain(_)
            | Self::FlowTable {}
            | Self::HostFirewallAccept {} => None,
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
            Self::AmendAddresses { amendment, .. } => {
                write!(f, "{} as before", Step::AmendAddresses(amendment.clone()))
            }
            Self::AmendRoutes { amendment, .. } => {
                write!(f, "{} as before", Step::AmendRoutes(amendment.clone()))
            }
            Self::DeleteRoutingRules { rules, netns } => {
                let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
                write!(f, "delete rules {} in {}", rules.join(", "), netns.path)
            }
            Self::DeleteNeighbours {
                interface,
                neighbours,
                ..
            } => {
                let addresses: Vec<_> = neighbours
                    .iter()
                    .map(|entry| entry.address.to_string())
                    .collect();
                write!(
                    f,
                    "delete neighbours {} of {interface}",
                    addresses.join(", ")
                )
            }
            Self::RestoreLinkSettings { interface, .. } => {
                write!(f, "settings of {interface} as before")
            }
            Self::RestoreSysctl { path, previous, .. } => {
                write!(f, "sysctl {path} = {previous} as before")
            }
            Self::DeleteTokenBucket { link } => write!(f, "no rate for {link}"),
            Self::DeleteRedirect { link } => write!(f, "no redirection of {link}"),
            Self::ForgetPortForwards(wanted) => {
                let forwards: Vec<_> = wanted.forwards.iter().map(ToString::to_string).collect();
                write!(f, "no forwarding of {}", forwards.join(", "))
            }
            Self::ForgetConnections(wanted) => {
                let ports: Vec<_> = wanted
                    .forwards
                    .iter()
                    .map(|forward| forward.host_port.to_string())
                    .collect();
                write!(f, "no tracked connections to port {}", ports.join(", "))
            }
            Self::ForgetFlows(flows) => write!(f, "no flow rules of {}", list(&flows.addresses)),
            Self::ForgetIsolation(wanted) => {
                write!(f, "no isolation of {}", list(&wanted.addresses))
            }
            Self::ForgetHostFirewallPass(wanted) => write!(
                f,
                "no passage of {} through the host's firewall",
                list(&wanted.addresses)
            ),
        }
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
