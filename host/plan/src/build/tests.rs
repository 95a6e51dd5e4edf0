use super::*;
use crate::InterfaceAddress;

fn attachment() -> Attachment {
    Attachment {
        network: "pods".into(),
        container_id: "c1".into(),
        interface_name: "eth0".into(),
    }
}

fn addressing(addresses: &[(&str, Option<&str>)]) -> Addressing {
    let addresses = addresses
        .iter()
        .map(|(address, gateway)| InterfaceAddress {
            address: address.parse().unwrap(),
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        })
        .collect();
    Addressing {
        addresses,
        ..Addressing::default()
    }
}

fn plan(link: &str, addressing: &Addressing) -> Result<Plan, Vec<String>> {
    let seeded = |seed: &[u8]| MacAddress::from_seed(seed);
    let link = read_link(link);
    build(&LinkRequest {
        attachment: &attachment(),
        link: &link,
        addressing: &complete(&link, addressing),
        mtu: link.mtu(),
        subnets: &[],
        identity: Identity {
            container_mac: seeded(b"c"),
            host_mac: seeded(b"h"),
            bridge_mac: seeded(b"b"),
            group: 7,
        },
        device: None,
    })
}

fn netns() -> NetnsIdentity {
    NetnsIdentity {
        cookie: 9,
        path: "/run/netns/c1".into(),
        nsid: None,
    }
}

fn position(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
    plan.steps.iter().position(wanted).unwrap()
}

#[test]
fn a_default_gateway_bridge_fills_in_gateway_and_default_routes_of_both_families() {
    let wanted = addressing(&[("10.1.0.7/24", None), ("fd00::7/64", None)]);
    let plan = plan(r#"{"kind":"bridge","isDefaultGateway":true}"#, &wanted).unwrap();
    let gateways: Vec<_> = plan
        .addressing
        .addresses
        .iter()
        .map(|entry| entry.gateway.unwrap().to_string())
        .collect();
    assert_eq!(gateways, ["10.1.0.1", "fd00::1"]);
    let routes: Vec<_> = plan
        .addressing
        .routes
        .iter()
        .map(|route| route.destination.to_string())
        .collect();
    assert_eq!(routes, ["0.0.0.0/0", "::/0"]);
}

#[test]
fn a_bridge_without_gateway_forwards_nothing_and_gets_no_address() {
    let plan = plan(
        r#"{"kind":"bridge"}"#,
        &addressing(&[("10.1.0.7/24", None)]),
    )
    .unwrap();
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::Forwarding { .. } | Step::GatewayAddresses(_)))
    );
}

#[test]
fn undo_names_only_what_belongs_to_the_attachment() {
    let wanted = addressing(&[("10.1.0.7/24", Some("10.1.0.1"))]);
    let plan = plan(
        r#"{"kind":"bridge","isGateway":true,"ipMasq":true,"macspoofchk":true}"#,
        &wanted,
    )
    .unwrap();
    let undo = plan.undo(&netns());
    assert!(matches!(
        undo[..],
        [
            Undo::DeleteHostLink { .. },
            Undo::ForgetSpoofCheck { .. },
            Undo::ForgetMasquerade { .. }
        ]
    ));
}

#[test]
fn masquerade_spares_the_network_and_what_the_operator_excludes() {
    let wanted = addressing(&[("10.1.0.7/24", None)]);
    let plan = plan(
        r#"{"kind":"bridge","ipMasq":true,"masqExclude":["10.0.0.0/8"]}"#,
        &wanted,
    )
    .unwrap();
    let Step::MasqueradeNetwork(network) =
        &plan.steps[position(&plan, |step| matches!(step, Step::MasqueradeNetwork(_)))]
    else {
        panic!()
    };
    assert_eq!(network.subnets, ["10.1.0.0/24".parse().unwrap()]);
    assert_eq!(network.exclude, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn a_vlan_gateway_has_names_that_the_kernel_takes() {
    let wanted = addressing(&[("10.1.0.7/24", None)]);
    let plan = plan(r#"{"kind":"bridge","isGateway":true,"vlan":100}"#, &wanted).unwrap();
    let Step::VlanGateway(gateway) = &plan.steps[1] else {
        panic!()
    };
    assert_eq!(gateway.name, "cni0.100");
    assert_eq!(gateway.port_name.len(), 15);
}

#[test]
fn a_disabled_container_interface_is_a_link_and_nothing_else() {
    let plan = plan(
        r#"{"kind":"bridge","disableContainerInterface":true}"#,
        &Addressing::default(),
    )
    .unwrap();
    assert!(matches!(plan.steps[..], [Step::Bridge(_), Step::Veth(_)]));
}

#[test]
fn point_to_point_reaches_its_own_network_through_the_gateway() {
    let wanted = addressing(&[("10.1.0.7/24", Some("10.1.0.1"))]);
    let plan = plan(r#"{"kind":"ptp"}"#, &wanted).unwrap();
    let Step::ContainerRoutes(routes) =
        &plan.steps[position(&plan, |step| matches!(step, Step::ContainerRoutes(_)))]
    else {
        panic!()
    };
    assert_eq!(routes.on_link, ["10.1.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(routes.routes[0].destination, "10.1.0.0/24".parse().unwrap());
}

#[test]
fn point_to_point_without_gateway_is_refused() {
    let problems = plan(r#"{"kind":"ptp"}"#, &addressing(&[("10.1.0.7/24", None)])).unwrap_err();
    assert!(problems[0].contains("10.1.0.7/24") && problems[0].contains("gateway"));
}

#[test]
fn a_macvlan_is_undone_inside_its_namespace() {
    let plan = plan(
        r#"{"kind":"macvlan","master":"eth0"}"#,
        &addressing(&[("10.1.0.7/24", None)]),
    )
    .unwrap();
    assert!(
        matches!(&plan.undo(&netns())[..], [Undo::DeleteContainerLink { netns, .. }] if netns.cookie == 9)
    );
}

#[test]
fn plans_survive_being_written() {
    let wanted = addressing(&[
        ("10.1.0.7/24", Some("10.1.0.1")),
        ("fd00::7/64", Some("fd00::1")),
    ]);
    for link in [
        r#"{"kind":"bridge","ipMasq":true,"vlan":3,"isGateway":true}"#,
        r#"{"kind":"ptp"}"#,
        r#"{"kind":"loopback"}"#,
    ] {
        let plan = plan(link, &wanted).unwrap();
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

fn read_link(text: &str) -> Link {
    let serde_json::Value::Object(mut keys) = serde_json::from_str(text).unwrap() else {
        panic!("{text}");
    };
    let kind = keys.remove("kind").unwrap();
    Link::read(kind.as_str().unwrap(), serde_json::Value::Object(keys)).unwrap()
}

fn link_local(plan: &Plan) -> Vec<bool> {
    let of_step = |step: &Step| match step {
        Step::Veth(wanted) => Some(wanted.link_local),
        Step::ContainerAddresses(wanted) => Some(wanted.link_local),
        _ => None,
    };
    plan.steps.iter().filter_map(of_step).collect()
}

#[test]
fn a_link_local_address_comes_with_ipv6_or_where_another_router_may_speak() {
    let (four, six) = (
        ("10.1.0.7/24", Some("10.1.0.1")),
        ("fd00::7/64", Some("fd00::1")),
    );
    let of = |link: &str, addresses: &[_]| link_local(&plan(link, &addressing(addresses)).unwrap());
    for (link, addresses, expected) in [
        (
            r#"{"kind":"bridge","isGateway":true}"#,
            &[four][..],
            [false, false],
        ),
        (
            r#"{"kind":"bridge","isGateway":true}"#,
            &[four, six],
            [false, true],
        ),
        (r#"{"kind":"bridge","isGateway":true}"#, &[], [false, true]),
        (r#"{"kind":"bridge"}"#, &[four], [false, true]),
        (r#"{"kind":"ptp"}"#, &[four], [false, false]),
        (r#"{"kind":"ptp"}"#, &[six, four], [true, true]),
    ] {
        assert_eq!(of(link, addresses), expected, "{link} {addresses:?}");
    }
}

#[test]
fn addresses_are_announced_unless_each_holder_has_the_same_ethernet_address() {
    let announced = |link: &str, mac: MacAddress, addresses: &[_]| {
        let (link, addressing) = (read_link(link), addressing(addresses));
        let identity = Identity {
            container_mac: mac,
            host_mac: MacAddress::from_seed(b"h"),
            bridge_mac: MacAddress::from_seed(b"b"),
            group: 7,
        };
        let request = LinkRequest {
            attachment: &attachment(),
            link: &link,
            addressing: &addressing,
            mtu: None,
            subnets: &[],
            identity,
            device: None,
        };
        let steps = build(&request).unwrap().steps;
        steps.iter().any(|step| matches!(step, Step::Announce(_)))
    };
    let Link::Bridge(bridge) = read_link(r#"{"kind":"bridge"}"#) else {
        panic!()
    };
    let (four, gateway) = ("10.1.0.7".parse().unwrap(), Some("10.1.0.1"));
    let of_holder = bridge.mac_of_holder(four);
    let addresses = [("10.1.0.7/24", gateway), ("fd00::7/64", None)];
    assert!(!announced(r#"{"kind":"bridge"}"#, of_holder, &addresses));
    assert!(announced(
        r#"{"kind":"bridge","bridge":"other"}"#,
        of_holder,
        &addresses
    ));
    assert!(announced(
        r#"{"kind":"bridge"}"#,
        MacAddress([2; 6]),
        &addresses
    ));
    assert!(announced(r#"{"kind":"macvlan"}"#, of_holder, &addresses));
    assert!(!announced(r#"{"kind":"bridge"}"#, of_holder, &[]));
    assert!(!announced(
        r#"{"kind":"ptp"}"#,
        MacAddress([2; 6]),
        &addresses[..1]
    ));
}
