use proptest::prelude::*;
use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Level, PortMapping, Transport};

use super::{amend, dual, mapping, refusal};

fn config(mappings: &str) -> String {
    format!(r#"{{"runtimeConfig": {{"portMappings": [{mappings}]}}}}"#)
}

fn forwarded(node: &Node, mappings: &str, proposal: &ProposalState) -> Vec<PortMapping> {
    let changes = amend(node, &config(mappings), proposal).unwrap();
    match changes.as_slice() {
        [] => Vec::new(),
        [Change::ForwardPorts { mappings, .. }] => mappings.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_mappings_there_is_nothing_to_do() {
    for config in [
        "{}",
        r#"{"runtimeConfig": null}"#,
        r#"{"runtimeConfig": {"portMappings": null}}"#,
        r#"{"runtimeConfig": {"portMappings": [], "bandwidth": {}}}"#,
    ] {
        let node = Node::new();
        assert_eq!(
            amend(&node, config, &ProposalState::new()),
            Ok(vec![]),
            "{config}"
        );
        assert_eq!(node.log(), []);
    }
}

#[test]
fn every_way_of_writing_a_mapping_is_read() {
    let mappings = r#"
        {"hostPort": 1, "containerPort": 65535},
        {"hostPort": 65535, "containerPort": 1, "protocol": "UDP", "hostIP": ""},
        {"hostPort": 3, "containerPort": 3, "protocol": "Sctp", "hostIP": null},
        {"hostPort": 4, "containerPort": 4, "protocol": "", "hostIP": "10.0.0.1"},
        {"hostPort": 5, "containerPort": 5, "protocol": null, "hostIP": "0.0.0.0"},
        {"hostPort": 5, "containerPort": 6, "protocol": "tcp", "hostIP": "::"},
        {"hostPort": 7, "containerPort": 7, "hostIP": "::ffff:10.0.0.1", "comment": "of tomorrow"}"#;
    let node = Node::new();
    assert_eq!(
        forwarded(&node, mappings, &dual()),
        [
            mapping(Transport::Tcp, None, 1, 65535),
            mapping(Transport::Udp, None, 65535, 1),
            mapping(Transport::Sctp, None, 3, 3),
            mapping(Transport::Tcp, Some("10.0.0.1"), 4, 4),
            mapping(Transport::Tcp, Some("0.0.0.0"), 5, 5),
            mapping(Transport::Tcp, Some("::"), 5, 6),
            mapping(Transport::Tcp, Some("10.0.0.1"), 7, 7),
        ]
    );
    assert_eq!(node.log(), []);
}

#[test]
fn containerd_writes_the_keys_with_capitals() {
    let mappings =
        r#"{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": "127.0.0.1"}"#;
    assert_eq!(
        forwarded(&Node::new(), mappings, &dual()),
        [mapping(Transport::Tcp, Some("127.0.0.1"), 8080, 80)]
    );
}

#[test]
fn wrong_mappings_are_refused_with_their_place() {
    for (mappings, start) in [
        (
            r#"{"hostPort": 0, "containerPort": 80}"#,
            "[0].hostPort = 0: is no port",
        ),
        (
            r#"{"hostPort": 65536, "containerPort": 80}"#,
            "[0].hostPort = 65536: is no port",
        ),
        (
            r#"{"hostPort": -1, "containerPort": 80}"#,
            "[0].hostPort = -1: is no port",
        ),
        (
            r#"{"hostPort": 80, "containerPort": 80}, {"hostPort": 81, "containerPort": 0}"#,
            "[1].containerPort = 0: is no port",
        ),
        (
            r#"{"hostPort": "80", "containerPort": 80}"#,
            "[0].hostPort = \"80\": ",
        ),
        (r#"{"containerPort": 80}"#, "[0]: missing field `hostPort`"),
        (
            r#"{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}"#,
            "[0].protocol = \"icmp\": has no ports that can be forwarded; possible are",
        ),
        (
            r#"{"hostPort": 80, "containerPort": 80, "hostIP": "10.0.0"}"#,
            "[0].hostIP = \"10.0.0\": is neither",
        ),
    ] {
        let text = refusal(&config(mappings));
        let start = format!("runtimeConfig.portMappings{start}");
        assert!(text.starts_with(&start), "{text}");
    }
}

#[test]
fn a_port_that_is_asked_for_twice_is_refused_and_named() {
    let port = |address: &str, protocol: &str, container: u16| {
        format!(
            r#"{{"hostPort": 80, "containerPort": {container}, "protocol": "{protocol}", "hostIP": "{address}"}}"#
        )
    };
    for (one, other, clash) in [
        (port("", "tcp", 1), port("", "tcp", 2), true),
        (port("", "tcp", 1), port("10.0.0.1", "TCP", 2), true),
        (port("::", "tcp", 1), port("", "tcp", 2), true),
        (port("0.0.0.0", "tcp", 1), port("10.0.0.1", "tcp", 2), true),
        (port("10.0.0.1", "tcp", 1), port("10.0.0.1", "tcp", 1), true),
        (
            port("10.0.0.1", "tcp", 1),
            port("10.0.0.2", "tcp", 2),
            false,
        ),
        (port("0.0.0.0", "tcp", 1), port("::", "tcp", 1), false),
        (port("0.0.0.0", "tcp", 1), port("fd00::9", "tcp", 1), false),
        (port("", "tcp", 1), port("", "udp", 1), false),
    ] {
        let text = config(&format!(
            r#"{{"hostPort": 9, "containerPort": 9}}, {one}, {other}"#
        ));
        if clash {
            let text = refusal(&text);
            let start =
                "runtimeConfig.portMappings[2].hostPort = 80: portMappings[1] has the same port";
            assert!(text.starts_with(start), "{text}");
        } else {
            assert!(amend(&Node::new(), &text, &dual()).is_ok(), "{text}");
        }
    }
}

#[test]
fn ports_of_a_family_without_address_are_left_out_and_told() {
    let mappings = r#"
        {"hostPort": 1, "containerPort": 1},
        {"hostPort": 2, "containerPort": 2, "hostIP": "fd00::9"},
        {"hostPort": 3, "containerPort": 3, "hostIP": "10.0.0.1"}"#;
    let node = Node::new();
    assert_eq!(
        forwarded(&node, mappings, &ProposalState::bridged()),
        [
            mapping(Transport::Tcp, None, 1, 1),
            mapping(Transport::Tcp, Some("10.0.0.1"), 3, 3),
        ]
    );
    let log = node.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0, Level::Warning);
    assert!(
        log[0]
            .1
            .starts_with("hostPort 2 on hostIP fd00::9 is not forwarded")
    );

    let node = Node::new();
    assert_eq!(forwarded(&node, mappings, &ProposalState::new()), []);
    assert_eq!(node.log().len(), 3);
}

#[test]
fn the_ipv6_loopback_is_warned_of() {
    let node = Node::new();
    let mappings = r#"{"hostPort": 1, "containerPort": 1, "hostIP": "::1"}"#;
    assert_eq!(forwarded(&node, mappings, &dual()).len(), 1);
    assert_eq!(node.log().len(), 1);
    assert_eq!(node.log()[0].0, Level::Warning);
}

/// Few ports and addresses, so that they often meet.
fn any_mapping() -> impl Strategy<Value = (u16, Option<&'static str>, &'static str)> {
    let addresses = prop_oneof![
        Just(None),
        Just(Some("0.0.0.0")),
        Just(Some("::")),
        Just(Some("10.0.0.1")),
        Just(Some("fd00::9")),
    ];
    let protocols = prop_oneof![Just("tcp"), Just("udp")];
    (1..4u16, addresses, protocols)
}

/// The sockets that a mapping takes, one by one.
fn sockets(
    (port, address, protocol): (u16, Option<&'static str>, &'static str),
) -> Vec<(u16, &'static str, &'static str)> {
    let addresses: &[&str] = match address {
        None => &["10.0.0.1", "10.0.0.2", "fd00::9", "fd00::a"],
        Some("0.0.0.0") => &["10.0.0.1", "10.0.0.2"],
        Some("::") => &["fd00::9", "fd00::a"],
        Some(one) => return vec![(port, one, protocol)],
    };
    addresses.iter().map(|one| (port, *one, protocol)).collect()
}

proptest! {
    /// A request is refused exactly when two of its mappings share a socket.
    #[test]
    fn no_socket_is_given_twice(mappings in proptest::collection::vec(any_mapping(), 0..5)) {
        let text: Vec<String> = mappings
            .iter()
            .map(|(port, address, protocol)| {
                let address = address.unwrap_or_default();
                format!(
                    r#"{{"hostPort": {port}, "containerPort": 80, "protocol": "{protocol}", "hostIP": "{address}"}}"#
                )
            })
            .collect();
        let mut all: Vec<_> = mappings.iter().copied().flat_map(sockets).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        let answer = amend(&Node::new(), &config(&text.join(",")), &dual());
        prop_assert_eq!(answer.is_ok(), all.len() == count, "{:?}", answer);
    }
}
