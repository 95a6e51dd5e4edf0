use super::*;
use crate::{
    BandwidthLimit, ConnectionZone, FlowDirection, FlowRule, FlowVerdict, Merge, PortForwarding,
    PortMapping, ProposedLink, Route, RouteSelector, SourceNat, StageName, Transport, Undo,
};

const GROUP: u32 = 7;

fn attachment() -> Attachment {
    Attachment {
        network: "pods".into(),
        container_id: "c1".into(),
        interface_name: "eth0".into(),
    }
}

fn before() -> Addressing {
    let entry = |address: &str| InterfaceAddress {
        address: address.parse().unwrap(),
        gateway: None,
    };
    Addressing {
        addresses: vec![entry("10.1.0.2/16"), entry("fd00::2/64")],
        routes: vec![Route::to(
            "0.0.0.0/0".parse().unwrap(),
            Some("10.1.0.1".parse().unwrap()),
        )],
        ..Addressing::default()
    }
}

fn chain_of(stages: &[&[Change]], made_elsewhere: bool) -> Vec<Vec<Step>> {
    let link = |name: &str, side, kind| ProposedLink {
        name: name.into(),
        side,
        kind,
    };
    let proposal = Proposal {
        links: vec![
            link("cni0", LinkSide::Host, ProposedLinkKind::Bridge),
            link("veth1", LinkSide::Host, ProposedLinkKind::Veth),
            link("eth0", LinkSide::Container, ProposedLinkKind::Veth),
        ],
        addressing: before(),
        ..Proposal::default()
    };
    let mut merge = Merge::new("eth0", proposal);
    for (position, changes) in stages.iter().enumerate() {
        let stage = StageName {
            plugin: "p".into(),
            position: Some(position),
        };
        merge.amend(&stage, |_| true, changes.to_vec());
    }
    let known = before();
    chain(&ChainRequest {
        attachment: &attachment(),
        merged: &merge.finish().unwrap(),
        before: made_elsewhere.then_some(&known),
        subnets: &[],
        group: GROUP,
        ifb_mac: MacAddress::from_seed(b"ifb"),
        bridge_is_ours: true,
    })
}

fn forward(host_address: Option<&str>, transport: Transport) -> Change {
    Change::ForwardPorts(PortForwarding {
        mappings: vec![PortMapping {
            transport,
            host_address: host_address.map(|address| address.parse().unwrap()),
            host_port: 8080,
            container_port: 80,
        }],
        source_nat: SourceNat::Local,
        mark_bit: 13,
        conditions: vec![],
    })
}

fn forwards(steps: &[Step]) -> Vec<String> {
    let Some(Step::PortForwards(wanted)) = steps
        .iter()
        .find(|step| matches!(step, Step::PortForwards(_)))
    else {
        panic!("{steps:?}")
    };
    wanted.forwards.iter().map(ToString::to_string).collect()
}

#[test]
fn a_port_is_forwarded_in_each_family_that_it_is_for() {
    let steps = chain_of(&[&[forward(None, Transport::Tcp)]], false);
    let both = ["TCP 8080 to 10.1.0.2:80", "TCP 8080 to [fd00::2]:80"];
    assert_eq!(forwards(&steps[0]), both);
    let steps = chain_of(&[&[forward(Some("::"), Transport::Tcp)]], false);
    assert_eq!(forwards(&steps[0]), ["TCP 8080 to [fd00::2]:80"]);
    let steps = chain_of(&[&[forward(Some("192.0.2.1"), Transport::Tcp)]], false);
    assert_eq!(forwards(&steps[0]), ["TCP 192.0.2.1:8080 to 10.1.0.2:80"]);
}

#[test]
fn only_datagrams_are_tracked_in_a_zone_of_the_attachment() {
    let zones = |transport| -> Vec<_> {
        let steps = chain_of(&[&[forward(None, transport)]], false).remove(0);
        let shared = steps.contains(&Step::ConnectionZones {});
        let Some(Step::PortForwards(wanted)) = steps.last() else {
            panic!("{steps:?}")
        };
        let zones: Vec<_> = wanted.forwards.iter().map(|each| each.zone).collect();
        assert_eq!(shared, zones.iter().all(Option::is_some), "{steps:?}");
        zones
    };
    let own = Some(ConnectionZone::of_group(GROUP));
    assert_eq!(zones(Transport::Udp), [own, own]);
    assert_eq!(zones(Transport::Tcp), [None, None]);
    assert_eq!(zones(Transport::Sctp), [None, None]);
}

#[test]
fn shared_objects_come_before_elements_and_are_made_once() {
    let steps = chain_of(
        &[
            &[Change::PassHostFirewall {}],
            &[Change::PassHostFirewall {}],
        ],
        false,
    );
    assert!(matches!(
        steps[0][..],
        [
            Step::FlowTable {},
            Step::HostFirewallAccept {},
            Step::HostFirewallPass(_)
        ]
    ));
    assert_eq!(steps[1], []);
}

#[test]
fn flow_rules_of_all_stages_are_one_step() {
    let rule = |verdict| {
        Change::AddFlow(FlowRule {
            direction: FlowDirection::Ingress,
            verdict,
            peer: None,
            protocol: None,
            ports: None,
        })
    };
    let deny = Change::DenyFlowsByDefault {
        direction: FlowDirection::Egress,
    };
    let steps = chain_of(
        &[
            &[rule(FlowVerdict::Accept)],
            &[rule(FlowVerdict::Drop), deny],
            &[],
        ],
        false,
    );
    assert_eq!(steps[0], []);
    let Some(Step::Flows(flows)) = steps[1].last() else {
        panic!("{steps:?}")
    };
    assert_eq!(flows.rules.len(), 2);
    assert_eq!(flows.deny_by_default, [FlowDirection::Egress]);
    assert_eq!(steps[2], []);
}

#[test]
fn what_the_container_sends_is_held_to_a_rate_by_an_ifb() {
    let limit = Change::LimitBandwidth(BandwidthLimit {
        direction: FlowDirection::Egress,
        rate: 8_000_000,
        burst: 80_000,
    });
    let steps = chain_of(&[&[limit]], false);
    let [
        Step::Ifb(ifb),
        Step::TokenBucket(bucket),
        Step::Redirect(redirect),
    ] = &steps[0][..]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(bucket.link, ifb.name);
    assert_eq!(
        (redirect.link.as_str(), &redirect.target),
        ("veth1", &ifb.name)
    );
    assert!(ifb.name.len() <= 15);
}

#[test]
fn what_another_plugin_set_up_is_amended_and_can_be_taken_back() {
    let changes = [
        Change::RemoveAddress {
            address: "fd00::2".parse().unwrap(),
        },
        Change::AddRoute(Route::to("192.0.2.0/24".parse().unwrap(), None)),
        Change::SetMtu { mtu: 1400 },
    ];
    assert_eq!(
        chain_of(&[&changes], false)[0],
        [],
        "it is in the link's own steps"
    );
    let steps = chain_of(&[&changes], true).remove(0);
    let [
        Step::AmendAddresses(addresses),
        Step::AmendRoutes(routes),
        Step::LinkSettings(link),
    ] = &steps[..]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(addresses.remove.len(), 1);
    assert_eq!(routes.add.len(), 1);
    assert_eq!(link.wanted.mtu, Some(1400));
    let netns = crate::NetnsIdentity {
        cookie: 1,
        path: String::new(),
        nsid: None,
    };
    let Some(Undo::AmendRoutes { amendment, .. }) = steps[1].undo(&netns) else {
        panic!()
    };
    assert_eq!(amendment.remove, routes.add);
}

#[test]
fn a_vrf_takes_over_the_routes_that_the_interface_has_and_keeps() {
    let join = Change::JoinVrf {
        name: "red".into(),
        table: Some(10),
    };
    let replaced = [
        Change::RemoveRoute(RouteSelector {
            destination: "0.0.0.0/0".parse().unwrap(),
            gateway: None,
            table: None,
        }),
        Change::AddRoute(Route::to("192.0.2.0/24".parse().unwrap(), None)),
    ];
    let routes = |made_elsewhere| {
        let steps = chain_of(&[std::slice::from_ref(&join), &replaced], made_elsewhere).remove(0);
        let [step @ Step::JoinVrf(wanted)] = &steps[..] else {
            panic!("{steps:?}")
        };
        let netns = crate::NetnsIdentity {
            cookie: 1,
            path: String::new(),
            nsid: None,
        };
        let Some(Undo::LeaveVrf { vrf, mac, .. }) = step.undo(&netns) else {
            panic!()
        };
        assert_eq!((vrf, mac), (wanted.vrf.clone(), wanted.mac));
        let routes = wanted.routes.iter();
        routes
            .map(|route| route.destination.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(routes(true), Vec::<String>::new());
    assert_eq!(routes(false), ["192.0.2.0/24"], "the link has set it");
}

#[test]
fn what_a_stage_adds_is_added_in_the_vrf() {
    let join = Change::JoinVrf {
        name: "red".into(),
        table: None,
    };
    let route = Change::AddRoute(Route::to("192.0.2.0/24".parse().unwrap(), None));
    let steps = chain_of(&[&[route, join]], true).remove(0);
    assert!(
        matches!(steps[..], [Step::JoinVrf(_), Step::AmendRoutes(_)]),
        "{steps:?}"
    );
}

#[test]
fn a_vrf_is_told_of_gateways_that_a_result_leaves_open() {
    let mut addressing = before();
    addressing.routes = vec![Route::to("0.0.0.0/0".parse().unwrap(), None)];
    addressing.addresses[0].gateway = Some("10.1.0.1".parse().unwrap());
    let mut merge = Merge::new(
        "eth0",
        Proposal {
            addressing: addressing.clone(),
            ..Proposal::default()
        },
    );
    let stage = StageName {
        plugin: "vrf".into(),
        position: None,
    };
    let join = Change::JoinVrf {
        name: "red".into(),
        table: None,
    };
    merge.amend(&stage, |_| true, vec![join]);
    let steps = chain(&ChainRequest {
        attachment: &attachment(),
        merged: &merge.finish().unwrap(),
        before: Some(&addressing),
        subnets: &[],
        group: 7,
        ifb_mac: MacAddress::from_seed(b"ifb"),
        bridge_is_ours: true,
    });
    let [Step::JoinVrf(wanted)] = &steps[0][..] else {
        panic!("{steps:?}")
    };
    assert_eq!(wanted.routes[0].gateway, Some("10.1.0.1".parse().unwrap()));
}
