//! From what the operator wants and what the IPAM plugin decided to the steps.

mod bridge;
mod inside;
mod ptp;
pub(crate) mod routing;
mod stage;

use std::mem;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    Addressing, Announcement, Attachment, ContainerAddresses, ContainerRoutes, DeviceState, Family,
    Link, LinkAlias, MacAddress, MasqueradeNetwork, MasqueradeSources, NetnsIdentity, Step, Undo,
};

pub use stage::{ChainRequest, chain};

/// What identifies the objects that an attachment makes; fixed before anything is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Of the container's interface.
    pub container_mac: MacAddress,
    /// Of the host's end of a veth.
    pub host_mac: MacAddress,
    /// Of a bridge, in case it is made now.
    pub bridge_mac: MacAddress,
    /// `IFLA_GROUP` of the attachment's links.
    pub group: u32,
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct LinkRequest<'a> {
    /// Whose link.
    pub attachment: &'a Attachment,
    /// What the operator wants.
    pub link: &'a Link,
    /// What the IPAM plugin decided, completed by [`complete`] and amended by the chain; empty for a link without
    /// addresses.
    pub addressing: &'a Addressing,
    /// Of the container's interface, in bytes; None: the kernel's default.
    pub mtu: Option<u32>,
    /// The subnets of the network's ranges, as far as the host knows them.
    pub subnets: &'a [IpNet],
    /// What the new objects are recognised by.
    pub identity: Identity,
    /// The device of the host that the link asks for; None where it asks for none, or user space drives it.
    pub device: Option<&'a DeviceState>,
}

/// The steps of one attachment, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What to do.
    pub steps: Vec<Step>,
    /// The addressing as the result shows it.
    pub addressing: Addressing,
}

impl Plan {
    /// How to take everything back, in the order of doing; undo goes through it from the end.
    #[must_use]
    pub fn undo(&self, netns: &NetnsIdentity) -> Vec<Undo> {
        self.steps
            .iter()
            .filter_map(|step| step.undo(netns))
            .collect()
    }

    /// The steps that remain when another plan of the same link, made without addresses, is done: each kind of step that it
    /// lacks, and the addresses.
    #[must_use]
    pub fn beyond(&self, bare: &Self) -> Vec<Step> {
        let is_done = |step: &Step| {
            let kind = mem::discriminant(step);
            bare.steps
                .iter()
                .any(|done| mem::discriminant(done) == kind)
        };
        self.steps
            .iter()
            .filter(|step| matches!(step, Step::ContainerAddresses(_)) || !is_done(step))
            .cloned()
            .collect()
    }
}

/// Fills in what a kind of link adds to what the IPAM plugin decided: gateways and default routes.
#[must_use]
pub fn complete(link: &Link, addressing: &Addressing) -> Addressing {
    match link {
        Link::Bridge(bridge) => bridge::complete(addressing, bridge),
        _ => Addressing {
            routes: routing::resolve(addressing),
            ..addressing.clone()
        },
    }
}

/// Makes the plan.
///
/// # Errors
/// What the addressing lacks for this kind of link, as text that names it.
pub fn build(request: &LinkRequest<'_>) -> Result<Plan, Vec<String>> {
    match request.link {
        Link::Bridge(bridge) => Ok(bridge::steps(request, bridge)),
        Link::Ptp(_) => ptp::steps(request),
        Link::Macvlan(macvlan) => Ok(inside::macvlan(request, macvlan)),
        Link::Ipvlan(ipvlan) => Ok(inside::ipvlan(request, ipvlan)),
        Link::Vlan(vlan) => Ok(inside::vlan(request, vlan)),
        Link::HostDevice(device) => Ok(inside::host_device(request, device)),
        Link::Dummy {} => Ok(inside::dummy(request)),
        Link::Tap(tap) => Ok(inside::tap(request, tap)),
        Link::Loopback {} => Ok(Plan {
            steps: vec![Step::Loopback {}],
            addressing: Addressing::default(),
        }),
    }
}

impl LinkRequest<'_> {
    fn addresses(&self) -> Vec<IpAddr> {
        self.addressing
            .addresses
            .iter()
            .map(|entry| entry.address.addr())
            .collect()
    }

    fn alias(&self) -> String {
        let alias = LinkAlias::new(self.attachment.network_tag(), self.addresses());
        // Nobody else ever has this Ethernet address.
        let making = self.identity.host_mac.0.into_iter();
        let making = making.fold(0, |number, octet| number << 8 | u64::from(octet));
        alias.of_making(making).to_string()
    }

    fn forwarding(&self) -> impl Iterator<Item = Step> {
        let addresses = self.addresses();
        Family::ALL
            .into_iter()
            .filter(move |family| {
                addresses
                    .iter()
                    .any(|address| Family::of(*address) == *family)
            })
            .map(|family| Step::Forwarding { family })
    }

    /// Addresses and routes of the container's interface.
    fn container(
        &self,
        addressing: &Addressing,
        duplicate_address_detection: bool,
        link_local: bool,
    ) -> Vec<Step> {
        let interface = &self.attachment.interface_name;
        let mut steps = vec![Step::ContainerAddresses(ContainerAddresses {
            interface: interface.clone(),
            addresses: addressing.addresses.clone(),
            duplicate_address_detection,
            no_prefix_route: false,
            link_local,
        })];
        if !addressing.routes.is_empty() {
            steps.push(Step::ContainerRoutes(ContainerRoutes {
                interface: interface.clone(),
                on_link: Vec::new(),
                routes: addressing.routes.clone(),
            }));
        }
        steps
    }

    /// A network with IPv4 alone needs no IPv6 link-local address, whose coming is told to all others on the link.
    fn speaks_ipv6(&self) -> bool {
        self.addresses()
            .iter()
            .any(|address| Family::of(*address) == Family::Ipv6)
    }

    fn announcement(&self) -> Option<Step> {
        let addresses = self.addresses();
        (!addresses.is_empty()).then(|| {
            Step::Announce(Announcement {
                interface: self.attachment.interface_name.clone(),
                mac: self.identity.container_mac,
                addresses,
            })
        })
    }

    fn masquerade(&self) -> Option<[Step; 2]> {
        let exclude = self.link.masquerade_exclusions()?;
        let sources = self.addresses();
        if sources.is_empty() {
            return None;
        }
        let mut subnets = self.subnets.to_vec();
        subnets.extend(
            self.addressing
                .addresses
                .iter()
                .map(|entry| entry.address.trunc()),
        );
        subnets.sort_unstable();
        subnets.dedup();
        let network = self.attachment.network_tag();
        let chain = MasqueradeNetwork {
            network,
            name: self.attachment.network.clone(),
            subnets,
            exclude: exclude.to_vec(),
        };
        Some([
            Step::MasqueradeNetwork(chain),
            Step::Masquerade(MasqueradeSources { network, sources }),
        ])
    }
}

#[cfg(test)]
mod tests;
