//! The real kernel.

mod addresses;
mod announce;
mod bridge;
mod bridge_filter;
mod chained;
mod detection;
mod dummy;
mod gateway;
mod group;
mod host_device;
mod host_end;
mod host_ports;
mod ipv6;
mod ipvlan;
mod link_local;
mod loopback;
mod macvlan;
mod netns_mark;
mod on_master;
mod port;
mod port_isolation;
mod prefixes;
mod purge;
mod recordless;
mod remote;
mod router;
mod routes;
mod shaping;
mod status;
mod tagged;
mod tap;
mod undo;
mod untagged;
mod verify;
mod veth;
mod vlan;
#[cfg(test)]
mod wire;

use netlink_packet_route::link::LinkMessage;
use plan::{Family, Mismatch, Step, Undo};

use crate::netlink::{LinkState, RouteSocket};
use crate::nft::{Base, Firewall, ForeignPort, ForwardFilter, Nft};
use crate::{Kernel, KernelError, Netns, Performed, Place, Presence, Undone, sysctl};

pub use chained::{ContainerInterface, HostBridge, HostPeer};
pub use host_device::HostDeviceFound;
pub use prefixes::{HostPrefix, PrefixOrigin};
pub use purge::Purged;
pub use remote::{RemoteInterface, RemoteInterfaces, VethHostEnd};
pub use tagged::TaggedLink;
pub use untagged::UntaggedLink;

/// The kernel of this machine, as seen from the calling thread's network namespace ("the host") and, where one was
/// given, from a container's.
///
/// Use it on the thread that made it: sysctls and nftables are those of the calling thread's namespace. Calls block.
#[derive(Debug)]
pub struct Linux {
    host: RouteSocket,
    container: Option<Netns>,
    nft: Option<Nft>,
    /// The bridge that this made or found.
    bridge: Option<LinkState>,
    /// The host's end of the veth that this made, whose port must be ready before the container is.
    host_end: Option<u32>,
}

impl Linux {
    /// The host alone: enough for every [`Undo`].
    ///
    /// # Errors
    /// When no netlink socket can be opened.
    pub fn host() -> Result<Self, KernelError> {
        let host = RouteSocket::open().map_err(|source| KernelError::Io {
            doing: "opening a netlink socket on the host",
            source,
        })?;
        Ok(Self {
            host,
            container: None,
            nft: None,
            bridge: None,
            host_end: None,
        })
    }

    /// The host and a container.
    ///
    /// # Errors
    /// When no netlink socket can be opened.
    pub fn with_container(netns: &Netns) -> Result<Self, KernelError> {
        let mut linux = Self::host()?;
        linux.container = Some(netns.clone());
        Ok(linux)
    }

    /// Is the name taken inside the container?
    ///
    /// # Errors
    /// When there is no container, or it can't be asked.
    pub fn interface_exists(&self, name: &str) -> Result<bool, KernelError> {
        let container = self.container(|| format!("looking for {name}"))?;
        Ok(find(container.route(), name)?.is_some())
    }

    /// The id by which the host's namespace knows the container's, given now if it has none (`RTM_NEWNSID`). With it a
    /// link without a host end is found when the path is gone.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn assign_nsid(&self, netns: &Netns) -> Result<i32, KernelError> {
        let doing = || format!("naming the namespace {}", netns.identity().path);
        self.host
            .assign_nsid(netns.descriptor())
            .map_err(|refusal| refusal.when(doing()))?
            .ok_or_else(|| KernelError::Incomplete {
                doing: doing(),
                lacks: "an nsid",
            })
    }

    /// In one batch makes what is missing of our nftables objects and adds the elements of every attachment: for when
    /// a step told that they had to be recreated.
    ///
    /// # Errors
    /// What nftables refused; then nothing was changed.
    pub fn restore_firewall(&mut self, firewall: &Firewall) -> Result<(), KernelError> {
        Ok(self.nft()?.restore(firewall)?)
    }

    /// Chains of others, as `nft` names them, that drop what the host forwards and can't be told to let a container's
    /// packets pass.
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn impassable_firewalls(&mut self) -> Result<Vec<String>, KernelError> {
        Ok(self.nft()?.impassable_firewalls()?)
    }

    /// The chains that filter what the host forwards and drop it by default, or that are known to reject it; ours are left
    /// out.
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn forward_filters(&mut self) -> Result<Vec<ForwardFilter>, KernelError> {
        Ok(self.nft()?.forward_filters()?)
    }

    /// Ports of the host that rules of the reference portmap forward.
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn foreign_ports(&mut self) -> Result<Vec<ForeignPort>, KernelError> {
        Ok(self.nft()?.foreign_ports()?)
    }

    /// Does kube-proxy serve node ports here?
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn has_kube_proxy(&mut self) -> Result<bool, KernelError> {
        Ok(self.nft()?.has_kube_proxy()?)
    }

    /// Removes our nftables tables, those of every attachment, and our rules in chains of others; false when there was
    /// none.
    ///
    /// # Errors
    /// What nftables refused.
    pub fn purge_firewall(&mut self) -> Result<bool, KernelError> {
        Ok(self.nft()?.purge()?)
    }

    /// A link of the host. The bridge is not looked for again; what of it may have changed since is not for this.
    fn host_link(&self, name: &str) -> Result<LinkState, KernelError> {
        match &self.bridge {
            Some(bridge) if bridge.name == name => Ok(bridge.clone()),
            _ => find_required(&self.host, name, Place::Host),
        }
    }

    fn container(&self, doing: impl FnOnce() -> String) -> Result<&Netns, KernelError> {
        self.container
            .as_ref()
            .ok_or_else(|| KernelError::NoContainer { doing: doing() })
    }

    fn nft(&mut self) -> Result<&mut Nft, KernelError> {
        match &mut self.nft {
            Some(nft) => Ok(nft),
            none => Ok(none.insert(Nft::open()?)),
        }
    }
}

impl Kernel for Linux {
    fn perform(&mut self, step: &Step) -> Result<Performed, KernelError> {
        let done = Performed::default();
        match step {
            Step::Bridge(bridge) => self.ensure_bridge(bridge),
            Step::VlanGateway(gateway) => self.ensure_vlan_gateway(gateway),
            Step::GatewayAddresses(gateway) => {
                self.ensure_gateway_addresses(gateway).map(|()| done)
            }
            Step::Forwarding { family } => sysctl::ensure(forwarding(*family), "1").map(|()| done),
            Step::MasqueradeNetwork(network) => {
                Ok(ensured(self.nft()?.ensure_masquerade_network(network)?))
            }
            Step::Veth(veth) => self.make_veth(veth),
            Step::Macvlan(macvlan) => self.make_macvlan(macvlan),
            Step::Ipvlan(ipvlan) => self.make_ipvlan(ipvlan),
            Step::Vlan(vlan) => self.make_vlan(vlan),
            Step::HostDevice(wanted) => self.move_device(wanted),
            Step::Dummy(dummy) => self.make_dummy(dummy),
            Step::Tap(tap) => self.make_tap(tap),
            Step::Loopback {} => self.loopback_up(),
            Step::SpoofCheck(check) => {
                let nft = self.nft()?;
                let base = nft.ensure_spoof_check()?;
                nft.add_spoof_check(check)?;
                Ok(ensured(base))
            }
            Step::ContainerAddresses(wanted) => self.configure_addresses(wanted).map(|()| done),
            Step::HostEnd(end) => self.configure_host_end(end).map(|()| done),
            Step::ContainerRoutes(wanted) => self.configure_routes(wanted).map(|()| done),
            Step::Announce(wanted) => self.announce(wanted).map(|()| done),
            Step::Masquerade(wanted) => {
                self.nft()?.add_masquerade(wanted)?;
                Ok(done)
            }
            Step::Ifb(wanted) => self.make_ifb(wanted),
            Step::TokenBucket(wanted) => self.put_token_bucket(wanted).map(|()| done),
            Step::Redirect(wanted) => self.redirect(wanted).map(|()| done),
            Step::Sysctl(wanted) => self.set_sysctl(wanted).map(|()| done),
            Step::LinkSettings(wanted) => self.set_link_attributes(wanted).map(|()| done),
            Step::JoinVrf(wanted) => self.join_vrf(wanted).map(|()| done),
            Step::AmendAddresses(wanted) => self.amend_addresses(wanted).map(|()| done),
            Step::AmendRoutes(wanted) => self.amend_routes(wanted).map(|()| done),
            Step::RoutingRules(wanted) => self.add_rules(wanted).map(|()| done),
            Step::Neighbours(wanted) => self.set_neighbours(wanted).map(|()| done),
            Step::ConnectionZones {} => Ok(ensured(self.nft()?.ensure_connection_zones()?)),
            Step::PortForwardChain(chain) => {
                Ok(ensured(self.nft()?.ensure_port_forward_chain(chain)?))
            }
            Step::PortForwards(wanted) => {
                self.nft()?.add_port_forwards(wanted)?;
                Ok(done)
            }
            Step::RouteLocalnet { link } => self.route_localnet(link),
            Step::Hairpin { port } => self.hairpin(port).map(|()| done),
            Step::FlowTable {} => Ok(ensured(self.nft()?.ensure_flow_table()?)),
            Step::Flows(flows) => {
                let nft = self.nft()?;
                nft.add_flows(flows)?;
                Ok(nft.forget_datagrams(&flows.addresses).map(|()| done)?)
            }
            Step::Isolation(wanted) => {
                let nft = self.nft()?;
                nft.add_isolation(wanted)?;
                Ok(nft.forget_datagrams(&wanted.addresses).map(|()| done)?)
            }
            Step::HostFirewallAccept {} => Ok(ensured(self.nft()?.ensure_host_firewall_accept()?)),
            Step::HostFirewallPass(wanted) => {
                Ok(self.nft()?.add_host_firewall_pass(wanted).map(|()| done)?)
            }
            Step::BridgeFilter { bridge, ours } => self.filter_bridge(bridge, *ours).map(|()| done),
            Step::PortIsolation { port } => self.isolate_port(port).map(|()| done),
        }
    }

    fn undo(&mut self, undo: &Undo) -> Result<Undone, KernelError> {
        self.take_back(undo)
    }

    fn undo_all(&mut self, undos: &[&Undo], group: u32) -> Vec<Result<Undone, KernelError>> {
        self.take_back_all(undos, group)
    }

    fn verify(&mut self, step: &Step) -> Result<Vec<Mismatch>, KernelError> {
        self.compare(step)
    }

    fn presence(&mut self, undo: &Undo) -> Result<Presence, KernelError> {
        self.look_for(undo)
    }
}

fn ensured(base: Base) -> Performed {
    Performed {
        links: Vec::new(),
        firewall_recreated: base == Base::Created,
    }
}

/// Both families have one switch for all interfaces.
fn forwarding(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "/proc/sys/net/ipv4/ip_forward",
        Family::Ipv6 => "/proc/sys/net/ipv6/conf/all/forwarding",
    }
}

fn find(route: &RouteSocket, name: &str) -> Result<Option<LinkState>, KernelError> {
    route
        .link(name)
        .map_err(|refusal| refusal.when(format!("looking for interface {name}")))
}

fn find_required(route: &RouteSocket, name: &str, place: Place) -> Result<LinkState, KernelError> {
    find(route, name)?.ok_or_else(|| KernelError::NotFound {
        name: name.to_owned(),
        place,
    })
}

fn set(
    route: &RouteSocket,
    message: LinkMessage,
    doing: impl FnOnce() -> String,
) -> Result<(), KernelError> {
    route
        .set_link(message)
        .map_err(|refusal| refusal.when(doing()))
}
