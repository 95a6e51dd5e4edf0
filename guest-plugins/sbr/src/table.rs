//! The table of one address.

use std::net::IpAddr;

use ipnet::IpNet;
use wasm_cni_guest::{Link, LinkKind, LinkSide, Route};

/// `RT_SCOPE_LINK`: reached by the link itself.
const LINK_SCOPE: u8 = 253;

/// A table and the address whose packets look into it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) number: u32,
    /// With its network's prefix length.
    pub(crate) address: IpNet,
    /// What came with the address.
    pub(crate) own_gateway: Option<IpAddr>,
    /// What is configured, which beats it.
    pub(crate) fixed_gateway: Option<IpAddr>,
    /// Nothing but gateways is on the link.
    pub(crate) point_to_point: bool,
}

/// Is the other end of the link the host alone? Then the attachment has one link on the host; on a bridge it has two, as
/// another vendor's result shows them too, and a macvlan has none.
pub(crate) fn is_point_to_point(links: &[Link]) -> bool {
    let mut host = links.iter().filter(|link| link.side == LinkSide::Host);
    match (host.next(), host.next()) {
        (Some(link), None) => matches!(link.kind, LinkKind::Veth | LinkKind::Other),
        _ => false,
    }
}

/// The numbers of the tables that a route of the main table belongs into. Where its gateway is nobody's, that is every table
/// of its family.
pub(crate) fn takers(tables: &[Table], route: &Route) -> Vec<u32> {
    let ipv4 = route.destination.addr().is_ipv4();
    let family = tables
        .iter()
        .filter(|table| table.address.addr().is_ipv4() == ipv4);
    let near: Vec<u32> = family
        .clone()
        .filter(|table| table.is_near(route))
        .map(|table| table.number)
        .collect();
    if near.is_empty() {
        family.map(|table| table.number).collect()
    } else {
        near
    }
}

impl Table {
    /// Does the route lead through this address's network, or through no gateway?
    fn is_near(&self, route: &Route) -> bool {
        match route.gateway {
            None => true,
            Some(gateway) => self.own_gateway == Some(gateway) || self.address.contains(&gateway),
        }
    }

    /// All that the table gets, in an order in which each gateway can be reached before it is used. `moved` comes from the
    /// main table.
    pub(crate) fn routes<'a>(&self, moved: impl Iterator<Item = &'a Route>) -> Vec<Route> {
        let mut routes = self.near_routes();
        for route in moved {
            let gateway = match self.fixed_gateway {
                Some(gateway) if is_default(route) => Some(gateway),
                Some(_) | None => route.gateway,
            };
            push(
                &mut routes,
                Route {
                    gateway,
                    table: Some(self.number),
                    ..route.clone()
                },
            );
        }
        if let (Some(gateway), false) = (self.gateway(), routes.iter().any(is_default)) {
            let everywhere = match gateway {
                IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
                IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
            };
            routes.push(self.through(everywhere, Some(gateway)));
        }
        routes
    }

    fn gateway(&self) -> Option<IpAddr> {
        self.fixed_gateway.or(self.own_gateway)
    }

    /// Those to the network and to the gateways.
    fn near_routes(&self) -> Vec<Route> {
        let network = self.address.trunc();
        let alone = network.prefix_len() == network.max_prefix_len();
        let through = self.gateway().filter(|_| self.point_to_point);
        let mut routes = Vec::new();
        if !alone && through.is_none() {
            routes.push(self.on_link(network));
        }
        for gateway in [self.fixed_gateway, self.own_gateway].into_iter().flatten() {
            let reached = !alone && through.is_none() && network.contains(&gateway);
            if !reached && !is_link_local(gateway) {
                push(&mut routes, self.on_link(IpNet::from(gateway)));
            }
        }
        if !alone && through.is_some() {
            routes.push(self.through(network, through));
        }
        routes
    }

    fn on_link(&self, destination: IpNet) -> Route {
        Route {
            scope: Some(LINK_SCOPE),
            ..self.through(destination, None)
        }
    }

    fn through(&self, destination: IpNet, gateway: Option<IpAddr>) -> Route {
        Route {
            destination,
            gateway,
            mtu: None,
            advmss: None,
            priority: None,
            table: Some(self.number),
            scope: None,
        }
    }
}

/// A table has one route to a destination with a priority; the first stays.
fn push(routes: &mut Vec<Route>, route: Route) {
    let same =
        |other: &Route| other.destination == route.destination && other.priority == route.priority;
    if !routes.iter().any(same) {
        routes.push(route);
    }
}

fn is_default(route: &Route) -> bool {
    route.destination.prefix_len() == 0
}

/// Such an address is on every link without a route.
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
