use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{Dns, Failure};

use super::{add, addresses, one_range, pod};
use crate::HostLocal;

#[test]
fn one_address_of_each_set_with_the_subnets_prefix_and_the_ranges_gateway() {
    let config = r#"{"ranges": [
        [{"subnet": "10.0.0.0/28", "rangeEnd": "10.0.0.2"}, {"subnet": "10.9.0.0/16", "gateway": "10.9.9.9"}],
        [{"subnet": "2001:db8::/64"}]]}"#;
    let node = Node::new();
    for (name, expected) in [
        ("a", ["10.0.0.2/28 10.0.0.1", "2001:db8::2/64 2001:db8::1"]),
        ("b", ["10.9.0.1/16 10.9.9.9", "2001:db8::3/64 2001:db8::1"]),
    ] {
        let answer = add(&node, config, &pod(name)).unwrap();
        let shown: Vec<String> = answer
            .addresses
            .iter()
            .map(|address| format!("{} {}", address.address, address.gateway.unwrap()))
            .collect();
        assert_eq!(shown, expected);
    }
}

#[test]
fn routes_are_copied_and_dns_is_the_resolvers() {
    let config = r#"{"subnet": "10.0.0.0/28", "dataDir": "/elsewhere", "resolvConf": "/etc/resolv.conf", "routes": [
        {"dst": "0.0.0.0/0"},
        {"dst": "10.8.0.0/16", "gw": "10.0.0.5", "mtu": 1400, "advmss": 1360, "priority": 7, "table": 100, "scope": 0}]}"#;
    let resolver = Dns {
        nameservers: vec!["10.0.0.1".to_owned()],
        ..Dns::default()
    };
    let node = Node::new();
    let answer = node
        .add::<HostLocal>(config, &pod("a"), Some(resolver.clone()))
        .unwrap();
    assert_eq!(answer.dns, resolver);
    assert_eq!(answer.routes.len(), 2);
    assert_eq!(answer.routes[0].gateway, None);
    assert_eq!(answer.routes[1].destination.to_string(), "10.8.0.0/16");
    assert_eq!(answer.routes[1].mtu, Some(1400));
    assert_eq!(add(&node, config, &pod("b")).unwrap().dns, Dns::default());
}

#[test]
fn addresses_go_round_before_one_is_used_again() {
    let config = one_range(r#", "rangeEnd": "10.0.0.5", "exclude": ["10.0.0.3"]"#);
    let node = Node::new();
    let mut seen = Vec::new();
    for name in ["a", "b", "c", "d"] {
        seen.extend(addresses(&node, &config, &pod(name)).unwrap());
        node.del::<HostLocal>(&config, &pod(name)).unwrap();
        node.end_cool_down("pods");
    }
    assert_eq!(
        seen,
        ["10.0.0.2/28", "10.0.0.4/28", "10.0.0.5/28", "10.0.0.2/28"]
    );
}

#[test]
fn all_ranges_of_a_set_are_gone_through_in_their_order() {
    let config = r#"{"ranges": [[
        {"subnet": "10.0.9.0/28", "rangeStart": "10.0.9.13"}, {"subnet": "10.0.1.0/30"}, {"subnet": "10.0.5.0/30"}]]}"#;
    let node = Node::new();
    let mut seen = Vec::new();
    for name in ["a", "b", "c", "d"] {
        seen.extend(addresses(&node, config, &pod(name)).unwrap());
    }
    assert_eq!(
        seen,
        ["10.0.9.13/28", "10.0.9.14/28", "10.0.1.2/30", "10.0.5.2/30"]
    );
}

#[test]
fn a_repeated_add_answers_what_is_held() {
    let config = r#"{"ranges": [[{"subnet": "10.0.0.0/28"}], [{"subnet": "2001:db8::/64"}]]}"#;
    let node = Node::new();
    let first = add(&node, config, &pod("a")).unwrap();
    assert_eq!(add(&node, config, &pod("a")), Ok(first));
    assert_eq!(
        addresses(&node, config, &pod("b")).unwrap(),
        ["10.0.0.3/28", "2001:db8::3/64"]
    );
}

#[test]
fn exhaustion_names_the_ranges_and_how_full_they_are() {
    let config = one_range(r#", "rangeStart": "10.0.0.3", "rangeEnd": "10.0.0.4""#);
    let node = Node::new();
    for name in ["a", "b"] {
        assert_eq!(node.status::<HostLocal>(&config, "pods"), Ok(()));
        add(&node, &config, &pod(name)).unwrap();
    }
    for answer in [
        add(&node, &config, &pod("c")).map(|_| ()),
        node.status::<HostLocal>(&config, "pods"),
    ] {
        match answer {
            Err(Failure::Exhausted(text)) => assert!(
                text.contains("range set 10.0.0.3-10.0.0.4: 2 of 2 addresses taken"),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn cooling_addresses_count_as_left() {
    let config = one_range(r#", "rangeStart": "10.0.0.3", "rangeEnd": "10.0.0.3""#);
    let node = Node::new();
    add(&node, &config, &pod("a")).unwrap();
    node.del::<HostLocal>(&config, &pod("a")).unwrap();
    assert_eq!(node.status::<HostLocal>(&config, "pods"), Ok(()));
    assert_eq!(
        addresses(&node, &config, &pod("b")).unwrap(),
        ["10.0.0.3/28"]
    );
}

#[test]
fn one_full_set_makes_the_whole_network_exhausted_and_keeps_nothing() {
    let config = r#"{"ranges": [[{"subnet": "10.0.0.0/28"}], [{"subnet": "10.0.1.0/30"}]]}"#;
    let node = Node::new();
    add(&node, config, &pod("a")).unwrap();
    assert!(matches!(
        node.status::<HostLocal>(config, "pods"),
        Err(Failure::Exhausted(_))
    ));
    assert!(matches!(
        add(&node, config, &pod("b")),
        Err(Failure::Exhausted(_))
    ));
    node.del::<HostLocal>(config, &pod("a")).unwrap();
    assert_eq!(
        addresses(&node, config, &pod("c")).unwrap(),
        ["10.0.0.3/28", "10.0.1.2/30"]
    );
}

#[test]
fn check_fails_once_an_address_is_no_longer_held() {
    let config = one_range("");
    let node = Node::new();
    let answer = add(&node, &config, &pod("a")).unwrap();
    assert_eq!(node.check::<HostLocal>(&config, &pod("a"), &answer), Ok(()));
    assert!(
        node.check::<HostLocal>(&config, &pod("b"), &answer)
            .is_err()
    );
    node.del::<HostLocal>(&config, &pod("a")).unwrap();
    assert!(
        node.check::<HostLocal>(&config, &pod("a"), &answer)
            .is_err()
    );
}
