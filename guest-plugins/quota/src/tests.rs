use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, Pod, Policy};

use crate::Quota;

fn pod(namespace: &str, name: &str) -> Attachment {
    Attachment::new("pods", format!("id-{namespace}-{name}"), "eth0")
        .of_pod(Pod::new(namespace, name))
}

/// Why the attachment is refused; none if it is not.
fn refusal(node: &Node, config: &str, attachment: &Attachment) -> Option<String> {
    let changes = node
        .amend::<Quota>(config, attachment, &ProposalState::bridged())
        .unwrap();
    match changes.as_slice() {
        [] => None,
        [Change::Deny(reason)] => Some(reason.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_namespace_gets_as_many_attachments_as_its_limit_and_again_after_a_release() {
    let config = r#"{"name": "pods", "type": "wasm-cni", "plugin": "quota", "maxAttachments": 2}"#;
    let node = Node::new();
    assert_eq!(refusal(&node, config, &pod("a", "1")), None);
    assert_eq!(refusal(&node, config, &pod("a", "2")), None);
    assert_eq!(
        refusal(&node, config, &pod("a", "3")).unwrap(),
        "namespace \"a\" uses 2 of 2 attachments on network pods, so pod \"3\" gets none; delete pods of the namespace, \
         or raise maxAttachments"
    );
    node.release::<Quota>(config, &pod("a", "1")).unwrap();
    assert_eq!(refusal(&node, config, &pod("a", "3")), None);
    assert!(refusal(&node, config, &pod("a", "1")).is_some());
}

#[test]
fn refused_attachments_do_not_count() {
    let node = Node::new();
    let tight = r#"{"maxAttachments": 1}"#;
    assert_eq!(refusal(&node, tight, &pod("a", "1")), None);
    for name in ["2", "3", "4"] {
        assert!(refusal(&node, tight, &pod("a", name)).is_some());
    }
    let wide = r#"{"maxAttachments": 2}"#;
    assert_eq!(refusal(&node, wide, &pod("a", "2")), None);
}

#[test]
fn a_repeated_add_counts_once() {
    let node = Node::new();
    let config = r#"{"maxAttachments": 1}"#;
    assert_eq!(refusal(&node, config, &pod("a", "1")), None);
    assert_eq!(refusal(&node, config, &pod("a", "1")), None);
    assert!(refusal(&node, config, &pod("a", "2")).is_some());
}

#[test]
fn every_interface_of_a_pod_counts_and_networks_are_apart() {
    let node = Node::new();
    let config = r#"{"maxAttachments": 1}"#;
    let mut second = pod("a", "1");
    second.interface_name = "net1".to_owned();
    assert_eq!(refusal(&node, config, &pod("a", "1")), None);
    assert!(refusal(&node, config, &second).is_some());
    second.network = "storage".to_owned();
    assert_eq!(refusal(&node, config, &second), None);
}

#[test]
fn namespaces_whose_names_begin_alike_do_not_share_a_quota() {
    let node = Node::new();
    let config = r#"{"maxAttachments": 1}"#;
    for namespace in ["a", "ab", "a/b", "a/", "a%2Fb", "a%"] {
        assert_eq!(
            refusal(&node, config, &pod(namespace, "1")),
            None,
            "{namespace}"
        );
    }
    for namespace in ["a", "ab", "a/b", "a/", "a%2Fb", "a%"] {
        let reason = refusal(&node, config, &pod(namespace, "2")).unwrap();
        assert!(reason.contains("uses 1 of 1"), "{reason}");
    }
}

#[test]
fn a_namespace_of_its_own_limit_has_that_one() {
    let node = Node::new();
    let config = r#"{"maxAttachments": 1, "namespaces": {"big": 2, "none": 0}}"#;
    assert_eq!(refusal(&node, config, &pod("big", "1")), None);
    assert_eq!(refusal(&node, config, &pod("big", "2")), None);
    let reason = refusal(&node, config, &pod("big", "3")).unwrap();
    assert!(reason.ends_with("or raise namespaces.big"), "{reason}");
    let reason = refusal(&node, config, &pod("none", "1")).unwrap();
    assert!(reason.contains("0 of 0"), "{reason}");
    assert_eq!(refusal(&node, config, &pod("other", "1")), None);
    assert!(refusal(&node, config, &pod("other", "2")).is_some());
}

#[test]
fn unlimited_namespaces_are_counted_for_the_day_that_a_limit_comes() {
    let node = Node::new();
    let before = r#"{"namespaces": {"b": 1}}"#;
    for name in ["1", "2", "3"] {
        assert_eq!(refusal(&node, before, &pod("a", name)), None);
    }
    let reason = refusal(&node, r#"{"maxAttachments": 2}"#, &pod("a", "4")).unwrap();
    assert!(reason.contains("uses 3 of 2"), "{reason}");
}

#[test]
fn without_a_namespace_the_configuration_decides_and_refuses_by_default() {
    let node = Node::new();
    let nobody = Attachment::new("pods", "4f5e", "eth0");
    for container in [nobody.clone(), nobody.of_pod(Pod::new("", "x"))] {
        let reason = refusal(&node, r#"{"maxAttachments": 1}"#, &container).unwrap();
        for part in ["container 4f5e", "network pods", "onMissingNamespace"] {
            assert!(reason.contains(part), "{reason}");
        }
        let allow = r#"{"maxAttachments": 0, "onMissingNamespace": "allow"}"#;
        assert_eq!(refusal(&node, allow, &container), None);
    }
}

#[test]
fn a_namespace_that_no_key_can_hold_is_an_error() {
    let config = r#"{"maxAttachments": 1}"#;
    let long = pod(&"n".repeat(300), "1");
    match Node::new().amend::<Quota>(config, &long, &ProposalState::new()) {
        Err(Failure::Other(text)) => assert!(text.starts_with("counting namespace"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_configurations_are_refused_with_key_and_value() {
    for (config, expected) in [
        ("{}", "maxAttachments: no limit is given"),
        (r#"{"namespaces": {}}"#, "maxAttachments: no limit is given"),
        (
            r#"{"maxAttachments": -1}"#,
            "maxAttachments = -1: expected u32",
        ),
        (
            r#"{"maxAttachments": "3"}"#,
            r#"maxAttachments = "3": expected u32"#,
        ),
        (
            r#"{"namespaces": {"a": 1.5}}"#,
            "namespaces.a = (a fraction): expected u32",
        ),
        (
            r#"{"namespaces": {"": 1}}"#,
            r#"namespaces: "" is no namespace"#,
        ),
        (
            r#"{"maxAttachments": 1, "onMissingNamespace": "ignore"}"#,
            r#"onMissingNamespace = "ignore": unknown variant"#,
        ),
        (
            r#"{"maxAttachment": 1}"#,
            "maxAttachment = 1: unknown field `maxAttachment`, expected one of `maxAttachments`",
        ),
    ] {
        match Quota::configure(config) {
            Err(Failure::InvalidConfig(text)) => {
                assert!(text.starts_with(expected), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
