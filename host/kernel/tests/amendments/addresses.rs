use kernel::Undone;
use plan::Step;

use crate::attachments::{Namespace, Pod, addresses, ping};
use crate::single_steps::{do_observed, observe, perform, take_back_twice, verify};
use crate::{BRIDGE, amend_addresses, attached, routes_of, undone};

#[test]
fn an_address_is_replaced_and_the_default_route_stays() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = routes_of(&pod);
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
    assert_eq!(routes_of(&pod), before);
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
