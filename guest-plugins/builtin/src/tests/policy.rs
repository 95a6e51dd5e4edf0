use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Pod, Policy};

use super::refused;
use crate::{BuiltinPolicy, POLICY_PLUGINS};

/// A configuration of each plugin, but for the key that names it, and what only that one proposes.
type Case = (&'static str, &'static str, fn(&Change) -> bool);

const EACH: [Case; 9] = [
    (
        "portmap",
        r#""runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}"#,
        |change| matches!(change, Change::ForwardPorts { .. }),
    ),
    (
        "bandwidth",
        r#""ingressRate": 1000000, "ingressBurst": 1000000"#,
        |change| matches!(change, Change::LimitBandwidth(_)),
    ),
    ("firewall", r#""ingressPolicy": "open""#, |change| {
        matches!(change, Change::PassHostFirewall)
    }),
    ("tuning", r#""mtu": 1400"#, |change| {
        matches!(change, Change::SetMtu(1400))
    }),
    ("sbr", r#""table": 100"#, |change| {
        matches!(change, Change::AddRule(_))
    }),
    ("vrf", r#""vrfname": "red""#, |change| {
        matches!(change, Change::JoinVrf { .. })
    }),
    (
        "flow-policy",
        r#""ingress": {"default": "drop"}"#,
        |change| matches!(change, Change::DenyFlowsByDefault(_)),
    ),
    ("route-override", r#""flushgateway": true"#, |change| {
        matches!(change, Change::RemoveRoute { .. })
    }),
    ("quota", r#""maxAttachments": 0"#, |change| {
        matches!(change, Change::Deny(_))
    }),
];

#[test]
fn the_plugin_key_chooses_and_without_it_the_type() {
    let attachment = Attachment::new("pods", "a", "eth0").of_pod(Pod::new("team-a", "web-0"));
    let proposal = ProposalState::bridged();
    for (name, keys, is_expected) in EACH {
        for naming in [
            format!(r#""type": "wasm-cni", "plugin": "{name}""#),
            format!(r#""type": "{name}""#),
        ] {
            let config = format!(r#"{{"cniVersion": "1.1.0", "name": "pods", {naming}, {keys}}}"#);
            let node = Node::new();
            let changes = node
                .amend::<BuiltinPolicy>(&config, &attachment, &proposal)
                .unwrap_or_else(|error| panic!("{config}: {error}"));
            assert!(changes.iter().any(is_expected), "{config}: {changes:?}");
            let applied = proposal.clone().after(&changes);
            let check = node.check_policy::<BuiltinPolicy>(&config, &attachment, &applied);
            assert_eq!(check, Ok(()), "{config}");
            assert_eq!(
                node.status_policy::<BuiltinPolicy>(&config, "pods"),
                Ok(()),
                "{config}"
            );
            assert_eq!(
                node.release::<BuiltinPolicy>(&config, &attachment),
                Ok(()),
                "{config}"
            );
        }
    }
}

#[test]
fn the_list_names_all_of_them() {
    assert_eq!(POLICY_PLUGINS, EACH.map(|(name, _, _)| name));
}

#[test]
fn misspelt_keys_are_refused_by_every_plugin() {
    for name in POLICY_PLUGINS {
        let text = refused(BuiltinPolicy::configure(&format!(
            r#"{{"plugin": "{name}", "nonsense": 1}}"#
        )));
        assert!(
            text.starts_with("nonsense = 1: unknown field"),
            "{name}: {text}"
        );
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    for (config, key) in [
        (r#"{"plugin": "port-map"}"#, r#"plugin = "port-map""#),
        (r#"{"type": "wasm-cni"}"#, r#"type = "wasm-cni""#),
    ] {
        assert_eq!(
            refused(BuiltinPolicy::configure(config)),
            format!(
                "{key}: no built-in policy plugin has this name; there are portmap, bandwidth, firewall, tuning, sbr, \
                 vrf, flow-policy, route-override, quota"
            )
        );
    }
    let text = refused(BuiltinPolicy::configure(r#"{"plugin": "static"}"#));
    assert!(
        text.contains("(static is an IPAM plugin, for ipam.plugin)"),
        "{text}"
    );
    refused(BuiltinPolicy::configure("no JSON"));
}
