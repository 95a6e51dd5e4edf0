use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::Change;
use crate::{
    BandwidthLimit, Dns, FlowRule, InterfaceAddress, Link, LinkKind, LinkSide, MacAddress,
    Neighbour, PortMapping, Route, RoutingRule, Sysctl,
};

/// The number of the main routing table.
const MAIN_TABLE: u32 = 254;

/// What a stage is shown as proposed so far: the [`Proposal`](crate::Proposal) of a test.
///
/// ```
/// # use wasm_cni_guest::testing::ProposalState;
/// let proposal = ProposalState::bridged()
///     .with_mtu(1400)
///     .with_route("10.0.0.0/8".parse()?, Some("10.1.0.254".parse()?));
/// assert_eq!(proposal.addresses[0].address.to_string(), "10.1.0.2/24");
/// assert_eq!(proposal.routes.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProposalState {
    /// The container interface's addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// Routes inside the container.
    pub routes: Vec<Route>,
    /// Resolver settings.
    pub resolver: Dns,
    /// The interface's MTU in bytes.
    pub mtu: Option<u32>,
    /// The interface's Ethernet address.
    pub mac: Option<MacAddress>,
    /// The links of the attachment.
    pub links: Vec<Link>,
    /// Routing rules.
    pub rules: Vec<RoutingRule>,
    /// Permanent neighbour entries.
    pub neighbours: Vec<Neighbour>,
    /// Sysctls.
    pub sysctls: Vec<Sysctl>,
    /// Host ports that are forwarded.
    pub port_forwards: Vec<PortMapping>,
    /// Rates.
    pub bandwidth_limits: Vec<BandwidthLimit>,
    /// Flow rules.
    pub flow_rules: Vec<FlowRule>,
}

impl ProposalState {
    /// Nothing is proposed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A container on a bridge: `cni0`, `veth0` and `eth0` with 10.1.0.2/24, the Ethernet address 02:00:00:00:00:02 and a
    /// default route through 10.1.0.1.
    #[must_use]
    pub fn bridged() -> Self {
        let gateway = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
        let address = Ipv4Net::new_assert(Ipv4Addr::new(10, 1, 0, 2), 24).into();
        let everywhere = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into();
        Self {
            mac: Some(MacAddress([2, 0, 0, 0, 0, 2])),
            ..Self::default()
        }
        .with_link("cni0", LinkSide::Host, LinkKind::Bridge)
        .with_link("veth0", LinkSide::Host, LinkKind::Veth)
        .with_link("eth0", LinkSide::Container, LinkKind::Veth)
        .with_address(address, Some(gateway))
        .with_route(everywhere, Some(gateway))
    }

    /// One more address.
    #[must_use]
    pub fn with_address(mut self, address: IpNet, gateway: Option<IpAddr>) -> Self {
        self.addresses.push(InterfaceAddress { address, gateway });
        self
    }

    /// One more route, of the main table.
    #[must_use]
    pub fn with_route(mut self, destination: IpNet, gateway: Option<IpAddr>) -> Self {
        self.routes.push(Route {
            destination,
            gateway,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
        });
        self
    }

    /// One more link.
    #[must_use]
    pub fn with_link(mut self, name: impl Into<String>, side: LinkSide, kind: LinkKind) -> Self {
        let name = name.into();
        self.links.push(Link { name, side, kind });
        self
    }

    /// The interface's MTU in bytes.
    #[must_use]
    pub fn with_mtu(mut self, mtu: u32) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// What the next stage, or a CHECK, is shown after these changes.
    #[must_use]
    pub fn after(mut self, changes: &[Change]) -> Self {
        for change in changes {
            self.apply(change.clone());
        }
        self
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::AddAddress(address) => self.addresses.push(address),
            Change::RemoveAddress(address) => {
                self.addresses.retain(|held| held.address.addr() != address);
            }
            Change::AddRoute(route) => self.routes.push(route),
            Change::RemoveRoute {
                destination,
                gateway,
                table,
            } => {
                let table = table.unwrap_or(MAIN_TABLE);
                self.routes.retain(|route| {
                    route.destination != destination
                        || gateway.is_some() && route.gateway != gateway
                        || route.table.unwrap_or(MAIN_TABLE) != table
                });
            }
            Change::AddRule(rule) => self.rules.push(rule),
            Change::AddNeighbour(neighbour) => self.neighbours.push(neighbour),
            Change::SetMtu(mtu) => self.mtu = Some(mtu),
            Change::SetMac(mac) => self.mac = Some(mac),
            Change::SetResolver(dns) => self.resolver = dns,
            Change::SetSysctl(sysctl) => {
                self.sysctls.retain(|other| other.name != sysctl.name);
                self.sysctls.push(sysctl);
            }
            Change::ForwardPorts { mappings, .. } => self.port_forwards.extend(mappings),
            Change::LimitBandwidth(limit) => self.bandwidth_limits.push(limit),
            Change::AddFlow(rule) => self.flow_rules.push(rule),
            // A proposal has no function that shows these.
            Change::Deny(_)
            | Change::SetLinkFlag(..)
            | Change::SetTransmitQueueLength(_)
            | Change::DenyFlowsByDefault(_)
            | Change::Isolate(_)
            | Change::PassHostFirewall
            | Change::Masquerade(_)
            | Change::JoinVrf { .. } => {}
        }
    }
}
