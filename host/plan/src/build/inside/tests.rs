use crate::{
    Addressing, Attachment, DeviceState, Identity, InterfaceAddress, Link, LinkKind, LinkRequest,
    MacAddress, NetnsIdentity, Plan, Step, Undo, build, complete,
};

const NETNS: u64 = 9;

fn plan(kind: &str, keys: serde_json::Value, device: Option<&DeviceState>) -> Plan {
    let link = Link::read(kind, keys).unwrap();
    let attachment = Attachment {
        network: "pods".into(),
        container_id: "c1".into(),
        interface_name: "eth0".into(),
    };
    let addressing = Addressing {
        addresses: vec![InterfaceAddress {
            address: "10.1.0.7/24".parse().unwrap(),
            gateway: None,
        }],
        ..Addressing::default()
    };
    build(&LinkRequest {
        attachment: &attachment,
        link: &link,
        addressing: &complete(&link, &addressing),
        mtu: link.mtu(),
        subnets: &[],
        identity: Identity {
            container_mac: MacAddress::from_seed(b"c"),
            host_mac: MacAddress::from_seed(b"h"),
            bridge_mac: MacAddress::from_seed(b"b"),
            group: 7,
        },
        device,
    })
    .unwrap()
}

fn undo(plan: &Plan) -> Vec<Undo> {
    plan.undo(&NetnsIdentity {
        cookie: NETNS,
        path: "/run/netns/c1".into(),
        nsid: Some(3),
    })
}

fn device() -> DeviceState {
    DeviceState {
        name: "eth1".into(),
        kind: String::new(),
        mac: Some(MacAddress::from_seed(b"own")),
        mtu: 9000,
        alias: Some("uplink".into()),
        up: true,
    }
}

#[test]
fn links_inside_are_undone_inside_by_kind_and_alias() {
    for (kind, keys, wanted) in [
        (
            "macvlan",
            serde_json::json!({"master": "eth1"}),
            LinkKind::Macvlan,
        ),
        (
            "ipvlan",
            serde_json::json!({"master": "eth1"}),
            LinkKind::Ipvlan,
        ),
        (
            "vlan",
            serde_json::json!({"master": "eth1", "vlanId": 5}),
            LinkKind::Vlan,
        ),
        ("dummy", serde_json::json!({}), LinkKind::Dummy),
        ("tap", serde_json::json!({}), LinkKind::Tun),
    ] {
        let plan = plan(kind, keys, None);
        assert!(plan.steps[0].is_link_inside(), "{kind}");
        let undo = undo(&plan);
        let [
            Undo::DeleteContainerLink {
                netns,
                name,
                kind: found,
                alias: Some(alias),
                provisional_name,
                ..
            },
        ] = &undo[..]
        else {
            panic!("{kind}: {undo:?}")
        };
        assert_eq!((netns.cookie, name.as_str()), (NETNS, "eth0"));
        assert_eq!(*found, wanted);
        assert!(alias.ends_with(" 10.1.0.7"), "{alias}");
        // Those that share their master's address need another mark until they have their alias.
        let shares = matches!(wanted, LinkKind::Ipvlan | LinkKind::Vlan);
        assert_eq!(provisional_name.is_some(), shares, "{kind}");
        assert!(undo[0].is_link());
    }
}

#[test]
fn a_device_is_given_back_with_all_that_is_its_own() {
    let keys = serde_json::json!({"device": "eth1"});
    let plan = plan("host-device", keys, Some(&device()));
    let Step::HostDevice(moved) = &plan.steps[0] else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!(
        (moved.asked_for.as_str(), moved.name.as_str()),
        ("eth1", "eth0")
    );
    assert_eq!(moved.mac_inside(), Some(MacAddress::from_seed(b"c")));
    assert_eq!(moved.mtu, None);
    let [Undo::ReturnDevice { netns, moved }] = &undo(&plan)[..] else {
        panic!()
    };
    assert_eq!(netns.cookie, NETNS);
    assert_eq!(moved.device, device());
}

#[test]
fn a_device_without_an_ethernet_address_is_asked_for_none() {
    let can = DeviceState {
        mac: None,
        ..device()
    };
    let keys = serde_json::json!({"device": "eth1"});
    let plan = plan("host-device", keys, Some(&can));
    assert!(
        matches!(&plan.steps[0], Step::HostDevice(moved) if moved.mac_inside().is_none()),
        "{:?}",
        plan.steps
    );
}

#[test]
fn a_device_of_a_program_gets_addresses_and_no_steps() {
    let keys = serde_json::json!({"pciBusID": "0000:00:05.0"});
    let plan = plan("host-device", keys, None);
    assert_eq!(plan.steps, []);
    assert_eq!(plan.addressing.addresses.len(), 1);
}

#[test]
fn nobody_is_asked_about_addresses_where_nobody_is() {
    for (kind, keys, shared) in [
        ("dummy", serde_json::json!({}), false),
        ("tap", serde_json::json!({}), false),
        ("ipvlan", serde_json::json!({"master": "eth1"}), true),
        ("vlan", serde_json::json!({"master": "eth1"}), true),
    ] {
        let plan = plan(kind, keys, None);
        let detects = plan.steps.iter().find_map(|step| match step {
            Step::ContainerAddresses(wanted) => Some(wanted.duplicate_address_detection),
            _ => None,
        });
        assert_eq!(detects, Some(shared), "{kind}");
    }
}
