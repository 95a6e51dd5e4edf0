//! Addresses, routes, rules and neighbours of an interface that is there already.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod attachments;
mod single_steps;

use attachments::{Namespace, Pod, addresses, ping, presence, take_back};
use kernel::{KernelError, Presence, Undone};
use plan::{
    AddressAmendment, Family, InterfaceAddress, MacAddress, Neighbour, Neighbours, NetnsIdentity,
    Route, RouteAmendment, RoutingRule, RoutingRules, Step, Undo,
};
use single_steps::{do_observed, observe, perform, take_back_twice, undo_of, verify};

const BRIDGE: &str = r#"{"kind":"bridge","isDefaultGateway":true}"#;

fn attached() -> Option<(Namespace, Pod)> {
    let host = Namespace::new()?;
    let addresses = [("10.1.0.7/24", None), ("fd00::7/64", None)];
    let pod = Pod::new(1, BRIDGE, &addresses)?;
    pod.add(&host).unwrap();
    Some((host, pod))
}

fn amend_addresses(remove: &[&str], add: &[&str]) -> Step {
    let entries = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| InterfaceAddress {
                address: text.parse().unwrap(),
                gateway: None,
            })
            .collect()
    };
    Step::AmendAddresses(AddressAmendment {
        interface: "eth0".into(),
        remove: entries(remove),
        add: entries(add),
    })
}

fn route(destination: &str, gateway: Option<&str>) -> Route {
    let gateway = gateway.map(|text| text.parse().unwrap());
    Route::to(destination.parse().unwrap(), gateway)
}

fn amend_routes(remove: Vec<Route>, add: Vec<Route>) -> Step {
    Step::AmendRoutes(RouteAmendment {
        interface: "eth0".into(),
        remove,
        add,
    })
}

/// Every route of every table but the local one as `ip` shows it, sorted.
fn routes(pod: &Pod) -> Vec<String> {
    let all =
        pod.namespace.ip("-4 route show table all") + &pod.namespace.ip("-6 route show table all");
    let mut lines: Vec<_> = all
        .lines()
        // The kernel's own, which it sets a moment after an IPv6 address.
        .filter(|line| !line.contains("table local"))
        .map(|line| line.trim().to_owned())
        .collect();
    lines.sort();
    lines
}

fn elsewhere(undo: &Undo) -> Undo {
    let mut undo = undo.clone();
    match &mut undo {
        Undo::AmendAddresses { netns, .. }
        | Undo::AmendRoutes { netns, .. }
        | Undo::DeleteRoutingRules { netns, .. }
        | Undo::DeleteNeighbours { netns, .. } => {
            *netns = NetnsIdentity {
                cookie: 1,
                ..netns.clone()
            };
        }
        other => panic!("{other}"),
    }
    undo
}

/// Present, then undone, then gone; another namespace's is gone from the beginning.
fn undone(host: &Namespace, undo: &Undo) {
    assert_eq!(take_back(host, &elsewhere(undo)), Undone::AlreadyGone);
    assert_eq!(presence(host, undo), Presence::Present);
    assert_eq!(take_back_twice(host, undo), Undone::Done);
    assert_eq!(presence(host, undo), Presence::Gone);
}

#[test]
fn an_address_is_replaced_and_the_default_route_stays() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes(&pod);
    let step = amend_addresses(
        &["10.1.0.7/24", "fd00::7/64", "10.9.9.9/24"],
        &["10.1.0.8/24", "fd00::8/64"],
    );
    let undo = do_observed(&host, &pod, &step);
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.8/24", "fd00::8/64"]);
    assert!(pod.namespace.ip("route show default").contains("10.1.0.1"));
    for target in ["10.1.0.1", "fd00::1"] {
        ping(&pod.namespace, target);
    }
    for target in ["10.1.0.8", "fd00::8"] {
        ping(&host, target);
    }
    undone(&host, &undo);
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.7/24", "fd00::7/64"]);
    assert_eq!(routes(&pod), before);
    assert_ne!(verify(&host, &pod, &step), []);
}

#[test]
fn addresses_of_the_same_network_outlive_the_first() {
    let Some((host, pod)) = attached() else {
        return;
    };
    pod.namespace.ip("addr add 10.1.0.9/24 dev eth0");
    let undo = do_observed(&host, &pod, &amend_addresses(&["10.1.0.7/24"], &[]));
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.9/24", "fd00::7/64"]);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    let now = addresses(&pod.eth0());
    assert!(now.contains(&"10.1.0.7/24".into()), "{now:?}");
}

#[test]
fn addresses_that_were_there_are_not_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let step = amend_addresses(&["10.9.9.9/24"], &["10.1.0.7/24", "10.2.0.7/16"]);
    let Step::AmendAddresses(observed) = observe(&host, &pod, &step) else {
        panic!()
    };
    assert_eq!(observed.remove, []);
    assert_eq!(
        observed.added().collect::<Vec<_>>(),
        ["10.2.0.7".parse::<std::net::IpAddr>().unwrap()]
    );
    let undo = do_observed(&host, &pod, &step);
    // Repeats change nothing.
    perform(&host, &pod, &step).unwrap();
    undone(&host, &undo);
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.7/24", "fd00::7/64"]);
}

#[test]
fn ipv6_is_switched_on_where_an_address_needs_it() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[("10.1.0.7/24", None)]),
    ) else {
        return;
    };
    pod.add(&host).unwrap();
    pod.namespace.sysctl("ipv6/conf/eth0/disable_ipv6", "1");
    do_observed(&host, &pod, &amend_addresses(&[], &["fd00::8/64"]));
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.7/24", "fd00::8/64"]);
}

#[test]
fn routes_are_added_with_all_attributes_and_taken_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes(&pod);
    let full = Route {
        mtu: Some(1400),
        advmss: Some(1300),
        priority: Some(7),
        table: Some(1000),
        ..route("10.5.0.0/16", Some("10.1.0.1"))
    };
    let link_scope = Route {
        scope: Some(253),
        ..route("10.6.0.0/16", None)
    };
    let ipv6 = Route {
        table: Some(1000),
        ..route("fd05::/32", Some("fd00::1"))
    };
    let step = amend_routes(Vec::new(), vec![full, link_scope, ipv6]);
    let undo = do_observed(&host, &pod, &step);
    let shown = pod.namespace.ip("route show table 1000");
    for part in [
        "10.5.0.0/16 via 10.1.0.1",
        "metric 7",
        "mtu 1400",
        "advmss 1300",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(
        pod.namespace
            .ip("route show 10.6.0.0/16")
            .contains("scope link")
    );
    assert!(
        pod.namespace
            .ip("-6 route show table 1000")
            .contains("fd05::/32 via fd00::1")
    );
    perform(&host, &pod, &step).unwrap();
    undone(&host, &undo);
    assert_eq!(routes(&pod), before);
}

#[test]
fn removed_routes_come_back_as_they_were() {
    let Some((host, pod)) = attached() else {
        return;
    };
    for words in [
        "route add 10.5.0.0/16 via 10.1.0.1 dev eth0 metric 7 mtu 1400 advmss 1300",
        "route add 10.5.0.0/16 via 10.1.0.1 dev eth0 metric 9",
        "route add 10.5.0.0/16 via 10.1.0.2 dev eth0 metric 11",
        "route add 10.5.0.0/16 via 10.1.0.1 dev eth0 table 1000",
        "-6 route add fd05::/32 via fd00::1 dev eth0 metric 5",
    ] {
        pod.namespace.ip(words);
    }
    let before = routes(&pod);
    let step = amend_routes(
        vec![
            route("10.5.0.0/16", Some("10.1.0.1")),
            route("fd05::/32", None),
            route("10.99.0.0/16", None),
        ],
        Vec::new(),
    );
    let undo = do_observed(&host, &pod, &step);
    // Another gateway's and another table's stay.
    let left = pod.namespace.ip("route show 10.5.0.0/16 table all");
    assert_eq!(left.lines().count(), 2, "{left}");
    assert!(left.contains("metric 11") && left.contains("table 1000"));
    assert_eq!(pod.namespace.ip("-6 route show fd05::/32"), "");
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(routes(&pod), before);
}

#[test]
fn the_default_route_is_exchanged_and_comes_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes(&pod);
    let step = amend_routes(
        vec![route("0.0.0.0/0", None)],
        vec![route("0.0.0.0/0", Some("10.1.0.2"))],
    );
    let undo = do_observed(&host, &pod, &step);
    let shown = pod.namespace.ip("route show default");
    assert!(
        shown.contains("10.1.0.2") && !shown.contains("10.1.0.1 "),
        "{shown}"
    );
    undone(&host, &undo);
    assert_eq!(routes(&pod), before);
    // The very route that is removed is set again: it is not taken for one that stays.
    let same = amend_routes(
        vec![route("0.0.0.0/0", None)],
        vec![route("0.0.0.0/0", Some("10.1.0.1"))],
    );
    do_observed(&host, &pod, &same);
    assert_eq!(routes(&pod), before);
}

/// As a runtime does it: all is observed, then performed, and undone backwards.
#[test]
fn a_container_moves_to_another_network_and_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    host.ip("addr add 10.2.0.1/24 dev cni0");
    let before = routes(&pod);
    let default = |gateway| route("0.0.0.0/0", gateway);
    let steps = [
        amend_addresses(&["10.1.0.7/24"], &["10.2.0.7/24"]),
        amend_routes(
            vec![default(Some("10.1.0.1"))],
            vec![default(Some("10.2.0.1"))],
        ),
    ];
    let observed = steps.map(|step| observe(&host, &pod, &step));
    for step in &observed {
        perform(&host, &pod, step).unwrap();
    }
    for step in &observed {
        assert_eq!(verify(&host, &pod, step), []);
    }
    ping(&pod.namespace, "10.2.0.1");
    for step in observed.iter().rev() {
        let outcome = take_back(&host, &undo_of(&pod, step));
        assert_eq!(outcome, Undone::Done, "{step}");
    }
    assert_eq!(routes(&pod), before);
    ping(&pod.namespace, "10.1.0.1");
}

/// A gateway outside of every network, as with links that are routed.
#[test]
fn a_gateway_that_is_on_the_link_by_decree_outlives_a_changed_address() {
    let Some((host, pod)) = attached() else {
        return;
    };
    pod.namespace
        .ip("route add 10.5.0.0/16 via 169.254.1.1 dev eth0 onlink");
    pod.namespace
        .ip("route add 169.254.7.7 dev eth0 scope link");
    pod.namespace.ip("route add 10.6.0.0/16 via 169.254.7.7");
    let step = amend_addresses(&["10.1.0.7/24"], &["10.2.0.7/24"]);
    do_observed(&host, &pod, &step);
    let shown = pod.namespace.ip("route show");
    for part in ["10.5.0.0/16 via 169.254.1.1", "10.6.0.0/16 via 169.254.7.7"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("10.1.0."), "{shown}");
}

#[test]
fn routes_of_others_stay() {
    let Some((host, pod)) = attached() else {
        return;
    };
    pod.namespace
        .ip("route add 10.5.0.0/16 via 10.1.0.1 dev eth0");
    let there = amend_routes(Vec::new(), vec![route("10.5.0.0/16", Some("10.1.0.1"))]);
    let undo = do_observed(&host, &pod, &there);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    assert_ne!(pod.namespace.ip("route show 10.5.0.0/16"), "");
    let different = amend_routes(Vec::new(), vec![route("10.5.0.0/16", Some("10.1.0.2"))]);
    let error = perform(&host, &pod, &different).unwrap_err();
    assert!(matches!(error, KernelError::RouteExists { .. }), "{error}");
    assert_eq!(
        take_back(&host, &undo_of(&pod, &different)),
        Undone::AlreadyGone
    );
    assert_ne!(pod.namespace.ip("route show 10.5.0.0/16"), "");
}

fn rule(family: Family, priority: Option<u32>, source: &str, table: u32) -> RoutingRule {
    RoutingRule {
        family,
        priority,
        source: Some(source.parse().unwrap()),
        destination: None,
        table,
    }
}

fn rules(pod: &Pod) -> String {
    pod.namespace.ip("rule show") + &pod.namespace.ip("-6 rule show")
}

#[test]
fn packets_follow_rules_until_these_are_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = rules(&pod);
    let to = RoutingRule {
        destination: Some("192.0.2.0/24".parse().unwrap()),
        ..rule(Family::Ipv4, None, "0.0.0.0/0", 100_000)
    };
    let step = Step::RoutingRules(RoutingRules {
        rules: vec![
            rule(Family::Ipv4, Some(100), "10.1.0.7/32", 1000),
            rule(Family::Ipv6, Some(100), "fd00::7/128", 1000),
            to,
        ],
    });
    let undo = do_observed(&host, &pod, &step);
    pod.namespace
        .ip("route add 198.51.100.1 via 10.1.0.99 dev eth0 table 1000");
    let way = pod.namespace.ip("route get 198.51.100.1 from 10.1.0.7");
    assert!(way.contains("via 10.1.0.99"), "{way}");
    let shown = rules(&pod);
    for part in [
        "100:\tfrom 10.1.0.7 lookup 1000",
        "100:\tfrom fd00::7 lookup 1000",
        "from all to 192.0.2.0/24 lookup 100000",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    // Repeats add none.
    perform(&host, &pod, &step).unwrap();
    assert_eq!(rules(&pod), shown);
    undone(&host, &undo);
    assert_eq!(rules(&pod), before);
    assert_eq!(verify(&host, &pod, &step).len(), 3);
}

#[test]
fn rules_of_others_stay() {
    let Some((host, pod)) = attached() else {
        return;
    };
    // As ours but for what it selects besides, and equal but set before.
    pod.namespace
        .ip("rule add from 10.1.0.7 fwmark 1 table 1000 priority 100");
    pod.namespace
        .ip("rule add from 10.1.0.8 table 1000 priority 100");
    let before = rules(&pod);
    let step = Step::RoutingRules(RoutingRules {
        rules: vec![
            rule(Family::Ipv4, Some(100), "10.1.0.7/32", 1000),
            rule(Family::Ipv4, Some(100), "10.1.0.8/32", 1000),
        ],
    });
    let undo = do_observed(&host, &pod, &step);
    undone(&host, &undo);
    assert_eq!(rules(&pod), before);
}

fn neighbours(entries: &[(&str, u8)]) -> Step {
    Step::Neighbours(Neighbours {
        interface: "eth0".into(),
        neighbours: entries
            .iter()
            .map(|(address, number)| Neighbour {
                address: address.parse().unwrap(),
                mac: MacAddress([2, 0, 0, 0, 0, *number]),
            })
            .collect(),
    })
}

#[test]
fn permanent_neighbours_replace_learnt_ones_and_are_taken_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    // Learns the gateway.
    ping(&pod.namespace, "10.1.0.1");
    let step = neighbours(&[("10.1.0.1", 1), ("10.1.0.50", 2), ("fd00::50", 3)]);
    let undo = do_observed(&host, &pod, &step);
    let shown = pod.namespace.ip("neigh show nud permanent dev eth0");
    for part in [
        "10.1.0.1 lladdr 02:00:00:00:00:01",
        "10.1.0.50 lladdr 02:00:00:00:00:02",
        "fd00::50 lladdr 02:00:00:00:00:03",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    perform(&host, &pod, &step).unwrap();
    undone(&host, &undo);
    assert!(
        !pod.namespace
            .ip("neigh show nud permanent dev eth0")
            .contains("lladdr 02")
    );
    ping(&pod.namespace, "10.1.0.1");
}

#[test]
fn permanent_neighbours_of_others_stay() {
    let Some((host, pod)) = attached() else {
        return;
    };
    pod.namespace
        .ip("neigh add 10.1.0.50 lladdr 02:00:00:00:00:02 dev eth0 nud permanent");
    let undo = do_observed(&host, &pod, &neighbours(&[("10.1.0.50", 2)]));
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    let different = neighbours(&[("10.1.0.50", 3)]);
    let error = perform(&host, &pod, &different).unwrap_err();
    assert!(
        matches!(error, KernelError::NeighbourExists { .. }),
        "{error}"
    );
    assert!(matches!(
        take_back(&host, &undo_of(&pod, &different)),
        Undone::NotOurs { .. }
    ));
    assert!(!verify(&host, &pod, &different).is_empty());
    let shown = pod.namespace.ip("neigh show 10.1.0.50 dev eth0");
    assert!(shown.contains("02:00:00:00:00:02"), "{shown}");
}

#[test]
fn a_missing_interface_is_named_and_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let steps = [
        amend_addresses(&[], &["10.2.0.7/16"]),
        amend_routes(Vec::new(), vec![route("10.5.0.0/16", Some("10.1.0.1"))]),
        neighbours(&[("10.1.0.50", 2)]),
    ];
    let undos: Vec<_> = steps
        .iter()
        .map(|step| do_observed(&host, &pod, step))
        .collect();
    pod.namespace.ip("link del eth0");
    for (step, undo) in steps.iter().zip(&undos) {
        let error = perform(&host, &pod, step).unwrap_err();
        assert!(matches!(error, KernelError::NotFound { .. }), "{error}");
        assert_eq!(observe(&host, &pod, step), *step);
        assert_eq!(take_back(&host, undo), Undone::AlreadyGone);
        assert_eq!(presence(&host, undo), Presence::Gone);
    }
}
