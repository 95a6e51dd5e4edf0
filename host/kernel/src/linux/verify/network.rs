use std::net::IpAddr;

use ipnet::IpNet;
use plan::{
    ContainerAddresses, ContainerRoutes, Family, GatewayAddresses, HostEnd, Mismatch, Route,
};

use super::Differences;
use crate::KernelError;
use crate::linux::host_end::through_link;
use crate::linux::{Linux, find};
use crate::netlink::{LinkState, RouteSocket, RouteState};

/// What a route through another interface is that has the place of the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::linux) enum Elsewhere {
    /// The destination is reached: the first one wins.
    Suffices,
    /// Not what was made.
    Differs,
}

impl Linux {
    pub(super) fn compare_gateway_addresses(
        &self,
        wanted: &GatewayAddresses,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let Some(link) = find(&self.host, &wanted.link)? else {
            return Ok(differences.missing(format!("link {}", wanted.link)));
        };
        differences.addresses(&self.host, &link, &wanted.addresses)?;
        Ok(differences.found)
    }

    pub(super) fn compare_addresses(
        &self,
        wanted: &ContainerAddresses,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        differences.unless(link.up, format!("link {}", link.name), "up", "down");
        let addresses: Vec<_> = wanted.addresses.iter().map(|entry| entry.address).collect();
        differences.addresses(container.route(), &link, &addresses)?;
        Ok(differences.found)
    }

    pub(super) fn compare_host_end(&self, wanted: &HostEnd) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let Some(link) = find(&self.host, &wanted.link)? else {
            return Ok(differences.missing(format!("link {}", wanted.link)));
        };
        let addresses: Vec<_> = wanted.addresses.iter().copied().map(IpNet::from).collect();
        differences.addresses(&self.host, &link, &addresses)?;
        let routes = wanted.routes.iter().copied().map(through_link);
        differences.routes(&self.host, &link, routes, Elsewhere::Differs)?;
        Ok(differences.found)
    }

    pub(super) fn compare_routes(
        &self,
        wanted: &ContainerRoutes,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        let gateways = wanted.on_link.iter().copied().map(through_link);
        differences.routes(container.route(), &link, gateways, Elsewhere::Differs)?;
        let routes = wanted.routes.iter().cloned();
        differences.routes(container.route(), &link, routes, Elsewhere::Suffices)?;
        Ok(differences.found)
    }
}

impl Differences {
    pub(in crate::linux) fn addresses(
        &mut self,
        socket: &RouteSocket,
        link: &LinkState,
        wanted: &[IpNet],
    ) -> Result<(), KernelError> {
        let found = socket
            .addresses(link.index, None)
            .map_err(|refusal| refusal.when(format!("reading the addresses of {}", link.name)))?;
        for address in wanted {
            let object = format!("address {address} on {}", link.name);
            let there: Option<IpNet> = found
                .iter()
                .map(|each| each.address)
                .find(|each| each.addr() == address.addr());
            match there {
                Some(each) if each == *address => {}
                Some(each) => self.unless(false, object, address, each),
                None => self.unless(false, object, "present", "missing"),
            }
        }
        Ok(())
    }

    pub(in crate::linux) fn routes(
        &mut self,
        socket: &RouteSocket,
        link: &LinkState,
        wanted: impl Iterator<Item = Route>,
        elsewhere: Elsewhere,
    ) -> Result<(), KernelError> {
        let wanted: Vec<_> = wanted
            .map(|route| RouteState::wanted(link, &route))
            .collect();
        let mut tables: Vec<(Family, u32)> = wanted
            .iter()
            .map(|route| (Family::of(route.destination.addr()), route.table))
            .collect();
        tables.sort_unstable();
        tables.dedup();
        let mut found = Vec::new();
        for (family, table) in tables {
            let routes = socket.routes(family, table, None);
            found.extend(
                routes.map_err(|refusal| refusal.when(format!("reading the {family} routes")))?,
            );
        }
        for route in wanted {
            let object = format!("route {}", target(&route, link));
            match found.iter().find(|each| each.same_key(&route)) {
                Some(each) if *each == route => {}
                Some(each)
                    if elsewhere == Elsewhere::Suffices && each.interface != Some(link.index) => {}
                Some(each) => self.unless(false, object, &route, each),
                None => self.unless(false, object, "present", "missing"),
            }
        }
        Ok(())
    }
}

fn target(route: &RouteState, link: &LinkState) -> String {
    let via = |gateway: IpAddr| format!(" via {gateway}");
    format!(
        "{}{} dev {}",
        route.destination,
        route.gateway.map(via).unwrap_or_default(),
        link.name
    )
}
