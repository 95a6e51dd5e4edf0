use std::net::IpAddr;

use wasm_cni_guest::ipnet::{IpNet, Ipv4Net, Ipv6Net};
use wasm_cni_guest::{Attachment, Failure, Level, Policy, PolicyHost, Route};

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
        added.extend(self.add.iter().map(|route| self.with_gateway(route)));

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
        let addresses = host.addresses();
        for route in added {
            let family = addresses
                .iter()
                .filter(|address| address.address.addr().is_ipv4() == is_ipv4(&route));
            let gateway = family.filter_map(|address| address.gateway).next();
            // What is there already need not be added. The host would refuse it.
            if !kept
                .iter()
                .any(|other| table::is_equal(other, &route, gateway))
            {
                host.add_route(route);
            }
        }
        Ok(())
    }
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

    fn with_gateway(&self, route: &Route) -> Route {
        let gateway = self.gateways.for_family_of(route.destination.addr());
        Route {
            gateway: route.gateway.or(gateway),
            ..route.clone()
        }
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
