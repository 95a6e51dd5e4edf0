use wasm_cni_guest::testing::Change;
use wasm_cni_guest::{FlowDirection, FlowRule, FlowVerdict};

use super::{amend, rule, rules};

#[test]
fn nothing_is_said_unless_configured() {
    for config in [
        "{}",
        r#"{"ingress": null, "egress": {}}"#,
        r#"{"ingress": {"default": "accept", "allow": [], "deny": null}, "egress": {"default": null}}"#,
    ] {
        assert_eq!(amend(config), Ok(vec![]), "{config}");
    }
}

#[test]
fn each_direction_has_its_default() {
    let (ingress, egress) = (
        Change::DenyFlowsByDefault(FlowDirection::Ingress),
        Change::DenyFlowsByDefault(FlowDirection::Egress),
    );
    let drop = r#"{"default": "drop"}"#;
    for (config, expected) in [
        (format!(r#"{{"ingress": {drop}}}"#), vec![ingress.clone()]),
        (format!(r#"{{"egress": {drop}}}"#), vec![egress.clone()]),
        (
            format!(r#"{{"egress": {drop}, "ingress": {drop}}}"#),
            vec![ingress, egress],
        ),
    ] {
        assert_eq!(amend(&config), Ok(expected), "{config}");
    }
}

#[test]
fn each_list_has_its_direction_and_verdict() {
    let config = r#"{"name": "pods", "plugin": "flow-policy",
        "ingress": {"default": "drop", "allow": [{"protocol": "tcp", "ports": [80]}], "deny": [{"cidr": "10.0.0.0/8"}]},
        "egress": {"allow": [{"cidr": "fd00::/8"}], "deny": [{"protocol": 47}]}}"#;
    let with = |direction, verdict, rule: FlowRule| {
        Change::AddFlow(FlowRule {
            direction,
            verdict,
            ..rule
        })
    };
    let (ingress, egress) = (FlowDirection::Ingress, FlowDirection::Egress);
    assert_eq!(
        amend(config).unwrap(),
        [
            Change::DenyFlowsByDefault(ingress),
            with(
                ingress,
                FlowVerdict::Accept,
                rule(None, Some(6), Some((80, 80)))
            ),
            with(
                ingress,
                FlowVerdict::Drop,
                rule(Some("10.0.0.0/8"), None, None)
            ),
            with(
                egress,
                FlowVerdict::Accept,
                rule(Some("fd00::/8"), None, None)
            ),
            with(egress, FlowVerdict::Drop, rule(None, Some(47), None)),
        ]
    );
}

#[test]
fn peers_are_anybody_a_network_an_address_or_several() {
    for (entry, peers) in [
        ("{}", vec![None]),
        (r#"{"cidr": "10.0.0.0/8"}"#, vec![Some("10.0.0.0/8")]),
        (r#"{"cidr": "0.0.0.0/0"}"#, vec![Some("0.0.0.0/0")]),
        (r#"{"cidr": "10.0.0.1"}"#, vec![Some("10.0.0.1/32")]),
        (r#"{"cidr": "fd00::1"}"#, vec![Some("fd00::1/128")]),
        (
            r#"{"cidrs": ["10.0.0.0/8", "fd00::/8", "10.0.0.0/8"]}"#,
            vec![Some("10.0.0.0/8"), Some("fd00::/8")],
        ),
        (r#"{"cidr": null, "cidrs": null}"#, vec![None]),
    ] {
        let expected: Vec<_> = peers.iter().map(|peer| rule(*peer, None, None)).collect();
        assert_eq!(rules(entry), expected, "{entry}");
    }
}

#[test]
fn protocols_have_names_and_numbers() {
    for (protocol, number) in [
        (r#""tcp""#, Some(6)),
        (r#""UDP""#, Some(17)),
        (r#""sctp""#, Some(132)),
        (r#""icmp""#, Some(1)),
        (r#""icmpv6""#, Some(58)),
        (r#""any""#, None),
        (r#""""#, None),
        ("null", None),
        ("0", Some(0)),
        ("255", Some(255)),
        (r#""47""#, Some(47)),
    ] {
        let entry = format!(r#"{{"protocol": {protocol}}}"#);
        assert_eq!(rules(&entry), [rule(None, number, None)], "{entry}");
    }
}

#[test]
fn ports_without_a_protocol_are_those_of_tcp_and_udp() {
    for entry in [
        r#"{"ports": [53]}"#,
        r#"{"ports": ["53"], "protocol": "any"}"#,
    ] {
        assert_eq!(
            rules(entry),
            [
                rule(None, Some(6), Some((53, 53))),
                rule(None, Some(17), Some((53, 53)))
            ]
        );
    }
}

#[test]
fn ports_are_merged_where_they_meet() {
    for (ports, expected) in [
        (r#"[80, 443]"#, vec![(80, 80), (443, 443)]),
        (r#"[443, 80, 80, 81]"#, vec![(80, 81), (443, 443)]),
        (r#"["8000-8100", 8050, "8101 - 8102"]"#, vec![(8000, 8102)]),
        (r#"["1-65535", 65535]"#, vec![(1, 65535)]),
        (r#"[65535, "65534-65535", 1]"#, vec![(1, 1), (65534, 65535)]),
    ] {
        for (protocol, number) in [("\"tcp\"", 6), ("33", 33), ("136", 136)] {
            let entry = format!(r#"{{"protocol": {protocol}, "ports": {ports}}}"#);
            let expected: Vec<_> = expected
                .iter()
                .map(|range| rule(None, Some(number), Some(*range)))
                .collect();
            assert_eq!(rules(&entry), expected, "{entry}");
        }
    }
}

#[test]
fn an_entry_is_multiplied_out() {
    let entry = r#"{"cidrs": ["10.0.0.0/8", "fd00::/8"], "ports": [80, 443]}"#;
    let mut expected = Vec::new();
    for peer in ["10.0.0.0/8", "fd00::/8"] {
        for protocol in [6, 17] {
            for port in [80, 443] {
                expected.push(rule(Some(peer), Some(protocol), Some((port, port))));
            }
        }
    }
    assert_eq!(rules(entry), expected);
}

#[test]
fn the_same_rule_is_proposed_once() {
    let twice = r#"{"protocol": "tcp", "ports": [80]}, {"protocol": 6, "ports": ["80"]}"#;
    assert_eq!(rules(twice), [rule(None, Some(6), Some((80, 80)))]);
}
