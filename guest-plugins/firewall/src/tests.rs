use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, Isolation, Level};

use crate::Firewall;

fn amend(node: &Node, config: &str) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "eth0");
    node.amend::<Firewall>(config, &pod, &ProposalState::bridged())
}

#[test]
fn every_policy_passes_the_hosts_firewall_and_isolates_as_it_says() {
    for (config, isolation) in [
        ("{}", None),
        (r#"{"ingressPolicy": ""}"#, None),
        (r#"{"ingressPolicy": null}"#, None),
        (r#"{"ingressPolicy": "open"}"#, None),
        (
            r#"{"ingressPolicy": "same-bridge"}"#,
            Some(Isolation::OtherNetworks),
        ),
        (
            r#"{"ingressPolicy": "isolated"}"#,
            Some(Isolation::EveryAttachment),
        ),
    ] {
        let mut expected = vec![Change::PassHostFirewall];
        expected.extend(isolation.map(Change::Isolate));
        let node = Node::new();
        assert_eq!(amend(&node, config), Ok(expected), "{config}");
        assert_eq!(node.log(), []);
    }
}

#[test]
fn what_the_host_does_by_itself_is_accepted_and_told() {
    for (key, value) in [
        ("backend", "iptables"),
        ("backend", "firewalld"),
        ("backend", "nftables"),
        ("iptablesAdminChainName", "CNI-ADMIN"),
        ("firewalldZone", "trusted"),
    ] {
        let node = Node::new();
        let changes = amend(&node, &format!(r#"{{"{key}": "{value}"}}"#)).unwrap();
        assert_eq!(changes, [Change::PassHostFirewall]);
        let log = node.log();
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].0, Level::Debug);
        assert!(log[0].1.starts_with(&format!("{key} = \"{value}\": ")));
    }
    for empty in ["backend", "iptablesAdminChainName", "firewalldZone"] {
        let node = Node::new();
        amend(&node, &format!(r#"{{"{empty}": ""}}"#)).unwrap();
        assert_eq!(node.log(), []);
    }
}

#[test]
fn anything_else_is_refused_with_key_value_and_remedy() {
    for (config, start, end) in [
        (
            r#"{"backend": "ufw"}"#,
            "backend = \"ufw\": ",
            "the host looks which firewall there is",
        ),
        (
            r#"{"iptablesAdminChainName": "MY-ADMIN"}"#,
            "iptablesAdminChainName = \"MY-ADMIN\": ",
            "leave the key out",
        ),
        (
            r#"{"firewalldZone": "public"}"#,
            "firewalldZone = \"public\": ",
            "leave the key out",
        ),
        (
            r#"{"ingressPolicy": "closed"}"#,
            "ingressPolicy = \"closed\": ",
            "there are open, same-bridge and isolated",
        ),
        (
            r#"{"ingressPolicy": 5}"#,
            "ingressPolicy = 5: ",
            "expected a string",
        ),
        (
            r#"{"policy": "open"}"#,
            "policy = \"open\": unknown field `policy`",
            "`ingressPolicy`",
        ),
    ] {
        match amend(&Node::new(), config) {
            Err(Failure::InvalidConfig(text)) => {
                assert!(text.starts_with(start) && text.ends_with(end), "{text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}

#[test]
fn the_keys_that_every_stage_may_have_are_ignored() {
    let config = r#"{"name": "pods", "cniVersion": "1.1.0", "type": "wasm-cni", "plugin": "firewall", "grants": ["flow"],
        "capabilities": {}, "runtimeConfig": {"x": 1}, "args": {"cni": {}}, "prevResult": {}}"#;
    assert_eq!(
        amend(&Node::new(), config),
        Ok(vec![Change::PassHostFirewall])
    );
}
