//! Containers on a bridge.

mod attachments;

use attachments::{Namespace, Pod, addresses, first, link, ping};
use kernel::{KernelError, Place, Side, Undone};
use plan::Step;

const GATEWAY: &str = r#"{"kind":"bridge","isDefaultGateway":true}"#;
const DUAL: [(&str, Option<&str>); 2] = [("10.1.0.7/24", None), ("fd00::7/64", None)];

#[test]
fn a_container_gets_addresses_routes_and_a_gateway_of_both_families() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    let applied = pod.add(&host).unwrap();
    let facts: Vec<_> = applied
        .links
        .iter()
        .map(|fact| (fact.name.as_str(), fact.side, fact.mtu))
        .collect();
    let veth = pod.host_interface();
    assert_eq!(
        facts,
        [
            ("cni0", Side::Host, 1500),
            (veth.as_str(), Side::Host, 1500),
            ("eth0", Side::Container, 1500)
        ]
    );

    let eth0 = pod.eth0();
    assert_eq!(addresses(&eth0), ["10.1.0.7/24", "fd00::7/64"]);
    assert_eq!(eth0["address"], pod.mac().to_string());
    assert!(
        eth0["addr_info"]
            .as_array()
            .unwrap()
            .iter()
            .all(|info| info["tentative"].is_null())
    );
    for (family, gateway) in [("-4", "10.1.0.1"), ("-6", "fd00::1")] {
        let route = first(&pod.namespace.ip(&format!("-j {family} route show default")));
        assert_eq!(route["gateway"], gateway);
    }
    let details = first(&host.ip("-d -j link show dev cni0"));
    assert_eq!(details["linkinfo"]["info_data"]["no_linklocal_learn"], 1);
    let bridge = first(&host.ip("-j addr show dev cni0"));
    assert_eq!(addresses(&bridge), ["10.1.0.1/24", "fd00::1/64"]);
    let end = link(&host, &veth).unwrap();
    assert_eq!(end["master"], "cni0");
    assert_eq!(end["group"], "101");
    assert_eq!(end["operstate"], "UP");
    assert!(end["ifalias"].as_str().unwrap().starts_with("wasm-cni/1 "));
    assert!(
        end["ifalias"]
            .as_str()
            .unwrap()
            .contains("10.1.0.7 fd00::7")
    );
    assert_eq!(pod.verify(&host), []);
    for target in ["10.1.0.1", "fd00::1"] {
        ping(&pod.namespace, target);
    }
}

#[test]
fn two_containers_reach_each_other_at_once() {
    let (Some(host), Some(one), Some(two)) = (
        Namespace::new(),
        Pod::new(1, GATEWAY, &DUAL),
        Pod::new(2, GATEWAY, &[("10.1.0.8/24", None), ("fd00::8/64", None)]),
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
    assert_eq!(one.delete(&host), [Undone::AlreadyGone]);
    // What belongs to the node stays.
    assert!(link(&host, "cni0").is_some());
    assert_eq!(two.verify(&host), []);
}

#[test]
fn port_settings_reach_the_kernel() {
    let settings = r#"{"kind":"bridge","hairpinMode":true,"portIsolation":true,"mtu":1400}"#;
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, settings, &DUAL)) else {
        return;
    };
    pod.add(&host).unwrap();
    let end = link(&host, &pod.host_interface()).unwrap();
    let port = &end["linkinfo"]["info_slave_data"];
    assert_eq!(port["hairpin"], true, "{end}");
    assert_eq!(port["isolated"], true, "{end}");
    assert_eq!(
        (&end["mtu"], &pod.eth0()["mtu"]),
        (&1400.into(), &1400.into())
    );
    assert_eq!(pod.verify(&host), []);
}

#[test]
fn promiscuous_mode_reaches_the_kernel() {
    let promiscuous = r#"{"kind":"bridge","promiscMode":true}"#;
    let (Some(host), Some(plain), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"bridge"}"#, &[]),
        Pod::new(2, promiscuous, &[]),
    ) else {
        return;
    };
    plain.add(&host).unwrap();
    assert!(
        pod.verify(&host)
            .iter()
            .any(|each| each.expected == "promiscuous")
    );
    pod.add(&host).unwrap();
    let bridge = link(&host, "cni0").unwrap();
    assert!(
        bridge["flags"]
            .as_array()
            .unwrap()
            .contains(&"PROMISC".into())
    );
}

#[test]
fn a_bridge_that_was_there_keeps_its_address_and_mtu() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    host.ip("link add cni0 address 02:00:00:00:00:99 mtu 1300 type bridge");
    let applied = pod.add(&host).unwrap();
    assert_eq!(
        applied.links[0].mac.unwrap().to_string(),
        "02:00:00:00:00:99"
    );
    assert_eq!(applied.links[0].mtu, 1300);
    let bridge = link(&host, "cni0").unwrap();
    assert!(bridge["flags"].as_array().unwrap().contains(&"UP".into()));
}

#[test]
fn a_device_of_another_kind_is_no_bridge() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    host.ip("link add cni0 type veth peer name other");
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(&error.cause, KernelError::WrongKind { name, .. } if name == "cni0"));
    assert!(
        error.to_string().contains("cni0 is of kind veth"),
        "{error}"
    );
    assert!(error.clean_up_failures.is_empty());
}

#[test]
fn another_interface_of_the_containers_is_left_alone() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    pod.namespace
        .ip("link add eth0 address 02:00:00:00:00:77 type veth peer name other");
    let before = pod.namespace.ip("-j addr show");
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(
        &error.cause,
        KernelError::InterfaceExists { name, place: Place::Container } if name == "eth0"
    ));
    assert!(error.clean_up_failures.is_empty());
    assert_eq!(pod.namespace.ip("-j addr show"), before);
    assert_eq!(link(&host, &pod.host_interface()), None);
}

#[test]
fn another_interface_of_the_hosts_is_left_alone() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    let name = pod.host_interface();
    host.ip(&format!(
        "link add {name} address 02:00:00:00:00:77 type veth peer name other"
    ));
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(
        &error.cause,
        KernelError::InterfaceExists {
            place: Place::Host,
            ..
        }
    ));
    assert!(error.clean_up_failures.is_empty());
    assert_eq!(link(&host, &name).unwrap()["address"], "02:00:00:00:00:77");
    assert_eq!(link(&pod.namespace, "eth0"), None);
}

#[test]
fn a_gateway_that_overlaps_another_is_refused_or_replaces_it() {
    let (Some(host), Some(pod), Some(forced)) = (
        Namespace::new(),
        Pod::new(1, GATEWAY, &DUAL),
        Pod::new(
            2,
            r#"{"kind":"bridge","isGateway":true,"forceAddress":true}"#,
            &DUAL,
        ),
    ) else {
        return;
    };
    host.ip("link add cni0 type bridge");
    host.ip("addr add 10.1.0.254/16 dev cni0");
    let error = pod.add(&host).unwrap_err();
    assert!(
        matches!(&error.cause, KernelError::GatewayConflict { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("10.1.0.254/16") && error.to_string().contains("forceAddress")
    );
    forced.add(&host).unwrap();
    let bridge = first(&host.ip("-j addr show dev cni0"));
    assert_eq!(addresses(&bridge), ["10.1.0.1/24", "fd00::1/64"]);
}

#[test]
fn all_who_make_the_same_bridge_at_once_succeed() {
    let Some(host) = Namespace::new() else {
        return;
    };
    let pods: Vec<_> = (0..16)
        .filter_map(|number| {
            let v4 = format!("10.1.0.{}/24", 10 + number);
            let v6 = format!("fd00::{:x}/64", 16 + u16::from(number));
            Pod::new(number, GATEWAY, &[(&v4, None), (&v6, None)])
        })
        .collect();
    std::thread::scope(|scope| {
        let adds: Vec<_> = pods
            .iter()
            .map(|pod| scope.spawn(|| pod.add(&host)))
            .collect();
        for add in adds {
            add.join().unwrap().unwrap();
        }
    });
    for pod in &pods {
        assert_eq!(pod.verify(&host), []);
    }
    let bridge = first(&host.ip("-j addr show dev cni0"));
    assert_eq!(addresses(&bridge), ["10.1.0.1/24", "fd00::1/64"]);
}

#[test]
fn forwarding_is_turned_on_in_the_hosts_namespace_only() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    host.sysctl("ipv4/ip_forward", "0");
    pod.namespace.sysctl("ipv4/ip_forward", "0");
    pod.namespace.sysctl("ipv6/conf/all/forwarding", "0");
    pod.add(&host).unwrap();
    let read = |namespace: &Namespace, key: &str| {
        let path = format!("/proc/sys/net/{key}");
        namespace.run(|| std::fs::read_to_string(&path).unwrap().trim().to_owned())
    };
    for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        assert_eq!(read(&host, key), "1");
        assert_eq!(read(&pod.namespace, key), "0");
    }
    assert_eq!(read(&host, "ipv6/conf/cni0/accept_ra"), "0");
}

#[test]
fn a_container_whose_ipv6_is_off_gets_it_for_its_interface() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    pod.namespace.sysctl("ipv6/conf/default/disable_ipv6", "1");
    pod.add(&host).unwrap();
    assert_eq!(addresses(&pod.eth0()), ["10.1.0.7/24", "fd00::7/64"]);
    ping(&pod.namespace, "fd00::1");
}

#[test]
fn check_names_what_is_missing_or_different() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, GATEWAY, &DUAL)) else {
        return;
    };
    pod.add(&host).unwrap();
    pod.namespace.ip("addr del 10.1.0.7/24 dev eth0");
    pod.namespace.ip("-6 route del default");
    host.ip(&format!("link set {} nomaster", pod.host_interface()));
    let objects: Vec<_> = pod.verify(&host).iter().map(ToString::to_string).collect();
    for part in [
        "address 10.1.0.7/24 on eth0: expected present, found missing",
        "route ::/0 via fd00::1 dev eth0: expected present, found missing",
        "route 0.0.0.0/0 via 10.1.0.1 dev eth0: expected present, found missing",
        "on bridge cni0",
    ] {
        assert!(
            objects.iter().any(|text| text.contains(part)),
            "{part}: {objects:?}"
        );
    }
    assert_eq!(objects.len(), 4);
}

#[test]
fn a_link_without_addresses_is_a_port_and_nothing_else() {
    let disabled = r#"{"kind":"bridge","disableContainerInterface":true}"#;
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, disabled, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
    assert!(
        pod.plan
            .steps
            .iter()
            .all(|step| matches!(step, Step::Bridge(_) | Step::Veth(_)))
    );
    assert!(
        !pod.eth0()["flags"]
            .as_array()
            .unwrap()
            .contains(&"UP".into())
    );
}

/// Kernels without VLAN filtering refuse; nothing is left of the attempt.
#[test]
fn a_port_with_vlans_carries_them_or_is_refused() {
    let vlans = r#"{"kind":"bridge","vlan":100,"vlanTrunk":[{"minID":10,"maxID":12}]}"#;
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, vlans, &[])) else {
        return;
    };
    match pod.add(&host) {
        Ok(_) => {
            let shown = host.bridge(&format!("-j vlan show dev {}", pod.host_interface()));
            let port: serde_json::Value = serde_json::from_str(&shown).unwrap();
            let vlans: Vec<_> = port[0]["vlans"]
                .as_array()
                .unwrap()
                .iter()
                .map(|each| each["vlan"].as_u64().unwrap())
                .collect();
            assert_eq!(vlans, [10, 11, 12, 100]);
        }
        Err(error) => {
            assert!(
                matches!(&error.cause, KernelError::Unsupported { .. }),
                "{error}"
            );
            assert!(error.clean_up_failures.is_empty());
            assert_eq!(link(&pod.namespace, "eth0"), None);
        }
    }
}
