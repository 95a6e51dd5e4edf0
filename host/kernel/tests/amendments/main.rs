//! Addresses, routes, rules and neighbours of an interface that is there already.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod addresses;
#[path = "../attachments/mod.rs"]
mod attachments;
mod neighbours;
mod routes;
mod rules;
#[path = "../single_steps/mod.rs"]
mod single_steps;
mod vrf;

use attachments::{Namespace, Pod, presence, take_back};
use kernel::{KernelError, Presence, Undone};
use plan::{
    AddressAmendment, InterfaceAddress, MacAddress, Neighbour, Neighbours, NetnsIdentity, Route,
    RouteAmendment, Step, Undo,
};
use single_steps::{do_observed, observe, perform, take_back_twice};

const BRIDGE: &str = r#"{"kind":"bridge","isDefaultGateway":true}"#;

pub(crate) fn attached() -> Option<(Namespace, Pod)> {
    let host = Namespace::new()?;
    let addresses = [("10.1.0.7/24", None), ("fd00::7/64", None)];
    let pod = Pod::new(1, BRIDGE, &addresses)?;
    pod.add(&host).unwrap();
    Some((host, pod))
}

pub(crate) fn amend_addresses(remove: &[&str], add: &[&str]) -> Step {
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

pub(crate) fn route(destination: &str, gateway: Option<&str>) -> Route {
    let gateway = gateway.map(|text| text.parse().unwrap());
    Route::to(destination.parse().unwrap(), gateway)
}

pub(crate) fn amend_routes(remove: Vec<Route>, add: Vec<Route>) -> Step {
    Step::AmendRoutes(RouteAmendment {
        interface: "eth0".into(),
        remove,
        add,
    })
}

/// Every route of every table but the local one as `ip` shows it, sorted.
pub(crate) fn routes_of(pod: &Pod) -> Vec<String> {
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

pub(crate) fn elsewhere(undo: &Undo) -> Undo {
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
pub(crate) fn undone(host: &Namespace, undo: &Undo) {
    assert_eq!(take_back(host, &elsewhere(undo)), Undone::AlreadyGone);
    assert_eq!(presence(host, undo), Presence::Present);
    assert_eq!(take_back_twice(host, undo), Undone::Done);
    assert_eq!(presence(host, undo), Presence::Gone);
}

pub(crate) fn permanent(entries: &[(&str, u8)]) -> Step {
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
fn a_missing_interface_is_named_and_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let steps = [
        amend_addresses(&[], &["10.2.0.7/16"]),
        amend_routes(Vec::new(), vec![route("10.5.0.0/16", Some("10.1.0.1"))]),
        permanent(&[("10.1.0.50", 2)]),
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
