use wasm_cni_guest::testing::ProposalState;
use wasm_cni_guest::{IpFamily, LinkKind, LinkSide, Route, RoutingRule};

use super::{Addressed, lines, on_bridge, to_host};

#[test]
fn the_default_route_moves_and_the_network_is_on_the_link() {
    let proposal = on_bridge()
        .address("10.1.0.2/24", Some("10.1.0.1"))
        .route("0.0.0.0/0", Some("10.1.0.1"))
        .route("192.0.2.0/24", Some("10.1.0.9"));
    assert_eq!(
        lines("{}", &proposal),
        [
            "del 0.0.0.0/0 via 10.1.0.1",
            "del 192.0.2.0/24 via 10.1.0.9",
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100",
            "add 0.0.0.0/0 via 10.1.0.1 table 100",
            "add 192.0.2.0/24 via 10.1.0.9 table 100",
        ]
    );
}

#[test]
fn a_default_route_is_made_where_there_is_none_and_a_gateway_is_known() {
    assert_eq!(
        lines(
            "{}",
            &on_bridge()
                .address("10.1.0.2/24", Some("10.1.0.1"))
                .address("fd00::2/64", None)
        ),
        [
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100",
            "add 0.0.0.0/0 via 10.1.0.1 table 100",
            "rule from fd00::2/128 lookup 101",
            "add fd00::/64 link table 101",
        ]
    );
}

#[test]
fn a_configured_gateway_beats_what_came_with_the_address() {
    let proposal = on_bridge()
        .address("10.1.0.2/24", Some("10.1.0.1"))
        .route("0.0.0.0/0", Some("10.1.0.1"))
        .address("fd00::2/64", Some("fd00::1"));
    assert_eq!(
        lines(r#"{"gateways": ["10.1.0.254", "fe80::1"]}"#, &proposal),
        [
            "del 0.0.0.0/0 via 10.1.0.1",
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100",
            "add 0.0.0.0/0 via 10.1.0.254 table 100",
            "rule from fd00::2/128 lookup 101",
            "add fd00::/64 link table 101",
            "add ::/0 via fe80::1 table 101",
        ]
    );
}

#[test]
fn a_gateway_outside_the_network_is_made_reachable_first() {
    assert_eq!(
        lines(
            r#"{"gateways": ["192.0.2.1"]}"#,
            &on_bridge().address("10.1.0.2/24", None)
        ),
        [
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100",
            "add 192.0.2.1/32 link table 100",
            "add 0.0.0.0/0 via 192.0.2.1 table 100",
        ]
    );
    assert_eq!(
        lines(
            "{}",
            &on_bridge()
                .address("10.1.0.2/32", Some("169.254.1.1"))
                .route("0.0.0.0/0", Some("169.254.1.1"))
        ),
        [
            "del 0.0.0.0/0 via 169.254.1.1",
            "rule from 10.1.0.2/32 lookup 100",
            "add 169.254.1.1/32 link table 100",
            "add 0.0.0.0/0 via 169.254.1.1 table 100",
        ]
    );
}

#[test]
fn neighbours_on_a_point_to_point_link_are_reached_through_the_gateway() {
    let addressed = |links: ProposalState| {
        links
            .address("10.1.0.2/24", Some("10.1.0.1"))
            .route("0.0.0.0/0", Some("10.1.0.1"))
    };
    let expected = [
        "del 0.0.0.0/0 via 10.1.0.1",
        "rule from 10.1.0.2/32 lookup 100",
        "add 10.1.0.1/32 link table 100",
        "add 10.1.0.0/24 via 10.1.0.1 table 100",
        "add 0.0.0.0/0 via 10.1.0.1 table 100",
    ];
    assert_eq!(lines("{}", &addressed(to_host())), expected);
    let of_another_vendor = ProposalState::new()
        .with_link("cali1", LinkSide::Host, LinkKind::Other)
        .with_link("net1", LinkSide::Container, LinkKind::Other);
    assert_eq!(lines("{}", &addressed(of_another_vendor)), expected);
}

#[test]
fn macvlans_and_other_vendors_bridges_have_their_network_on_the_link() {
    let on_link = "add 10.1.0.0/24 link table 100".to_owned();
    let macvlan = ProposalState::new().with_link("net1", LinkSide::Container, LinkKind::Macvlan);
    let bridge = ProposalState::new()
        .with_link("br0", LinkSide::Host, LinkKind::Other)
        .with_link("veth1", LinkSide::Host, LinkKind::Other)
        .with_link("net1", LinkSide::Container, LinkKind::Other);
    for links in [macvlan, bridge, ProposalState::new()] {
        let proposal = links.address("10.1.0.2/24", Some("10.1.0.1"));
        assert!(lines("{}", &proposal).contains(&on_link), "{proposal:?}");
    }
}

#[test]
fn each_address_of_a_family_has_its_own_table_and_the_routes_of_its_network() {
    let proposal = on_bridge()
        .address("10.1.0.2/24", Some("10.1.0.1"))
        .address("10.2.0.2/24", Some("10.2.0.1"))
        .route("192.0.2.0/24", Some("10.2.0.9"))
        .route("198.51.100.0/24", None)
        .route("0.0.0.0/0", Some("10.1.0.1"));
    assert_eq!(
        lines("{}", &proposal),
        [
            "del 192.0.2.0/24 via 10.2.0.9",
            "del 198.51.100.0/24",
            "del 0.0.0.0/0 via 10.1.0.1",
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100",
            "add 198.51.100.0/24 table 100",
            "add 0.0.0.0/0 via 10.1.0.1 table 100",
            "rule from 10.2.0.2/32 lookup 101",
            "add 10.2.0.0/24 link table 101",
            "add 192.0.2.0/24 via 10.2.0.9 table 101",
            "add 198.51.100.0/24 table 101",
            "add 0.0.0.0/0 via 10.2.0.1 table 101",
        ]
    );
}

#[test]
fn a_route_through_nobodys_network_goes_into_every_table_of_its_family() {
    let proposal = on_bridge()
        .address("10.1.0.2/24", None)
        .address("10.2.0.2/24", None)
        .address("fd00::2/64", None)
        .route("0.0.0.0/0", Some("192.0.2.1"));
    let lines = lines("{}", &proposal);
    let takers: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("add 0.0.0.0/0 via 192.0.2.1"))
        .collect();
    assert_eq!(
        takers,
        [
            "add 0.0.0.0/0 via 192.0.2.1 table 100",
            "add 0.0.0.0/0 via 192.0.2.1 table 101"
        ]
    );
}

#[test]
fn what_no_address_is_of_the_family_of_stays_where_it_is() {
    let proposal = on_bridge()
        .address("10.1.0.2/24", None)
        .route("::/0", Some("fe80::1"));
    assert_eq!(
        lines("{}", &proposal),
        [
            "rule from 10.1.0.2/32 lookup 100",
            "add 10.1.0.0/24 link table 100"
        ]
    );
}

#[test]
fn tables_in_use_and_the_kernels_are_passed_over() {
    let rule = |table| RoutingRule {
        family: IpFamily::Ipv4,
        priority: None,
        source: None,
        destination: None,
        table,
    };
    let mut proposal = on_bridge()
        .address("10.1.0.2/24", None)
        .address("10.2.0.2/24", None)
        .route("192.0.2.0/24", Some("10.1.0.1"));
    proposal.rules = (100..252).filter(|table| *table != 103).map(rule).collect();
    proposal.routes.push(Route {
        table: Some(252),
        ..proposal.routes[0].clone()
    });
    let lines = lines("{}", &proposal);
    let rules: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("rule"))
        .collect();
    assert_eq!(
        rules,
        [
            "rule from 10.1.0.2/32 lookup 103",
            "rule from 10.2.0.2/32 lookup 256"
        ]
    );
    // What is in a table already is not moved.
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("del")).count(),
        1
    );
}

#[test]
fn the_main_table_may_be_called_by_its_number() {
    let mut proposal = on_bridge().address("10.1.0.2/24", None);
    for (third, table) in [(0, Some(254)), (1, Some(0)), (2, None)] {
        proposal = proposal.route(&format!("192.0.{third}.0/24"), Some("10.1.0.1"));
        proposal.routes[third].table = table;
    }
    let lines = lines("{}", &proposal);
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("del")).count(),
        3
    );
}

#[test]
fn routes_keep_what_else_is_said_of_them() {
    let mut proposal = on_bridge()
        .address("10.1.0.2/24", Some("10.1.0.1"))
        .route("0.0.0.0/0", Some("10.1.0.1"));
    proposal.routes[0].priority = Some(50);
    proposal.routes[0].mtu = Some(1400);
    assert!(
        lines("{}", &proposal)
            .contains(&"add 0.0.0.0/0 via 10.1.0.1 metric 50 mtu 1400 table 100".to_owned())
    );
}
