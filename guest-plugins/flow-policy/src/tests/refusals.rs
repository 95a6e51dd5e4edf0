use wasm_cni_guest::Failure;

use super::amend;

fn refusal(config: &str) -> String {
    match amend(config) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

#[test]
fn wrong_entries_are_refused_with_their_place() {
    for (entry, start) in [
        (
            r#"{"cidr": "10.0.0.1/8"}"#,
            ".cidr = \"10.0.0.1/8\": has host bits set; the network is 10.0.0.0/8",
        ),
        (
            r#"{"cidr": "example.org"}"#,
            ".cidr = \"example.org\": is neither a network",
        ),
        (
            r#"{"cidrs": ["10.0.0.0/8", "x"]}"#,
            ".cidrs[1] = \"x\": is neither",
        ),
        (r#"{"cidrs": []}"#, ".cidrs = []: name a network"),
        (
            r#"{"cidr": "10.0.0.0/8", "cidrs": []}"#,
            ".cidr = \"10.0.0.0/8\": move it into cidrs",
        ),
        (
            r#"{"protocol": "http"}"#,
            ".protocol = \"http\": is unknown; there are tcp",
        ),
        (r#"{"protocol": 256}"#, ".protocol = 256: is unknown"),
        (r#"{"protocol": "256"}"#, ".protocol = \"256\": is unknown"),
        (
            r#"{"protocol": "99999999999999999999999"}"#,
            ".protocol = \"99999999999999999999999\": is unknown",
        ),
        (r#"{"protocol": -1}"#, ".protocol = -1: expected tcp"),
        (
            r#"{"protocol": "icmp", "cidr": "fd00::/8"}"#,
            ": fd00::/8 and the protocol are not of one family",
        ),
        (
            r#"{"protocol": 58, "cidr": "10.0.0.0/8"}"#,
            ": 10.0.0.0/8 and the protocol are not of one family",
        ),
        (r#"{"ports": []}"#, ".ports = []: name a port"),
        (r#"{"ports": [0]}"#, ".ports[0] = 0: is no port"),
        (r#"{"ports": [80, 65536]}"#, ".ports[1] = 65536: is no port"),
        (r#"{"ports": [-1]}"#, ".ports[0] = -1: expected a port"),
        (r#"{"ports": ["0-5"]}"#, ".ports[0] = \"0-5\": is no range"),
        (
            r#"{"ports": ["5-65536"]}"#,
            ".ports[0] = \"5-65536\": is no range",
        ),
        (
            r#"{"ports": ["9-5"]}"#,
            ".ports[0] = \"9-5\": ends before it begins; 5-9 is meant",
        ),
        (r#"{"ports": ["5-0"]}"#, ".ports[0] = \"5-0\": is no range"),
        (r#"{"ports": ["a"]}"#, ".ports[0] = \"a\": is no range"),
        (
            r#"{"ports": ["1-2-3"]}"#,
            ".ports[0] = \"1-2-3\": is no range",
        ),
        (r#"{"ports": 80}"#, ".ports = 80: "),
        (
            r#"{"ports": [80], "protocol": "icmp"}"#,
            ".ports: protocol 1 has no ports",
        ),
        (r#"{"port": 80}"#, ".port = 80: unknown field"),
    ] {
        for (direction, list) in [("ingress", "allow"), ("egress", "deny")] {
            let config = format!(r#"{{"{direction}": {{"{list}": [{{}}, {entry}]}}}}"#);
            let text = refusal(&config);
            assert!(
                text.starts_with(&format!("{direction}.{list}[1]{start}")),
                "{text}"
            );
        }
    }
}

#[test]
fn wrong_directions_are_refused() {
    for (config, start) in [
        (
            r#"{"ingress": {"default": "deny"}}"#,
            "ingress.default = \"deny\": is unknown; there are accept and drop",
        ),
        (r#"{"egress": {"default": 5}}"#, "egress.default = 5: "),
        (
            r#"{"egress": {"alow": []}}"#,
            "egress.alow: unknown field `alow`, expected one of",
        ),
        (r#"{"inbound": {}}"#, "inbound: unknown field `inbound`"),
    ] {
        let text = refusal(config);
        assert!(text.starts_with(start), "{text}");
    }
}

/// A list of single ports that do not meet.
fn ports(count: u16) -> String {
    let ports: Vec<String> = (1..=count).map(|port| (port * 2).to_string()).collect();
    ports.join(",")
}

#[test]
fn no_more_than_256_rules_are_made() {
    let config = |tcp: u16, both: u16| {
        format!(
            r#"{{"ingress": {{"allow": [{{"protocol": "tcp", "ports": [{}]}}]}}, "egress": {{"deny": [{{"ports": [{}]}}]}}}}"#,
            ports(tcp),
            ports(both)
        )
    };
    assert_eq!(amend(&config(56, 100)).unwrap().len(), 256);
    let text = refusal(&config(57, 100));
    assert!(
        text.starts_with("ingress and egress make 257 rules"),
        "{text}"
    );
}

#[test]
fn a_multitude_is_refused_without_being_multiplied_out() {
    let cidrs: Vec<String> = (0..4000u16)
        .map(|index| format!("\"10.{}.{}.0/24\"", index >> 8, index & 0xff))
        .collect();
    let config = format!(
        r#"{{"ingress": {{"deny": [{{"cidrs": [{}], "ports": [{}]}}]}}}}"#,
        cidrs.join(","),
        ports(4000)
    );
    let text = refusal(&config);
    assert!(
        text.starts_with("ingress and egress make 32000000 rules"),
        "{text}"
    );
}
