use std::net::IpAddr;

use wasm_cni_guest::ipnet::{IpNet, Ipv4Net, Ipv6Net};
use wasm_cni_guest::{Attachment, Failure, InterfaceAddress, Level, Policy, PolicyHost, Route};

use crate::{RouteOverride, table};

impl Policy for RouteOverride {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        let proposed = host.routes();
        for entry in &self.delete {
            if !proposed.iter().any(|route| table::is_named(route, entry)) {
                let destination = entry.destination;
                host.log(
                    Level::Warning,
                    &format!("delroutes: there is no such route to {destination}"),
                );
            }
        }
        let (removed, kept): (Vec<Route>, Vec<Route>) =
            proposed.into_iter().partition(|route| self.removes(route));
        let mut added = self.through_gateways(&removed, &kept);
        let addresses = host.addresses();
        added.extend(self.add.iter().map(|route| self.resolve(route, &addresses)));

        let mut asked: Vec<Key> = Vec::with_capacity(removed.len());
        for route in &removed {
            let table = table::number(route.table);
            let key = (route.destination, route.gateway, table);
            // One removal takes the routes of every priority.
            if !asked.contains(&key) {
                asked.push(key);
                host.remove_route(route.destination, route.gateway, route.table);
            }
        }
        for route in added {
            match kept.iter().find(|other| table::is_same(other, &route)) {
                None => host.add_route(route),
                Some(there) if table::is_equal(there, &route) => {}
                Some(there) => return Err(in_the_way(&route, there)),
            }
        }
        Ok(())
    }
}

/// The kernel has one route for a destination, priority and table.
fn in_the_way(route: &Route, there: &Route) -> Failure {
    let through = |route: &Route| match route.gateway {
        Some(gateway) => format!("through {gateway}"),
        None => "by the link itself".to_owned(),
    };
    Failure::Other(format!(
        "addroutes: the route to {} {} can't be added, since there is one {} already; name that one in delroutes, or give \
         this one another priority",
        route.destination,
        through(route),
        through(there)
    ))
}

/// By which the host knows a route to remove: destination, gateway and table.
type Key = (IpNet, Option<IpAddr>, u32);

impl RouteOverride {
    /// Is it a proposed route that goes, to come back with another gateway or not at all?
    fn removes(&self, route: &Route) -> bool {
        let default = table::is_default(route);
        self.flush_routes && table::is_flushed(route)
            || self.flush_gateway && default
            || self
                .delete
                .iter()
                .any(|entry| table::is_named(route, entry))
            || default && self.redirects(route)
    }

    /// Is it a default route that shall have another gateway?
    fn redirects(&self, route: &Route) -> bool {
        let gateway = self.gateways.for_family_of(route.destination.addr());
        gateway.is_some() && gateway != route.gateway
    }

    /// The default routes that `gateway` makes of those that were removed, or anew where there is none.
    fn through_gateways(&self, removed: &[Route], kept: &[Route]) -> Vec<Route> {
        let mut made = Vec::new();
        for gateway in self.gateways.iter() {
            let destination = default_network(gateway);
            let of_family =
                |route: &&Route| table::is_default(route) && is_ipv4(route) == gateway.is_ipv4();
            let before = made.len();
            for route in removed.iter().filter(of_family) {
                let redirected = Route {
                    gateway: Some(gateway),
                    ..route.clone()
                };
                if !made.iter().any(|other| table::is_same(other, &redirected)) {
                    made.push(redirected);
                }
            }
            if made.len() == before && !kept.iter().any(|route| of_family(&route)) {
                made.push(Route {
                    destination,
                    gateway: Some(gateway),
                    mtu: None,
                    advmss: None,
                    priority: None,
                    table: None,
                    scope: None,
                });
            }
        }
        made
    }

    /// The route with the gateway that it gets where it names none: `gateway`'s, or that which the addresses name.
    fn resolve(&self, route: &Route, addresses: &[InterfaceAddress]) -> Route {
        let mut route = route.clone();
        if route.gateway.is_none() && !table::is_of_link_scope(&route) {
            let of_addresses = addresses
                .iter()
                .filter(|address| address.address.addr().is_ipv4() == is_ipv4(&route))
                .find_map(|address| address.gateway);
            let configured = self.gateways.for_family_of(route.destination.addr());
            route.gateway = configured.or(of_addresses);
        }
        route
    }
}

fn is_ipv4(route: &Route) -> bool {
    route.destination.addr().is_ipv4()
}

fn default_network(gateway: IpAddr) -> IpNet {
    if gateway.is_ipv4() {
        Ipv4Net::default().into()
    } else {
        Ipv6Net::default().into()
    }
}
