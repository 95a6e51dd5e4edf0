use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use plan::{Family, Route};

use super::{LinkState, Refusal, RouteSocket};

/// `RT_TABLE_MAIN`.
pub(super) const MAIN_TABLE: u32 = 254;
/// `IP6_RT_PRIO_USER`: what the kernel makes of no metric for IPv6.
const IPV6_DEFAULT_METRIC: u32 = 1024;

/// A route as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteState {
    pub(crate) destination: IpNet,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: Option<u32>,
    pub(crate) metric: u32,
    pub(crate) table: u32,
    pub(crate) scope: u8,
    pub(crate) mtu: Option<u32>,
    pub(crate) advmss: Option<u32>,
}

impl RouteState {
    /// The route that the kernel shows after this request.
    pub(crate) fn wanted(link: &LinkState, route: &Route) -> Self {
        let ipv6 = Family::of(route.destination.addr()) == Family::Ipv6;
        let metric = route.priority.unwrap_or(0);
        Self {
            destination: route.destination,
            gateway: route.gateway,
            interface: Some(link.index),
            metric: if ipv6 && metric == 0 {
                IPV6_DEFAULT_METRIC
            } else {
                metric
            },
            table: table(link, route),
            // IPv6 has no scopes: the kernel ignores what is asked and shows universe.
            scope: if ipv6 { 0 } else { scope(route) },
            mtu: route.mtu,
            advmss: route.advmss,
        }
    }

    /// Would the kernel take the two for one, so that only one of them can be there?
    pub(crate) fn same_key(&self, other: &Self) -> bool {
        (self.destination, self.metric, self.table)
            == (other.destination, other.metric, other.table)
    }

    /// The request that makes it again through this interface, with all that a [`Route`] can say.
    pub(crate) fn as_wanted(&self, link: &LinkState) -> Route {
        Route {
            destination: self.destination,
            gateway: self.gateway,
            mtu: self.mtu,
            advmss: self.advmss,
            priority: Some(self.metric).filter(|metric| *metric != 0),
            table: Some(self.table).filter(|table| *table != link.main_table()),
            scope: Some(self.scope).filter(|_| self.destination.addr().is_ipv4()),
        }
    }

    fn read(message: &RouteMessage) -> Option<Self> {
        if message.header.kind != RouteType::Unicast {
            return None;
        }
        let mut route = Self {
            destination: unspecified(message.header.address_family)?,
            gateway: None,
            interface: None,
            metric: 0,
            table: message.header.table.into(),
            scope: message.header.scope.into(),
            mtu: None,
            advmss: None,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(to) => {
                    let prefix = message.header.destination_prefix_length;
                    route.destination = IpNet::new(ip(to)?, prefix).ok()?;
                }
                RouteAttribute::Gateway(gateway) => route.gateway = ip(gateway),
                RouteAttribute::Oif(index) => route.interface = Some(*index),
                RouteAttribute::Priority(metric) => route.metric = *metric,
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Metrics(metrics) => {
                    metrics.iter().for_each(|metric| match metric {
                        RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
                        RouteMetric::Advmss(advmss) => route.advmss = Some(*advmss),
                        _ => {}
                    })
                }
                _ => {}
            }
        }
        Some(route)
    }
}

impl fmt::Display for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(interface) = self.interface {
            write!(f, " dev {interface}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        for (name, value) in [("mtu", self.mtu), ("advmss", self.advmss)] {
            if let Some(value) = value {
                write!(f, " {name} {value}")?;
            }
        }
        Ok(())
    }
}

fn unspecified(family: AddressFamily) -> Option<IpNet> {
    match family {
        AddressFamily::Inet => Some(Ipv4Net::default().into()),
        AddressFamily::Inet6 => Some(Ipv6Net::default().into()),
        _ => None,
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

fn table(link: &LinkState, route: &Route) -> u32 {
    route
        .table
        .filter(|table| *table != 0)
        .unwrap_or_else(|| link.main_table())
}

/// Without a scope in the request: what goes through a gateway is global, what does not stays on the link, as with
/// `ip route add`.
fn scope(route: &Route) -> u8 {
    let on_link = if route.gateway.is_some() {
        RouteScope::Universe
    } else {
        RouteScope::Link
    };
    route.scope.unwrap_or(on_link.into())
}

/// The message that adds a route through an interface.
pub(crate) fn route_message(link: &LinkState, route: &Route) -> RouteMessage {
    let destination = route.destination.trunc();
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = match destination {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    };
    header.destination_prefix_length = destination.prefix_len();
    header.protocol = RouteProtocol::Boot;
    header.scope = scope(route).into();
    header.kind = RouteType::Unicast;
    let table = table(link, route);
    // Eight bits here, all of it in the attribute.
    header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(table));
    attributes.push(RouteAttribute::Destination(destination.addr().into()));
    attributes.push(RouteAttribute::Oif(link.index));
    attributes.extend(
        route
            .gateway
            .map(|gateway| RouteAttribute::Gateway(gateway.into())),
    );
    attributes.extend(route.priority.map(RouteAttribute::Priority));
    let metrics: Vec<_> = [
        route.mtu.map(RouteMetric::Mtu),
        route.advmss.map(RouteMetric::Advmss),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    message
}

/// The gateway of this request is on the link, whatever the addresses and routes say (`RTNH_F_ONLINK`).
pub(crate) fn on_link(mut message: RouteMessage) -> RouteMessage {
    message.header.flags |= RouteFlags::Onlink;
    message
}

/// The message that removes this route and no other: any scope and protocol, but this metric.
pub(crate) fn removal_message(link: &LinkState, route: &RouteState) -> RouteMessage {
    let key = Route {
        mtu: None,
        advmss: None,
        scope: Some(RouteScope::NoWhere.into()),
        ..route.as_wanted(link)
    };
    let mut message = route_message(link, &key);
    message.header.protocol = RouteProtocol::Unspec;
    message
}

impl RouteSocket {
    pub(crate) fn remove_route(&self, message: RouteMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelRoute(message), 0)
            .map(drop)
    }

    pub(crate) fn add_route(&self, message: RouteMessage) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map(drop)
    }

    /// The unicast routes of a family in a table; through one interface where one is given.
    pub(crate) fn routes(
        &self,
        family: Family,
        table: u32,
        interface: Option<u32>,
    ) -> Result<Vec<RouteState>, Refusal> {
        let mut message = RouteMessage::default();
        message.header.address_family = match family {
            Family::Ipv4 => AddressFamily::Inet,
            Family::Ipv6 => AddressFamily::Inet6,
        };
        message.attributes.push(RouteAttribute::Table(table));
        message
            .attributes
            .extend(interface.map(RouteAttribute::Oif));
        let answers = match self.dump(&RouteNetlinkMessage::GetRoute(message)) {
            // The table does not exist yet.
            Err(refusal) if refusal.errno == Errno::ENOENT => Vec::new(),
            answers => answers?,
        };
        let routes = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(message) => RouteState::read(message),
            _ => None,
        });
        Ok(routes
            .filter(|route| route.table == table)
            .filter(|route| interface.is_none() || route.interface == interface)
            .collect())
    }

    /// The unicast routes of both families and all tables through an interface, and whether their gateways are on the
    /// link by decree.
    pub(crate) fn routes_through(
        &self,
        interface: u32,
    ) -> Result<Vec<(RouteState, bool)>, Refusal> {
        let read = |message: &RouteMessage| {
            let on_link = message.header.flags.contains(RouteFlags::Onlink);
            RouteState::read(message).map(|route| (route, on_link))
        };
        let found = self.descriptions_through(interface)?;
        Ok(found.iter().filter_map(read).collect())
    }

    pub(super) fn descriptions_through(
        &self,
        interface: u32,
    ) -> Result<Vec<RouteMessage>, Refusal> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            message.attributes.push(RouteAttribute::Oif(interface));
            let answers = self.dump(&RouteNetlinkMessage::GetRoute(message))?;
            found.extend(answers.into_iter().filter_map(|answer| match answer {
                RouteNetlinkMessage::NewRoute(message) => Some(message),
                _ => None,
            }));
        }
        found.retain(|route| route.attributes.contains(&RouteAttribute::Oif(interface)));
        Ok(found)
    }

    /// The interface of the default route with the smallest metric, IPv4 before IPv6.
    pub(crate) fn default_interface(&self) -> Result<Option<u32>, Refusal> {
        for family in Family::ALL {
            let defaults = self
                .routes(family, MAIN_TABLE, None)?
                .into_iter()
                .filter(|route| route.destination.prefix_len() == 0 && route.interface.is_some())
                .min_by_key(|route| route.metric);
            if let Some(route) = defaults {
                return Ok(route.interface);
            }
        }
        Ok(None)
    }
}
