use std::net::IpAddr;

use ipnet::IpNet;
use wasm_cni_guest::{
    Attachment, Failure, IpFamily, Level, Policy, PolicyHost, Route, RoutingRule,
};

use crate::Sbr;
use crate::number;
use crate::table::{self, Table};

impl Policy for Sbr {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        let addresses: Vec<_> = host.addresses();
        if addresses.is_empty() {
            return Err(Failure::Denied(format!(
                "{} has no address whose packets could be routed by their source; put sbr behind a link with ipam",
                attachment.interface_name
            )));
        }
        if let Some(number) = self.table {
            for gateway in &self.gateways {
                let line = format!(
                    "gateways: {gateway} has no effect: with table = {number} no route is added"
                );
                host.log(Level::Warning, &line);
            }
            for entry in &addresses {
                host.add_rule(rule(entry.address, number));
            }
            return Ok(());
        }
        let routes = host.routes();
        let point_to_point = table::is_point_to_point(&host.links());
        let tables: Vec<Table> = addresses
            .iter()
            .zip(number::free(&host.rules(), &routes))
            .map(|(entry, number)| Table {
                number,
                address: entry.address,
                own_gateway: entry.gateway,
                fixed_gateway: self.gateway(entry.address),
                point_to_point,
            })
            .collect();
        for gateway in self.gateways.iter().filter(|gateway| {
            tables
                .iter()
                .all(|table| table.fixed_gateway != Some(**gateway))
        }) {
            let line = format!("gateways: {gateway} has no effect: no address is of its family");
            host.log(Level::Warning, &line);
        }
        move_routes(&routes, &tables, host);
        Ok(())
    }
}

impl Sbr {
    /// The gateway that is configured for an address's family.
    fn gateway(&self, address: IpNet) -> Option<IpAddr> {
        self.gateways
            .iter()
            .copied()
            .find(|gateway| gateway.is_ipv4() == address.addr().is_ipv4())
    }
}

/// From the main table into those that take them; no route is lost.
fn move_routes(routes: &[Route], tables: &[Table], host: &impl PolicyHost) {
    let moves: Vec<(&Route, Vec<u32>)> = routes
        .iter()
        .filter(|route| number::is_main(route.table))
        .map(|route| (route, table::takers(tables, route)))
        .collect();
    for (route, takers) in &moves {
        if !takers.is_empty() {
            host.remove_route(route.destination, route.gateway, None);
        }
    }
    for table in tables {
        host.add_rule(rule(table.address, table.number));
        let moved = moves
            .iter()
            .filter(|(_, takers)| takers.contains(&table.number))
            .map(|(route, _)| *route);
        for route in table.routes(moved) {
            host.add_route(route);
        }
    }
}

/// What comes from this one address looks into the table.
fn rule(address: IpNet, table: u32) -> RoutingRule {
    RoutingRule {
        family: IpFamily::of(address.addr()),
        priority: None,
        source: Some(IpNet::from(address.addr())),
        destination: None,
        table,
    }
}
