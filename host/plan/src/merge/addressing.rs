//! Addresses and routes of the container's interface.

use std::net::IpAddr;

use super::{Merge, Refusal, StageName, forbidden};
use crate::build::routing;
use crate::{Family, InterfaceAddress, Route, RouteSelector};

/// As many as one attachment may hold leases.
const MAX_ADDRESSES: usize = 64;
const MAX_ROUTES: usize = 1024;
/// `RT_TABLE_LOCAL`: what the host of the namespace itself receives.
const LOCAL_TABLE: u32 = 255;

impl Merge {
    pub(super) fn add_address(
        &mut self,
        _: &StageName,
        entry: &InterfaceAddress,
    ) -> Result<(), Refusal> {
        self.is_ethernet()?;
        let address = entry.address.addr();
        let addresses = &mut self.proposal.addressing.addresses;
        if addresses
            .iter()
            .any(|other| other.address.addr() == address)
        {
            return forbidden("the interface has it already");
        }
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            return forbidden("no interface can have such an address");
        }
        if entry
            .gateway
            .is_some_and(|gateway| Family::of(gateway) != Family::of(address))
        {
            return forbidden("the gateway is of the other family");
        }
        if addresses.len() >= MAX_ADDRESSES {
            return forbidden(format!(
                "an interface has at most {MAX_ADDRESSES} addresses"
            ));
        }
        addresses.push(entry.clone());
        Ok(())
    }

    pub(super) fn remove_address(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let addresses = &mut self.proposal.addressing.addresses;
        let known = addresses.len();
        addresses.retain(|entry| entry.address.addr() != address);
        if addresses.len() == known {
            return forbidden("the interface does not have it");
        }
        Ok(())
    }

    pub(super) fn add_route(&mut self, stage: &StageName, route: &Route) -> Result<(), Refusal> {
        self.is_ethernet()?;
        let mut route = route.clone();
        if route.destination != route.destination.trunc() {
            return forbidden(format!(
                "its destination has host bits: write {}",
                route.destination.trunc()
            ));
        }
        let family = Family::of(route.destination.addr());
        if route
            .gateway
            .is_some_and(|gateway| Family::of(gateway) != family)
        {
            return forbidden("the gateway is of the other family");
        }
        if matches!(route.table, Some(LOCAL_TABLE)) {
            return forbidden("table 255 is the kernel's own");
        }
        if !matches!(route.scope, None | Some(0 | 200 | 253 | 254)) {
            return forbidden("the scope is none of 0, 200, 253 and 254");
        }
        if self.proposal.addressing.routes.len() >= MAX_ROUTES {
            return forbidden(format!("an attachment has at most {MAX_ROUTES} routes"));
        }
        // A route of link scope is on the link by its own words.
        if route.gateway.is_none() && !matches!(route.scope, Some(253 | 254)) {
            route.gateway = routing::gateway(&self.proposal.addressing, family);
        }
        let same = RouteSelector {
            destination: route.destination,
            gateway: None,
            table: route.table,
        };
        let clash = self.settings.routes.iter().find(|(_, other)| {
            same.selects(other) && other.priority == route.priority && *other != route
        });
        if let Some((earlier, other)) = clash {
            return Err(Refusal::Conflict {
                earlier: earlier.clone(),
                value: crate::Change::AddRoute(other.clone()).to_string(),
            });
        }
        if !self.proposal.addressing.routes.contains(&route) {
            self.proposal.addressing.routes.push(route.clone());
            self.settings.routes.push((stage.clone(), route));
        }
        Ok(())
    }

    pub(super) fn remove_route(
        &mut self,
        stage: &StageName,
        selector: &RouteSelector,
    ) -> Result<(), Refusal> {
        let others = self
            .settings
            .routes
            .iter()
            .find(|(owner, route)| owner != stage && selector.selects(route));
        if let Some((earlier, route)) = others {
            return Err(Refusal::Conflict {
                earlier: earlier.clone(),
                value: crate::Change::AddRoute(route.clone()).to_string(),
            });
        }
        // What is not there needs no removal: a stage may say so of a route that some networks have.
        self.proposal
            .addressing
            .routes
            .retain(|route| !selector.selects(route));
        self.settings
            .routes
            .retain(|(_, route)| !selector.selects(route));
        Ok(())
    }
}
