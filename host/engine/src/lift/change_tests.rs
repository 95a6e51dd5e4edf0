use super::*;

fn v4(a: u8, b: u8, c: u8, d: u8, prefix_length: u8) -> types::IpNetwork {
    types::IpNetwork {
        address: types::IpAddress::Ipv4((a, b, c, d)),
        prefix_length,
    }
}

fn text_of(change: Result<Change, Malformed>) -> String {
    change.unwrap().to_string()
}

fn condition(matches: types::PacketMatch) -> types::PacketCondition {
    types::PacketCondition {
        family: types::IpFamily::Ipv4,
        negated: false,
        matches,
    }
}

fn forwarding(count: usize, conditions: Vec<types::PacketCondition>) -> Result<Change, Malformed> {
    let mapping = types::PortMapping {
        transport: types::Transport::Udp,
        host_address: None,
        host_port: 53,
        container_port: 5353,
    };
    port_forwarding(
        vec![mapping; count],
        types::SourceNat::Local,
        13,
        conditions,
    )
}

fn flow(peer: Option<types::IpNetwork>, ports: Option<(u16, u16)>) -> Result<Change, Malformed> {
    flow_rule(types::FlowRule {
        direction: types::FlowDirection::Egress,
        verdict: types::FlowVerdict::Drop,
        peer,
        protocol: Some(6),
        ports: ports.map(|(first, last)| types::PortRange { first, last }),
    })
}

fn value(value: &str) -> Result<Change, Malformed> {
    sysctl(types::Sysctl {
        name: "net.ipv4.tcp_rmem".to_owned(),
        value: value.to_owned(),
    })
}

#[test]
fn a_network_has_a_prefix_of_its_family_and_no_host_bits() {
    type Lift = fn(types::IpNetwork) -> Result<Change, Malformed>;
    let lifts: [Lift; 6] = [
        |network| remove_route(network, None, None),
        |network| {
            rule(types::RoutingRule {
                family: types::IpFamily::Ipv4,
                priority: None,
                source: Some(network),
                destination: None,
                table: 100,
            })
        },
        |network| {
            rule(types::RoutingRule {
                family: types::IpFamily::Ipv4,
                priority: None,
                source: None,
                destination: Some(network),
                table: 100,
            })
        },
        |network| flow(Some(network), None),
        |network| masquerade(vec![network]),
        |network| forwarding(1, vec![condition(types::PacketMatch::Source(network))]),
    ];
    for lift in lifts {
        assert!(lift(v4(10, 0, 0, 0, 8)).is_ok());
        let refused = lift(v4(10, 0, 0, 1, 8));
        assert!(
            matches!(refused, Err(Malformed::HostBits(_))),
            "{refused:?}"
        );
        let refused = lift(v4(10, 0, 0, 0, 33));
        assert!(
            matches!(refused, Err(Malformed::PrefixLength { length: 33, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_gateway_is_of_the_destinations_family() {
    let v6 = types::IpAddress::Ipv6((0xfd00, 0, 0, 0, 0, 0, 0, 1));
    let refused = remove_route(v4(10, 0, 0, 0, 8), Some(v6), None);
    assert!(matches!(refused, Err(Malformed::GatewayFamily { .. })));
}

#[test]
fn ports_are_a_range() {
    assert_eq!(
        text_of(flow(None, Some((80, 80)))),
        "drop egress to anybody protocol 6 port 80"
    );
    let (first, last) = (81, 80);
    assert_eq!(
        flow(None, Some((first, last))),
        Err(Malformed::PortRange { first, last })
    );
}

#[test]
fn lists_are_bounded() {
    assert!(forwarding(MOST_MAPPINGS, Vec::new()).is_ok());
    let refused = forwarding(MOST_MAPPINGS + 1, Vec::new());
    assert!(matches!(refused, Err(Malformed::TooMany { .. })));
    let mark = types::PacketMatch::Mark(types::PacketMark { value: 1, mask: 1 });
    let refused = forwarding(1, vec![condition(mark); MOST_CONDITIONS + 1]);
    assert!(matches!(refused, Err(Malformed::TooMany { .. })));
    let refused = masquerade(vec![v4(10, 0, 0, 0, 8); MOST_EXCLUDED + 1]);
    assert!(matches!(refused, Err(Malformed::TooMany { .. })));
}

#[test]
fn a_text_can_not_end_a_line_or_drive_a_terminal() {
    assert_eq!(
        text_of(value("4096\t131072 6291456")),
        "set net.ipv4.tcp_rmem = 4096\t131072 6291456"
    );
    for text in ["1\n2", "\u{1b}[2J", "1\0"] {
        assert!(matches!(value(text), Err(Malformed::Control { .. })));
    }
    let refused = value(&"1".repeat(LONGEST_SYSCTL_VALUE + 1));
    assert!(matches!(refused, Err(Malformed::TooLong { .. })));
    for name in ["", "eth 0", "eth\n"] {
        let by = types::PacketMatch::InputInterface(name.to_owned());
        let refused = forwarding(1, vec![condition(by)]);
        assert!(matches!(refused, Err(Malformed::Unprintable { .. })));
    }
    let long = types::PacketMatch::InputInterface("x".repeat(17));
    let refused = forwarding(1, vec![condition(long)]);
    assert!(matches!(
        refused,
        Err(Malformed::TooLong { length: 17, .. })
    ));
}

#[test]
fn a_reason_is_cut_and_made_printable() {
    let Change::Deny { reason } = refusal(&format!("\u{1b}{}", "x".repeat(5000))) else {
        panic!("no refusal");
    };
    assert!(reason.starts_with("\u{fffd}x"));
    assert!(reason.len() < 4100);
}
