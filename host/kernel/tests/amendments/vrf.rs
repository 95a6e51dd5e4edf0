use std::process::Command;

use plan::VrfMembership;

use super::*;
use crate::attachments::{link, offers};
use crate::single_steps::{undo_of, verify};

fn join(table: Option<u32>, routes: Vec<Route>) -> Step {
    Step::JoinVrf(VrfMembership {
        interface: "eth0".into(),
        vrf: "red".into(),
        table,
        mac: MacAddress([2, 0, 0, 0, 0, 0x77]),
        routes,
    })
}

/// A pod of both families, where the kernel has VRFs.
fn attached_with_vrfs() -> Option<(Namespace, Pod)> {
    let (host, pod) = attached()?;
    offers(&host, "type vrf table 77").then_some((host, pod))
}

fn neighbours(pod: &Pod) -> Vec<String> {
    let shown = pod.namespace.ip("neighbour show nud permanent");
    let mut lines: Vec<_> = shown.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// In a VRF the kernel has these beside the others, else in the table `local`.
fn is_of_an_address(route: &str) -> bool {
    let kinds = ["local ", "broadcast ", "multicast "];
    kinds.iter().any(|kind| route.starts_with(kind))
}

fn is_reached(pod: &Pod, words: &[&str]) -> bool {
    let mut ping = Command::new("ping");
    ping.args(["-n", "-q", "-c", "1", "-w", "5"]).args(words);
    let output = pod.namespace.run(move || ping.output().unwrap());
    output.status.success()
}

fn controller(pod: &Pod) -> Option<String> {
    let link = link(&pod.namespace, "eth0")?;
    link["master"].as_str().map(str::to_owned)
}

#[test]
fn a_kernel_without_vrfs_says_so_and_nothing_is_left() {
    let Some((host, pod)) = attached() else {
        return;
    };
    if offers(&host, "type vrf table 77") {
        return;
    }
    let before = routes_of(&pod);
    let error = perform(&host, &pod, &join(None, vec![])).unwrap_err();
    let words = "making VRF red: this kernel has no vrf links: load module vrf";
    assert!(error.to_string().contains(words), "{error}");
    let undo = undo_of(&pod, &join(None, vec![]));
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    assert_eq!(routes_of(&pod), before);
    assert_eq!(verify(&host, &pod, &join(None, vec![])).len(), 1);
}

#[test]
fn an_interface_takes_all_that_it_has_into_a_vrf_and_out_of_it() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    for command in [
        "route add 172.16.0.0/12 via 10.1.0.1 src 10.1.0.7 mtu 1400",
        "route add 192.0.2.0/24 dev eth0 scope link metric 7",
        "route add 198.51.100.1 via 192.0.2.9 dev eth0 onlink",
        "-6 route add 2001:db8::/32 via fd00::1 metric 3",
        "route add 203.0.113.0/24 via 10.1.0.1 table 100",
        "neighbour add 10.1.0.99 lladdr 02:00:00:00:00:99 dev eth0",
        "neighbour add fd00::99 lladdr 02:00:00:00:00:99 dev eth0",
        "-6 addr add fd00:5::7/64 dev eth0 noprefixroute",
    ] {
        pod.namespace.ip(command);
    }
    let everything = || {
        let addresses = attachments::addresses(&pod.eth0());
        (routes_of(&pod), addresses, neighbours(&pod))
    };
    let before = everything();
    let undo = do_observed(&host, &pod, &join(Some(10), vec![]));
    assert_eq!(controller(&pod).as_deref(), Some("red"));
    let (routes, addresses, permanent) = everything();
    assert_eq!((&addresses, &permanent), (&before.1, &before.2));
    let (told, elsewhere): (Vec<_>, Vec<_>) = routes
        .iter()
        .filter(|route| !is_of_an_address(route))
        .map(|route| format!("{route} "))
        .partition(|route| route.contains(" table 10 "));
    assert_eq!(elsewhere.len(), 1, "{elsewhere:?}");
    let told = told.iter().map(|route| route.replace(" table 10 ", " "));
    let mut told: Vec<_> = told
        .chain(elsewhere.iter().cloned())
        .map(|route| route.trim().to_owned())
        .collect();
    told.sort();
    assert_eq!(told, before.0);
    assert!(is_reached(&pod, &["-I", "red", "10.1.0.1"]));
    assert!(
        !is_reached(&pod, &["10.1.0.1"]),
        "the main table leads there"
    );
    assert_eq!(verify(&host, &pod, &join(Some(10), vec![])), []);
    assert_eq!(pod.verify(&host), [], "of the link");
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(everything(), before);
    assert_eq!(link(&pod.namespace, "red"), None);
}

#[test]
fn the_last_member_takes_the_vrf_along() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    let undo = do_observed(&host, &pod, &join(None, vec![]));
    pod.namespace.ip("link add other type bridge");
    pod.namespace.ip("link set other master red");
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(controller(&pod), None);
    assert!(link(&pod.namespace, "red").is_some(), "other is in it");
    pod.namespace.ip("link del other");
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "red"), None);
    // The interface may have gone before.
    let undo = do_observed(&host, &pod, &join(None, vec![]));
    pod.namespace.ip("link del eth0");
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "red"), None);
}

#[test]
fn anothers_vrf_is_used_and_stays() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    pod.namespace.ip("link add red up type vrf table 20");
    let refused = perform(&host, &pod, &join(Some(10), vec![])).unwrap_err();
    assert!(matches!(refused, KernelError::VrfTable { .. }), "{refused}");
    let undo = do_observed(&host, &pod, &join(None, vec![]));
    assert_eq!(controller(&pod).as_deref(), Some("red"));
    let default = pod.namespace.ip("route show default table 20");
    assert!(default.contains("via 10.1.0.1"), "{default}");
    assert_eq!(verify(&host, &pod, &join(Some(20), vec![])), []);
    assert_eq!(verify(&host, &pod, &join(Some(10), vec![])).len(), 1);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(controller(&pod), None);
    assert!(link(&pod.namespace, "red").is_some());
}

#[test]
fn a_table_that_a_vrf_or_a_rule_has_is_not_taken() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    pod.namespace.ip("link add blue type vrf table 1");
    pod.namespace.ip("rule add from 10.1.0.7 table 2");
    do_observed(&host, &pod, &join(None, vec![]));
    let vrf = link(&pod.namespace, "red").unwrap();
    assert_eq!(vrf["linkinfo"]["info_data"]["table"], 3);
}

#[test]
fn what_is_in_the_way_is_told_and_left_alone() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    pod.namespace.ip("link add red type bridge");
    let refused = perform(&host, &pod, &join(None, vec![])).unwrap_err();
    assert!(
        matches!(refused, KernelError::WrongKind { .. }),
        "{refused}"
    );
    pod.namespace.ip("link set eth0 master red");
    let refused = perform(&host, &pod, &join(None, vec![])).unwrap_err();
    assert!(
        matches!(refused, KernelError::WrongKind { .. }),
        "{refused}"
    );
    pod.namespace.ip("link set red name br0");
    let refused = perform(&host, &pod, &join(None, vec![])).unwrap_err();
    assert!(
        refused.to_string().contains("eth0 is a port of br0"),
        "{refused}"
    );
    assert_eq!(link(&pod.namespace, "red"), None);
    let undo = undo_of(&pod, &join(None, vec![]));
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    assert_eq!(controller(&pod).as_deref(), Some("br0"));
}

#[test]
fn check_misses_an_interface_that_left() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    let step = join(Some(10), vec![]);
    do_observed(&host, &pod, &step);
    pod.namespace.ip("link set eth0 nomaster");
    let differences = verify(&host, &pod, &step);
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(differences[0].to_string().contains("in VRF red"));
    pod.namespace.ip("link del red");
    let differences = verify(&host, &pod, &step);
    assert!(differences[0].object.contains("VRF red"), "{differences:?}");
}

#[test]
fn a_route_whose_place_another_interface_had_is_in_the_vrf() {
    let Some((host, pod)) = attached_with_vrfs() else {
        return;
    };
    pod.namespace.ip("route del default");
    pod.namespace.ip("link add eth1 up type bridge");
    pod.namespace.ip("addr add 10.2.0.7/24 dev eth1");
    pod.namespace.ip("route add default via 10.2.0.1");
    let step = join(
        Some(10),
        vec![
            route("0.0.0.0/0", Some("10.1.0.1")),
            // Another vendor's result may say it without its gateway.
            route("0.0.0.0/0", None),
        ],
    );
    let undo = do_observed(&host, &pod, &step);
    let default = pod.namespace.ip("route show default table 10");
    assert!(default.contains("via 10.1.0.1 dev eth0"), "{default}");
    assert_eq!(pod.verify(&host), []);
    // Routes that are changed now are the VRF's.
    let amend = amend_routes(
        vec![route("0.0.0.0/0", None)],
        vec![route("192.0.2.0/24", Some("10.1.0.1"))],
    );
    let amended = do_observed(&host, &pod, &amend);
    let table = pod.namespace.ip("route show table 10");
    assert!(
        table.contains("192.0.2.0/24") && !table.contains("default"),
        "{table}"
    );
    assert_eq!(take_back_twice(&host, &amended), Undone::Done);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    let default = pod.namespace.ip("route show default");
    assert!(
        default.contains("dev eth1") && !default.contains("eth0"),
        "{default}"
    );
}
