use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;
use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Route, RoutingRule};

use super::{amend, on_bridge, to_host};

fn any_address(ipv4: bool, bits: u8) -> IpAddr {
    if ipv4 {
        IpAddr::V4([10, bits >> 6, 0, bits & 0x3f].into())
    } else {
        IpAddr::V6(
            [
                0xfd00,
                u16::from(bits >> 6),
                0,
                0,
                0,
                0,
                0,
                u16::from(bits & 0x3f),
            ]
            .into(),
        )
    }
}

/// Few networks and gateways, so that they often meet.
fn any_proposal() -> impl Strategy<Value = ProposalState> {
    let address = (
        any::<bool>(),
        any::<u8>(),
        0..4u8,
        proptest::option::of(any::<u8>()),
    );
    let route = (
        any::<bool>(),
        any::<u8>(),
        0..4u8,
        proptest::option::of(any::<u8>()),
        0..3u32,
    );
    (
        any::<bool>(),
        proptest::collection::vec(address, 1..5),
        proptest::collection::vec(route, 0..6),
    )
        .prop_map(|(bridged, addresses, routes)| {
            let mut proposal = if bridged { on_bridge() } else { to_host() };
            for (ipv4, bits, cut, gateway) in addresses {
                let address = any_address(ipv4, bits);
                let length = if ipv4 { 32 - cut * 4 } else { 128 - cut * 8 };
                let gateway = gateway.map(|bits| any_address(ipv4, bits));
                proposal = proposal.with_address(IpNet::new(address, length).unwrap(), gateway);
            }
            for (ipv4, bits, cut, gateway, table) in routes {
                let length = if ipv4 { 8 * cut } else { 16 * cut };
                let destination = IpNet::new(any_address(ipv4, bits), length).unwrap().trunc();
                let gateway = gateway.map(|bits| any_address(ipv4, bits));
                proposal = proposal.with_route(destination, gateway);
                if let Some(last) = proposal.routes.last_mut() {
                    last.table = Some(table)
                        .filter(|table| *table != 0)
                        .map(|table| table + 99);
                }
            }
            proposal
        })
}

/// Can the kernel reach a gateway when this route is added, with these routes of the table before it?
fn is_reachable(route: &Route, before: &[&Route], addresses: &[IpNet]) -> bool {
    let Some(gateway) = route.gateway else {
        return true;
    };
    let best = before
        .iter()
        .filter(|other| other.destination.contains(&gateway))
        .max_by_key(|other| other.destination.prefix_len());
    match best {
        Some(other) => other.gateway.is_none(),
        // Then the main table, with the networks of the addresses.
        None => addresses.iter().any(|address| address.contains(&gateway)),
    }
}

proptest! {
    #[test]
    fn every_address_has_one_rule_and_a_table_of_its_own(proposal in any_proposal()) {
        let changes = amend(&Node::new(), "{}", &proposal).unwrap();
        let rules: Vec<&RoutingRule> = changes
            .iter()
            .filter_map(|change| match change {
                Change::AddRule(rule) => Some(rule),
                _ => None,
            })
            .collect();
        prop_assert_eq!(rules.len(), proposal.addresses.len());
        let used: Vec<u32> = proposal.routes.iter().filter_map(|route| route.table).collect();
        for (rule, entry) in rules.iter().zip(&proposal.addresses) {
            prop_assert_eq!(rule.source, Some(IpNet::from(entry.address.addr())));
            prop_assert!(!used.contains(&rule.table));
            prop_assert_eq!(rules.iter().filter(|other| other.table == rule.table).count(), 1);
        }
    }

    /// A destination that was reached from the main table is reached from a table afterwards; none is lost, and none has two
    /// routes of one priority in one table.
    #[test]
    fn no_destination_is_lost_on_the_way(proposal in any_proposal()) {
        let changes = amend(&Node::new(), "{}", &proposal).unwrap();
        let after = proposal.clone().after(&changes);
        for route in &proposal.routes {
            prop_assert!(after.routes.iter().any(|other| other.destination == route.destination));
        }
        for (index, route) in after.routes.iter().enumerate() {
            let twins = after.routes.iter().skip(index + 1).filter(|other| {
                other.destination == route.destination && other.table == route.table
            });
            let is_new = !proposal.routes.contains(route);
            prop_assert!(!is_new || twins.count() == 0, "{:?}", route);
        }
        let families: Vec<bool> = proposal.addresses.iter().map(|entry| entry.address.addr().is_ipv4()).collect();
        for route in after.routes.iter().filter(|route| route.table.is_none()) {
            prop_assert!(!families.contains(&route.destination.addr().is_ipv4()));
        }
    }

    /// A gateway that comes with an address can be reached when the default route through it is added.
    #[test]
    fn the_default_route_of_a_table_can_be_added(proposal in any_proposal()) {
        let proposal = ProposalState { routes: vec![], ..proposal };
        let changes = amend(&Node::new(), "{}", &proposal).unwrap();
        let addresses: Vec<IpNet> = proposal.addresses.iter().map(|entry| entry.address).collect();
        let mut before: Vec<&Route> = Vec::new();
        for change in &changes {
            if let Change::AddRoute(route) = change {
                let table: Vec<&Route> =
                    before.iter().copied().filter(|other| other.table == route.table).collect();
                prop_assert!(is_reachable(route, &table, &addresses), "{:?} {:?}", route, table);
                before.push(route);
            }
        }
    }
}
