use proptest::prelude::*;
use wasm_cni_guest::testing::Node;

use super::{amend, amend_as, refusal, sysctl};

#[test]
fn arguments_beat_sysctls_name_by_name_however_they_are_written() {
    let config = r#"{"sysctl": {"net.core.somaxconn": "1", "net.ipv4.ip_forward": "0"},
        "args": {"cni": {"sysctl": {"net/core/somaxconn": "2", "net.ipv4.ip_default_ttl": "9"}}}}"#;
    assert_eq!(
        amend(config).unwrap(),
        [
            sysctl("net.core.somaxconn", "2"),
            sysctl("net.ipv4.ip_forward", "0"),
            sysctl("net.ipv4.ip_default_ttl", "9"),
        ]
    );
    let alone = r#"{"args": {"cni": {"sysctl": {"net.core.somaxconn": "2"}}}}"#;
    assert_eq!(amend(alone).unwrap(), [sysctl("net.core.somaxconn", "2")]);
}

#[test]
fn the_placeholder_is_the_interfaces_name_with_dots_in_it_too() {
    for (name, interface, expected) in [
        (
            "net.ipv4.conf.IFNAME.rp_filter",
            "net1",
            "net.ipv4.conf.net1.rp_filter",
        ),
        (
            "net/ipv4/conf/IFNAME/rp_filter",
            "net1",
            "net.ipv4.conf.net1.rp_filter",
        ),
        (
            "net.ipv4.conf.IFNAME.rp_filter",
            "eth0.5",
            "net.ipv4.conf.eth0/5.rp_filter",
        ),
        (
            "net/ipv4/conf/IFNAME/rp_filter",
            "eth0.5",
            "net.ipv4.conf.eth0/5.rp_filter",
        ),
        (
            "net/ipv4/conf/eth0.5/rp_filter",
            "x",
            "net.ipv4.conf.eth0/5.rp_filter",
        ),
        (
            "net.ipv4.conf.eth0/5.rp_filter",
            "x",
            "net.ipv4.conf.eth0/5.rp_filter",
        ),
        (
            "net.ipv4.conf.IFNAME/5.rp_filter",
            "net1",
            "net.ipv4.conf.net1/5.rp_filter",
        ),
    ] {
        let config = format!(r#"{{"sysctl": {{"{name}": "1"}}}}"#);
        let changes = amend_as(&Node::new(), &config, interface).unwrap();
        assert_eq!(changes, [sysctl(expected, "1")], "{name}");
    }
}

#[test]
fn numbers_and_tabs_are_values() {
    let config = r#"{"sysctl": {"net.ipv4.a": -1, "net.ipv4.b": 18446744073709551615, "net.ipv4.c": "4096\t87380 6"}}"#;
    assert_eq!(
        amend(config).unwrap(),
        [
            sysctl("net.ipv4.a", "-1"),
            sysctl("net.ipv4.b", "18446744073709551615"),
            sysctl("net.ipv4.c", "4096\t87380 6"),
        ]
    );
}

#[test]
fn wrong_sysctls_are_refused_with_their_name() {
    for (sysctls, start) in [
        (
            r#"{"kernel.shmmax": "1"}"#,
            "sysctl: the name \"kernel.shmmax\" does not begin with net.",
        ),
        (
            r#"{"network.x": "1"}"#,
            "sysctl: the name \"network.x\" does not begin",
        ),
        (r#"{"": "1"}"#, "sysctl: the name \"\" does not begin"),
        (r#"{"net": "1"}"#, "sysctl: the name \"net\" is no name"),
        (r#"{"net.": "1"}"#, "sysctl: the name \"net.\" is no name"),
        (
            r#"{"net..ipv4": "1"}"#,
            "sysctl: the name \"net..ipv4\" is no name",
        ),
        (
            r#"{"net/../kernel/x": "1"}"#,
            "sysctl: the name \"net/../kernel/x\" is no name",
        ),
        (
            r#"{"net.//.x": "1"}"#,
            "sysctl: the name \"net.//.x\" is no name",
        ),
        (
            r#"{"net.ipv4.a b": "1"}"#,
            "sysctl: the name \"net.ipv4.a b\" is no name",
        ),
        (
            r#"{"net.ipv4.a": "1", "net/ipv4/a": "2"}"#,
            "sysctl: \"net/ipv4/a\" is there twice",
        ),
        (
            r#"{"net.ipv4.a": "1", "net.ipv4.a": "1"}"#,
            "sysctl: \"net.ipv4.a\" is there twice",
        ),
        (
            r#"{"net.ipv4.a": true}"#,
            "sysctl.net.ipv4.a = true: expected a text or a whole number",
        ),
        (
            r#"{"net.ipv4.a": 1.5}"#,
            "sysctl.net.ipv4.a = (a fraction): expected a text or a whole number",
        ),
        (
            r#"{"net.ipv4.a": ""}"#,
            "sysctl.net.ipv4.a = \"\": is no value",
        ),
        (
            r#"{"net.ipv4.a": "1\n2"}"#,
            "sysctl.net.ipv4.a = \"1\n2\": is no value",
        ),
        (r#"["net.ipv4.a"]"#, "sysctl: expected an object of sysctls"),
    ] {
        let text = refusal(&format!(r#"{{"sysctl": {sysctls}}}"#));
        assert!(text.starts_with(start), "{text}");
        let text = refusal(&format!(
            r#"{{"args": {{"cni": {{"sysctl": {sysctls}}}}}}}"#
        ));
        assert!(text.starts_with(&format!("args.cni.{start}")), "{text}");
    }
}

proptest! {
    /// A name with any parts is the same in both spellings, and its dotted spelling is read as itself.
    #[test]
    fn both_spellings_name_one_sysctl(parts in proptest::collection::vec("[a-z0-9_.-]{1,8}", 1..5)) {
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|part| part != "." && part != "..")
            .collect();
        prop_assume!(!parts.is_empty());
        let slashed = format!("net/{}", parts.join("/"));
        let swapped: Vec<String> = parts.iter().map(|part| part.replace('.', "/")).collect();
        let dotted = format!("net.{}", swapped.join("."));
        for name in [&slashed, &dotted] {
            let config = format!(r#"{{"sysctl": {{"{name}": "1"}}}}"#);
            prop_assert_eq!(amend(&config), Ok(vec![sysctl(&dotted, "1")]));
        }
        let text = refusal(&format!(r#"{{"sysctl": {{"{slashed}": "1", "{dotted}": "1"}}}}"#));
        prop_assert!(text.contains("is there twice"), "{}", text);
    }
}
