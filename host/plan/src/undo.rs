use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    AddressAmendment, DeviceMove, Flows, HostFirewallPass, IsolatedAddresses, LinkAttributes,
    MacAddress, Neighbour, NetnsIdentity, NetworkTag, PortForwards, RouteAmendment, RoutingRule,
    Step,
};

/// How to take a step back. It is written down before the step is done, so it acts only where the object's identity is
/// the recorded one: it never deletes another's `eth0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "kebab-case")]
pub enum Undo {
    /// Delete a link of the host if name, kind and Ethernet address are these, or the trace leads to it.
    DeleteHostLink {
        /// Its name.
        name: String,
        /// Its kind.
        kind: LinkKind,
        /// Its Ethernet address.
        mac: MacAddress,
        /// By what a veth is found that was renamed or given another address; None until it is made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<VethTrace>,
    },
    /// Delete a link inside the container if name and kind are these, and the alias or the Ethernet address.
    DeleteContainerLink {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// Its name.
        name: String,
        /// Its kind.
        kind: LinkKind,
        /// Its Ethernet address.
        mac: MacAddress,
        /// Its alias, where we have given it one. A container may change the address of its interface, and a master that of
        /// what is on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<String>,
        /// Its name until it is finished.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provisional_name: Option<String>,
    },
    /// Give the host its device back, with all that was changed of it.
    ReturnDevice {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// What was done with it.
        moved: DeviceMove,
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
    /// Take the container's interface out of a VRF, with its addresses and routes, and delete the VRF if it is ours and was
    /// left by its last member.
    LeaveVrf {
        /// The container's namespace.
        netns: NetnsIdentity,
        /// The interface.
        interface: String,
        /// The VRF's name.
        vrf: String,
        /// The VRF's Ethernet address if it is ours.
        mac: MacAddress,
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
    /// Take out the flow rules of a container.
    ForgetFlows(Flows),
    /// Isolate a container no more.
    ForgetIsolation(IsolatedAddresses),
    /// Give a container's packets our mark no more.
    ForgetHostFirewallPass(HostFirewallPass),
}

/// What the kernel told of a veth when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VethTrace {
    /// The index of the host's end.
    pub index: u32,
    /// The index of the container's end.
    pub peer_index: u32,
    /// The id by which the host's namespace knows the container's.
    pub nsid: i32,
    /// The name of the container's end.
    pub peer_name: String,
    /// The Ethernet address of the container's end.
    pub peer_mac: MacAddress,
}

/// The kinds of links that undo deletes (`IFLA_INFO_KIND`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// `veth`.
    Veth,
    /// `macvlan`.
    Macvlan,
    /// `ipvlan`.
    Ipvlan,
    /// `vlan`.
    Vlan,
    /// `dummy`.
    Dummy,
    /// `tun`, which taps are too.
    Tun,
    /// `ifb`.
    Ifb,
}

impl LinkKind {
    /// Those that a container's interface can be.
    pub const OF_CONTAINERS: [Self; 6] = [
        Self::Veth,
        Self::Macvlan,
        Self::Ipvlan,
        Self::Vlan,
        Self::Dummy,
        Self::Tun,
    ];

    /// The kind that the kernel calls so, if it is one of a container's interface.
    #[must_use]
    pub fn of_container(name: &str) -> Option<Self> {
        let mut kinds = Self::OF_CONTAINERS.into_iter();
        kinds.find(|kind| kind.name() == name)
    }

    /// The kernel's name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
            Self::Vlan => "vlan",
            Self::Dummy => "dummy",
            Self::Tun => "tun",
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
            Self::DeleteContainerLink { .. } | Self::ReturnDevice { .. } => true,
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
                trace: None,
            }),
            Self::Macvlan(_)
            | Self::Ipvlan(_)
            | Self::Vlan(_)
            | Self::Dummy(_)
            | Self::Tap(_)
            | Self::HostDevice(_) => self.undo_inside(netns),
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
                trace: None,
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
            Self::JoinVrf(wanted) => Some(Undo::LeaveVrf {
                netns: netns.clone(),
                interface: wanted.interface.clone(),
                vrf: wanted.vrf.clone(),
                mac: wanted.mac,
            }),
            Self::TokenBucket(wanted) => Some(Undo::DeleteTokenBucket {
                link: wanted.link.clone(),
            }),
            Self::Redirect(wanted) => Some(Undo::DeleteRedirect {
                link: wanted.link.clone(),
            }),
            Self::PortForwards(wanted) => Some(Undo::ForgetPortForwards(wanted.clone())),
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
            | Self::ConnectionZones {}
            | Self::PortForwardChain(_)
            | Self::FlowTable {}
            | Self::HostFirewallAccept {} => None,
        }
    }
}

impl Step {
    fn undo_inside(&self, netns: &NetnsIdentity) -> Option<Undo> {
        let (kind, name, mac, alias, provisional_name) = match self {
            Self::Macvlan(link) => (LinkKind::Macvlan, &link.name, link.mac, &link.alias, None),
            Self::Ipvlan(link) => {
                let provisional = Some(&link.provisional_name);
                (
                    LinkKind::Ipvlan,
                    &link.name,
                    link.mac,
                    &link.alias,
                    provisional,
                )
            }
            Self::Vlan(link) => {
                let provisional = Some(&link.provisional_name);
                (
                    LinkKind::Vlan,
                    &link.name,
                    link.mac,
                    &link.alias,
                    provisional,
                )
            }
            Self::Dummy(link) => (LinkKind::Dummy, &link.name, link.mac, &link.alias, None),
            Self::Tap(link) => (LinkKind::Tun, &link.name, link.mac, &link.alias, None),
            Self::HostDevice(moved) => {
                return Some(Undo::ReturnDevice {
                    netns: netns.clone(),
                    moved: moved.clone(),
                });
            }
            _ => return None,
        };
        Some(Undo::DeleteContainerLink {
            netns: netns.clone(),
            name: name.clone(),
            kind,
            mac,
            alias: Some(alias.clone()),
            provisional_name: provisional_name.cloned(),
        })
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteHostLink {
                name, kind, mac, ..
            } => {
                write!(f, "delete {} {name} ({mac})", kind.name())
            }
            Self::DeleteContainerLink {
                netns,
                name,
                kind,
                mac,
                ..
            } => {
                write!(f, "delete {} {name} ({mac}) in {}", kind.name(), netns.path)
            }
            Self::ReturnDevice { netns, moved } => write!(
                f,
                "bring {} back from {} as {}",
                moved.name, netns.path, moved.device.name
            ),
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
            Self::LeaveVrf { interface, vrf, .. } => write!(f, "take {interface} out of VRF {vrf}"),
            Self::DeleteTokenBucket { link } => write!(f, "no rate for {link}"),
            Self::DeleteRedirect { link } => write!(f, "no redirection of {link}"),
            Self::ForgetPortForwards(wanted) => {
                let forwards: Vec<_> = wanted.forwards.iter().map(ToString::to_string).collect();
                write!(f, "no forwarding of {}", forwards.join(", "))
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
