use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn rule(
    direction: FlowDirection,
    verdict: FlowVerdict,
    peer: Option<&str>,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
) -> FlowRule {
    FlowRule {
        direction,
        verdict,
        peer: peer.map(|peer| peer.parse().unwrap()),
        protocol,
        ports: ports.map(|(first, last)| PortRange { first, last }),
    }
}

fn flows(rules: Vec<FlowRule>) -> Flows {
    Flows {
        addresses: vec!["10.1.0.2".parse().unwrap(), "fd00::2".parse().unwrap()],
        rules,
        deny_by_default: DIRECTIONS.to_vec(),
    }
}

const EGRESS: FlowDirection = FlowDirection::Egress;
const ACCEPT: FlowVerdict = FlowVerdict::Accept;

fn shown(set: &FlowSet, family: Family) -> Vec<String> {
    set.boxes(family, EGRESS, ACCEPT)
        .map(|each| {
            let FlowBox {
                peers,
                protocols,
                ports,
                ..
            } = each;
            format!(
                "{}-{} {}-{} {}-{}",
                peers.0, peers.1, protocols.0, protocols.1, ports.0, ports.1
            )
        })
        .collect()
}

#[test]
fn a_rule_is_one_box_for_each_family_that_it_speaks_of() {
    let everybody = flows(vec![rule(EGRESS, ACCEPT, None, Some(6), Some((443, 443)))]);
    let set = FlowSet::of(&everybody).unwrap();
    assert_eq!(
        shown(&set, Family::Ipv4),
        ["0.0.0.0-255.255.255.255 6-6 443-443"]
    );
    assert_eq!(
        shown(&set, Family::Ipv6),
        ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 6-6 443-443"]
    );
    let one = flows(vec![rule(EGRESS, ACCEPT, Some("192.0.2.0/24"), None, None)]);
    let set = FlowSet::of(&one).unwrap();
    assert_eq!(
        shown(&set, Family::Ipv4),
        ["192.0.2.0-192.0.2.255 0-255 0-65535"]
    );
    assert!(shown(&set, Family::Ipv6).is_empty());
}

#[test]
fn ports_of_any_protocol_are_those_of_protocols_that_have_ports() {
    let set = FlowSet::of(&flows(vec![rule(
        EGRESS,
        ACCEPT,
        None,
        None,
        Some((53, 53)),
    )]));
    let protocols: Vec<_> = set
        .unwrap()
        .boxes(Family::Ipv4, EGRESS, ACCEPT)
        .map(|each| each.protocols)
        .collect();
    assert_eq!(
        protocols,
        FlowRule::PROTOCOLS_WITH_PORTS.map(|each| (each, each))
    );
}

#[test]
fn nothing_is_made_for_accepts_where_nothing_is_denied_nor_for_a_family_without_address() {
    let mut wanted = flows(vec![rule(EGRESS, ACCEPT, None, None, None)]);
    wanted.addresses.pop();
    let set = FlowSet::of(&wanted).unwrap();
    assert_eq!(shown(&set, Family::Ipv4).len(), 1);
    assert!(shown(&set, Family::Ipv6).is_empty());
    wanted.deny_by_default.clear();
    assert!(shown(&FlowSet::of(&wanted).unwrap(), Family::Ipv4).is_empty());
}

#[test]
fn rules_without_meaning_are_refused_in_words() {
    let refused = |protocol, ports| {
        let wanted = flows(vec![rule(EGRESS, ACCEPT, None, protocol, Some(ports))]);
        FlowSet::of(&wanted).unwrap_err().to_string()
    };
    assert!(refused(Some(1), (80, 80)).contains("protocol 1 has none"));
    assert!(refused(None, (2, 1)).contains("ends before it begins"));
}

#[test]
fn rules_that_cross_are_cut_where_it_makes_few_boxes() {
    let wanted = flows(vec![
        rule(EGRESS, ACCEPT, None, Some(17), Some((53, 53))),
        rule(EGRESS, ACCEPT, Some("192.0.2.0/24"), None, None),
    ]);
    let wanted = FlowSet::of(&wanted).unwrap();
    assert_eq!(
        shown(&wanted, Family::Ipv4),
        [
            "192.0.2.0-192.0.2.255 0-255 0-65535",
            "0.0.0.0-192.0.1.255 17-17 53-53",
            "192.0.3.0-255.255.255.255 17-17 53-53",
        ]
    );
}

#[test]
fn too_many_elements_are_refused_and_the_most_are_not() {
    let many = |count: u32| {
        let rule = |n: u32| FlowRule {
            peer: Some(IpNet::from(IpAddr::V4(Ipv4Addr::from_bits(2 * n)))),
            ..rule(EGRESS, ACCEPT, None, None, None)
        };
        FlowSet::of(&flows((0..count).map(rule).collect()))
    };
    let most = FlowSet::MOST_ELEMENTS;
    assert_eq!(shown(&many(most as u32).unwrap(), Family::Ipv4).len(), most);
    let text = many(most as u32 + 1).unwrap_err().to_string();
    assert!(text.contains("more than 4096"), "{text}");
}

/// Few values in each dimension, so that rules meet.
fn any_rule() -> impl Strategy<Value = FlowRule> {
    let peer = prop_oneof![
        Just(None),
        (0_u32..16, 28_u8..=32).prop_map(|(n, length)| {
            let address = IpAddr::V4(Ipv4Addr::from_bits(n));
            Some(IpNet::new(address, length).unwrap())
        }),
        (0_u128..16, 124_u8..=128).prop_map(|(n, length)| {
            let address = IpAddr::V6(Ipv6Addr::from_bits(n));
            Some(IpNet::new(address, length).unwrap())
        }),
        Just(Some("255.255.255.248/29".parse().unwrap())),
    ];
    let ports = prop_oneof![
        Just(None),
        (0_u16..8, 0_u16..8).prop_map(|(a, b)| Some((a.min(b), a.max(b)))),
        Just(Some((65_530, u16::MAX))),
    ];
    let protocol = prop_oneof![
        Just(None),
        Just(Some(1_u8)),
        Just(Some(6)),
        Just(Some(17)),
        Just(Some(255)),
    ];
    let verdict = prop_oneof![Just(ACCEPT), Just(FlowVerdict::Drop)];
    let direction = prop_oneof![Just(FlowDirection::Ingress), Just(EGRESS)];
    (direction, verdict, peer, protocol, ports).prop_map(
        |(direction, verdict, peer, protocol, ports)| FlowRule {
            direction,
            verdict,
            peer,
            // Ports of a protocol without any are refused.
            ports: ports
                .filter(|_| {
                    protocol.is_none_or(|each| FlowRule::PROTOCOLS_WITH_PORTS.contains(&each))
                })
                .map(|(first, last)| PortRange { first, last }),
            protocol,
        },
    )
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    direction: FlowDirection,
    peer: IpAddr,
    protocol: u8,
    /// None: the protocol has none.
    port: Option<u16>,
}

fn packets() -> impl Iterator<Item = Packet> {
    let v4 = (0..16).chain([u32::MAX - 8, u32::MAX - 7, u32::MAX]);
    let v4 = v4.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
    let v6 = (0..16)
        .chain([u128::MAX])
        .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
    let peers: Vec<_> = v4.chain(v6).collect();
    let protocols = [0, 1, 6, 17, 33, 58, 132, 136, 255];
    let ports = [0, 1, 3, 7, 8, 443, 65_529, 65_530, u16::MAX];
    DIRECTIONS.into_iter().flat_map(move |direction| {
        peers.clone().into_iter().flat_map(move |peer| {
            protocols.into_iter().flat_map(move |protocol| {
                let has_ports = FlowRule::PROTOCOLS_WITH_PORTS.contains(&protocol);
                let ports = ports.into_iter().map(Some).filter(move |_| has_ports);
                let none = (!has_ports).then_some(None);
                ports.chain(none).map(move |port| Packet {
                    direction,
                    peer,
                    protocol,
                    port,
                })
            })
        })
    })
}

/// What the rules say, read one by one.
fn naive(flows: &Flows, packet: Packet) -> FlowVerdict {
    let matching = flows.rules.iter().filter(|rule| {
        rule.direction == packet.direction
            && rule.peer.is_none_or(|peer| peer.contains(&packet.peer))
            && rule
                .protocol
                .is_none_or(|protocol| protocol == packet.protocol)
            && rule.ports.is_none_or(|ports| {
                packet
                    .port
                    .is_some_and(|port| (ports.first..=ports.last).contains(&port))
            })
    });
    let verdicts: Vec<_> = matching.map(|rule| rule.verdict).collect();
    let denied = flows.deny_by_default.contains(&packet.direction);
    if verdicts.contains(&FlowVerdict::Drop) || (denied && verdicts.is_empty()) {
        FlowVerdict::Drop
    } else {
        ACCEPT
    }
}

/// How many of these boxes hold the packet; `port` stands in where there is none.
fn holding(set: &FlowSet, packet: Packet, verdict: FlowVerdict, port: u16) -> usize {
    set.boxes(Family::of(packet.peer), packet.direction, verdict)
        .filter(|each| {
            (each.peers.0..=each.peers.1).contains(&packet.peer)
                && (each.protocols.0..=each.protocols.1).contains(&packet.protocol)
                && (each.ports.0..=each.ports.1).contains(&port)
        })
        .count()
}

proptest! {
    #[test]
    fn boxes_are_disjoint_and_say_what_the_rules_say(
        rules in prop::collection::vec(any_rule(), 0..12),
        deny_by_default in prop::sample::subsequence(DIRECTIONS.to_vec(), 0..=2),
    ) {
        let flows = Flows { deny_by_default, ..flows(rules) };
        let set = FlowSet::of(&flows).unwrap();
        for packet in packets() {
            let found = |port| {
                let drops = holding(&set, packet, FlowVerdict::Drop, port);
                let accepts = holding(&set, packet, ACCEPT, port);
                assert!(drops <= 1 && accepts <= 1, "{packet:?} is in {drops} and {accepts} boxes");
                let denied = flows.deny_by_default.contains(&packet.direction);
                if drops == 1 || (denied && accepts == 0) { FlowVerdict::Drop } else { ACCEPT }
            };
            // Whatever stands in for the port of a protocol without ports makes no difference.
            let ports = packet.port.map_or(vec![0, 5, u16::MAX], |port| vec![port]);
            for port in ports {
                prop_assert_eq!(found(port), naive(&flows, packet), "{:?} port {}", packet, port);
            }
        }
    }

    #[test]
    fn the_order_of_rules_makes_no_difference(rules in prop::collection::vec(any_rule(), 0..12)) {
        let mut reversed = rules.clone();
        reversed.reverse();
        prop_assert_eq!(FlowSet::of(&flows(rules)), FlowSet::of(&flows(reversed)));
    }
}
