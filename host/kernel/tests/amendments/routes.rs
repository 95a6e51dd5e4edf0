use kernel::{KernelError, Undone};
use plan::Route;

use crate::attachments::{ping, take_back};
use crate::single_steps::{do_observed, observe, perform, take_back_twice, undo_of, verify};
use crate::{amend_addresses, amend_routes, attached, route, routes_of, undone};

#[test]
fn routes_are_added_with_all_attributes_and_taken_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes_of(&pod);
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
    assert_eq!(routes_of(&pod), before);
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
    let before = routes_of(&pod);
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
    assert_eq!(routes_of(&pod), before);
}

#[test]
fn the_default_route_is_exchanged_and_comes_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes_of(&pod);
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
    assert_eq!(routes_of(&pod), before);
    // The very route that is removed is set again: it is not taken for one that stays.
    let same = amend_routes(
        vec![route("0.0.0.0/0", None)],
        vec![route("0.0.0.0/0", Some("10.1.0.1"))],
    );
    do_observed(&host, &pod, &same);
    assert_eq!(routes_of(&pod), before);
}

/// As a runtime does it: all is observed, then performed, and undone backwards.
#[test]
fn a_container_moves_to_another_network_and_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    host.ip("addr add 10.2.0.1/24 dev cni0");
    let before = routes_of(&pod);
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
    assert_eq!(routes_of(&pod), before);
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
