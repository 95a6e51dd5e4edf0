//! Containers at the end of a link of their own.

mod attachments;

use attachments::{Namespace, Pod, addresses, first, link, ping, plan_for};
use kernel::{KernelError, Undone};

const ADDRESSES: [(&str, Option<&str>); 2] = [
    ("10.1.0.7/24", Some("10.1.0.1")),
    ("fd00::7/64", Some("fd00::1")),
];

#[test]
fn the_host_is_the_gateway_and_routes_to_the_container() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"ptp"}"#, &ADDRESSES),
    ) else {
        return;
    };
    pod.add(&host).unwrap();
    let veth = pod.host_interface();
    let end = first(&host.ip(&format!("-j addr show dev {veth}")));
    assert_eq!(addresses(&end), ["10.1.0.1/32", "fd00::1/128"]);
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.7/24", "fd00::7/64"]);
    for (family, address) in [("-4", "10.1.0.7"), ("-6", "fd00::7")] {
        let route = first(&host.ip(&format!("-j {family} route show {address}")));
        assert_eq!(route["dev"], veth.as_str());
    }
    // No way to the neighbours but through the gateway.
    let subnet = first(&pod.namespace.ip("-j -4 route show 10.1.0.0/24"));
    assert_eq!(subnet["gateway"], "10.1.0.1");
    let gateway = first(&pod.namespace.ip("-j -4 route show 10.1.0.1"));
    assert_eq!(gateway["scope"], "link");
    for gateway in ["10.1.0.1", "fd00::1"] {
        ping(&pod.namespace, gateway);
    }
    assert_eq!(pod.verify(&host), []);
}

#[test]
fn two_links_share_a_gateway_and_reach_each_other_through_the_host() {
    let (Some(host), Some(one), Some(two)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"ptp"}"#, &ADDRESSES),
        Pod::new(
            2,
            r#"{"kind":"ptp"}"#,
            &[
                ("10.1.0.8/24", Some("10.1.0.1")),
                ("fd00::8/64", Some("fd00::1")),
            ],
        ),
    ) else {
        return;
    };
    one.add(&host).unwrap();
    two.add(&host).unwrap();
    for target in ["10.1.0.8", "fd00::8"] {
        ping(&one.namespace, target);
    }
    assert_eq!(one.delete(&host), [Undone::Done]);
    assert_eq!(link(&host, &one.host_interface()), None);
    assert_eq!(host.ip("-4 route show 10.1.0.7"), "");
    assert_eq!(two.verify(&host), []);
}

#[test]
fn another_route_to_the_container_is_left_and_named() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"ptp"}"#, &ADDRESSES),
    ) else {
        return;
    };
    host.ip("route add 10.1.0.7/32 dev lo");
    let error = pod.add(&host).unwrap_err();
    assert!(
        matches!(&error.cause, KernelError::RouteExists { found, .. } if found.contains("10.1.0.7/32 dev 1")),
        "{error}"
    );
    assert_eq!(link(&host, &pod.host_interface()), None);
    assert!(host.ip("-4 route show 10.1.0.7").contains("lo"));
}

#[test]
fn routes_carry_every_field() {
    let (Some(host), Some(mut pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"ptp"}"#, &ADDRESSES),
    ) else {
        return;
    };
    let mut plan = plan_for(&pod.attachment, 1, r#"{"kind":"ptp"}"#, &ADDRESSES);
    for step in &mut plan.steps {
        if let plan::Step::ContainerRoutes(routes) = step {
            for (destination, gateway) in
                [("192.0.2.0/24", "10.1.0.1"), ("2001:db8::/32", "fd00::1")]
            {
                let mut route =
                    plan::Route::to(destination.parse().unwrap(), Some(gateway.parse().unwrap()));
                route.mtu = Some(1400);
                route.advmss = Some(1300);
                route.priority = Some(77);
                route.table = Some(1000);
                routes.routes.push(route);
            }
        }
    }
    pod.plan = plan;
    pod.add(&host).unwrap();
    for (family, destination) in [("-4", "192.0.2.0/24"), ("-6", "2001:db8::/32")] {
        let route = first(
            &pod.namespace
                .ip(&format!("-j {family} route show table 1000")),
        );
        assert_eq!(route["dst"], destination);
        assert_eq!(route["metric"], 77);
        let metrics = &route["metrics"][0];
        assert_eq!(
            (&metrics["mtu"], &metrics["advmss"]),
            (&1400.into(), &1300.into()),
            "{route}"
        );
    }
    assert_eq!(pod.verify(&host), []);
    // The same again is no error.
    pod.perform(&host, |step| matches!(step, plan::Step::ContainerRoutes(_)))
        .unwrap();
}
