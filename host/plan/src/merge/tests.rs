use super::*;
use crate::{
    Addressing, BandwidthLimit, FlowDirection, FlowRule, FlowVerdict, InterfaceAddress, LinkFlag,
    LinkSide, MacAddress, PortForwarding, PortMapping, PortRange, ProposedLink, ProposedLinkKind,
    Route, RouteSelector, SourceNat, Sysctl, Transport,
};

fn stage(plugin: &str, position: usize) -> StageName {
    StageName {
        plugin: plugin.into(),
        position: Some(position),
    }
}

fn bridged() -> Proposal {
    let link = |name: &str, side, kind| ProposedLink {
        name: name.into(),
        side,
        kind,
    };
    Proposal {
        links: vec![
            link("cni0", LinkSide::Host, ProposedLinkKind::Bridge),
            link("veth1", LinkSide::Host, ProposedLinkKind::Veth),
            link("eth0", LinkSide::Container, ProposedLinkKind::Veth),
        ],
        addressing: Addressing {
            addresses: vec![InterfaceAddress {
                address: "10.1.0.2/16".parse().unwrap(),
                gateway: Some("10.1.0.1".parse().unwrap()),
            }],
            routes: vec![route("0.0.0.0/0", Some("10.1.0.1"))],
            ..Addressing::default()
        },
        ..Proposal::default()
    }
}

fn on_macvlan() -> Proposal {
    let mut proposal = bridged();
    proposal.links = vec![ProposedLink {
        name: "eth0".into(),
        side: LinkSide::Container,
        kind: ProposedLinkKind::Macvlan,
    }];
    proposal
}

fn route(destination: &str, gateway: Option<&str>) -> Route {
    Route::to(
        destination.parse().unwrap(),
        gateway.map(|gateway| gateway.parse().unwrap()),
    )
}

fn chain(proposal: Proposal, stages: &[(&str, Vec<Change>)]) -> Result<Merged, Vec<String>> {
    let mut merge = Merge::new("eth0", proposal);
    for (position, (plugin, changes)) in stages.iter().enumerate() {
        merge.amend(&stage(plugin, position), |_| true, changes.clone());
    }
    merge
        .finish()
        .map_err(|objections| objections.iter().map(ToString::to_string).collect())
}

fn one(change: Change) -> Result<Merged, Vec<String>> {
    chain(bridged(), &[("guard", vec![change])])
}

fn forwarding(host_port: u16) -> Change {
    Change::ForwardPorts(PortForwarding {
        mappings: vec![PortMapping {
            transport: Transport::Tcp,
            host_address: None,
            host_port,
            container_port: 80,
        }],
        source_nat: SourceNat::Local,
        mark_bit: 13,
        conditions: vec![],
    })
}

fn sysctl(name: &str, value: &str) -> Change {
    Change::SetSysctl(Sysctl {
        name: name.into(),
        value: value.into(),
    })
}

fn flow(protocol: Option<u8>, ports: Option<(u16, u16)>) -> Change {
    Change::AddFlow(FlowRule {
        direction: FlowDirection::Ingress,
        verdict: FlowVerdict::Accept,
        peer: None,
        protocol,
        ports: ports.map(|(first, last)| PortRange { first, last }),
    })
}

#[test]
fn each_stage_sees_what_the_stages_before_it_proposed() {
    let mut merge = Merge::new("eth0", bridged());
    merge.amend(&stage("a", 0), |_| true, vec![Change::SetMtu { mtu: 1400 }]);
    assert_eq!(merge.proposal().mtu, Some(1400));
    merge.amend(&stage("b", 1), |_| true, vec![forwarding(8080)]);
    assert_eq!(merge.proposal().port_forwards.len(), 1);
    let merged = merge.finish().unwrap();
    assert_eq!(merged.stages.len(), 2);
}

fn vrf(name: &str, table: Option<u32>) -> Change {
    Change::JoinVrf {
        name: name.into(),
        table,
    }
}

#[test]
fn a_vrf_has_a_name_and_a_table_of_its_own() {
    for (change, objection) in [
        (vrf("eth0", None), "no VRF can be called so"),
        (vrf("", None), "no VRF can be called so"),
        (vrf("a name", None), "no VRF can be called so"),
        (vrf("of-sixteen-bytes", None), "no VRF can be called so"),
        (vrf("red", Some(0)), "the table is the kernel's own"),
        (vrf("red", Some(254)), "the table is the kernel's own"),
    ] {
        let objections = chain(bridged(), &[("vrf", vec![change.clone()])]).unwrap_err();
        assert!(objections[0].contains(objection), "{objections:?}");
    }
    let agreeing = [vrf("red", Some(10)), vrf("red", Some(10))].map(|change| ("vrf", vec![change]));
    chain(bridged(), &agreeing).unwrap();
}

#[test]
fn two_stages_that_set_one_thing_differently_are_both_named() {
    let mac = |text: &str| Change::SetMac {
        mac: text.parse().unwrap(),
    };
    let limit = |rate| {
        Change::LimitBandwidth(BandwidthLimit {
            direction: FlowDirection::Ingress,
            rate,
            burst: 80_000,
        })
    };
    let flag = |on| Change::SetLinkFlag {
        flag: LinkFlag::Promiscuous,
        on,
    };
    let masquerade = |network: &str| Change::Masquerade {
        exclude: vec![network.parse().unwrap()],
    };
    let pairs = [
        (Change::SetMtu { mtu: 1400 }, Change::SetMtu { mtu: 1300 }),
        (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")),
        (
            sysctl("net.ipv4.conf.eth0.arp_filter", "1"),
            sysctl("net/ipv4/conf/eth0/arp_filter", "0"),
        ),
        (limit(1_000_000), limit(2_000_000)),
        (flag(true), flag(false)),
        (
            Change::SetTransmitQueueLength { packets: 10 },
            Change::SetTransmitQueueLength { packets: 20 },
        ),
        (forwarding(8080), forwarding(8080)),
        (vrf("red", None), vrf("blue", None)),
        (vrf("red", Some(10)), vrf("red", Some(11))),
        (masquerade("10.0.0.0/8"), masquerade("10.0.0.0/9")),
        (
            Change::AddRoute(route("192.0.2.0/24", Some("10.1.0.8"))),
            Change::AddRoute(route("192.0.2.0/24", Some("10.1.0.9"))),
        ),
        (
            Change::AddRoute(route("192.0.2.0/24", Some("10.1.0.8"))),
            Change::RemoveRoute(RouteSelector {
                destination: "192.0.2.0/24".parse().unwrap(),
                gateway: None,
                table: None,
            }),
        ),
    ];
    for (first, second) in pairs {
        let stages = [("one", vec![first.clone()]), ("two", vec![second.clone()])];
        let objections = chain(bridged(), &stages).unwrap_err();
        assert_eq!(objections.len(), 1, "{first} / {second}");
        assert!(objections[0].contains("one (chain[0])"), "{objections:?}");
        assert!(objections[0].contains("two (chain[1])"), "{objections:?}");
    }
}

#[test]
fn two_stages_may_agree() {
    let same = || {
        vec![
            Change::SetMtu { mtu: 1400 },
            sysctl("net.core.somaxconn", "9"),
        ]
    };
    chain(bridged(), &[("one", same()), ("two", same())]).unwrap();
}

#[test]
fn a_missing_grant_is_told_with_plugin_change_and_grant() {
    let mut merge = Merge::new("eth0", bridged());
    let changes = vec![Change::SetMtu { mtu: 1400 }];
    merge.amend(&stage("guard", 2), |kind| kind == ChangeKind::Deny, changes);
    let told = merge.finish().unwrap_err()[0].to_string();
    for part in ["guard (chain[2])", "set the MTU to 1400", "\"mtu\""] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn what_breaks_the_hosts_guarantees_is_refused() {
    let refused = [
        Change::SetMtu { mtu: 67 },
        Change::SetMtu { mtu: 65536 },
        Change::SetMac {
            mac: MacAddress([1, 0, 0, 0, 0, 1]),
        },
        Change::SetMac {
            mac: MacAddress([0; 6]),
        },
        sysctl("kernel.hostname", "x"),
        sysctl("net.ipv4.conf.eth1.forwarding", "1"),
        sysctl("net.core.somaxconn", "1\n2"),
        Change::AddRoute(Route {
            table: Some(255),
            ..route("10.9.0.0/16", None)
        }),
        Change::AddRoute(route("10.9.0.0/16", Some("fd00::1"))),
        Change::AddRoute(route("10.9.0.1/16", None)),
        Change::RemoveAddress {
            address: "10.1.0.3".parse().unwrap(),
        },
        forwarding(0),
        flow(None, Some((80, 80))),
        flow(Some(6), Some((81, 80))),
        flow(Some(1), Some((80, 80))),
    ];
    for change in refused {
        let objections = one(change.clone()).unwrap_err();
        assert_eq!(objections.len(), 1, "{change}");
        assert!(
            objections[0].starts_with("guard (chain[0]) may not"),
            "{objections:?}"
        );
    }
}

#[test]
fn what_never_meets_the_packets_is_refused_and_not_pretended() {
    for change in [
        forwarding(8080),
        flow(None, None),
        Change::PassHostFirewall {},
        Change::Masquerade { exclude: vec![] },
    ] {
        assert!(chain(on_macvlan(), &[("guard", vec![change])]).is_err());
    }
}

#[test]
fn every_objection_is_told() {
    let stages = [
        (
            "one",
            vec![Change::Deny {
                reason: "no".into(),
            }],
        ),
        (
            "two",
            vec![
                Change::Deny {
                    reason: "never".into(),
                },
                Change::SetMtu { mtu: 1 },
            ],
        ),
    ];
    assert_eq!(chain(bridged(), &stages).unwrap_err().len(), 3);
}

#[test]
fn what_is_refused_can_be_left_out_and_is_told_with_its_place() {
    let mut merge = Merge::new("eth0", bridged());
    let mtu = |mtu| Change::SetMtu { mtu };
    merge.amend(&stage("a", 0), |_| true, vec![mtu(1400)]);
    let wanted = vec![
        sysctl("net/core/somaxconn", "1"),
        mtu(1300),
        sysctl("kernel/hostname", "x"),
        forwarding(80),
    ];
    let granted = |kind| kind != ChangeKind::PortForward;
    merge.amend(&stage("b", 1), granted, wanted.clone());
    let (merged, refused) = merge.without_refused();
    assert_eq!(merged.proposal.mtu, Some(1400));
    assert_eq!(merged.stages[1].changes, wanted[..1]);
    let places: Vec<_> = refused
        .iter()
        .map(|each| (each.stage, each.change))
        .collect();
    assert_eq!(places, [(1, 1), (1, 2), (1, 3)]);
    assert!(
        matches!(&refused[0].objection, Objection::Conflict { earlier, .. } if *earlier == stage("a", 0))
    );
    assert!(matches!(
        &refused[2].objection,
        Objection::NotGranted { .. }
    ));
}

#[test]
fn a_route_without_gateway_gets_that_of_its_family() {
    let merged = one(Change::AddRoute(route("192.0.2.0/24", None))).unwrap();
    let added = merged.proposal.addressing.routes.last().unwrap();
    assert_eq!(added.gateway, Some("10.1.0.1".parse().unwrap()));
}

#[test]
fn a_stage_may_replace_what_link_and_ipam_gave() {
    let changes = vec![
        Change::RemoveRoute(RouteSelector {
            destination: "0.0.0.0/0".parse().unwrap(),
            gateway: None,
            table: None,
        }),
        Change::AddRoute(route("0.0.0.0/0", Some("10.1.0.9"))),
    ];
    let merged = chain(bridged(), &[("override", changes)]).unwrap();
    assert_eq!(
        merged.proposal.addressing.routes,
        [route("0.0.0.0/0", Some("10.1.0.9"))]
    );
}
