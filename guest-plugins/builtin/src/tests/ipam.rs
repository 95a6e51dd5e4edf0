use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{Attachment, Ipam};

use super::refused;
use crate::{BuiltinIpam, IPAM_PLUGINS};

/// A configuration of each plugin, but for the key that names it, and the address that it gives.
const EACH: [(&str, &str, &str); 3] = [
    ("host-local", r#""subnet": "10.0.0.0/24""#, "10.0.0.2/24"),
    (
        "static",
        r#""addresses": [{"address": "10.1.0.9/16"}]"#,
        "10.1.0.9/16",
    ),
    (
        "pool-by-namespace",
        r#""subnet": "10.0.0.0/24", "pools": {"a": [{"subnet": "10.0.0.64/26"}]}, "default": "a""#,
        "10.0.0.64/24",
    ),
];

#[test]
fn the_plugin_key_chooses_and_without_it_the_type() {
    let attachment = Attachment::new("pods", "a", "eth0");
    for (name, keys, expected) in EACH {
        for naming in [
            format!(r#""type": "wasm-cni", "plugin": "{name}""#),
            format!(r#""type": "{name}""#),
            format!(r#""type": "something", "plugin": "{name}""#),
        ] {
            let config = format!("{{{naming}, {keys}}}");
            let node = Node::new();
            let answer = node.add::<BuiltinIpam>(&config, &attachment, None).unwrap();
            assert_eq!(
                answer.addresses[0].address.to_string(),
                expected,
                "{config}"
            );
            assert_eq!(
                node.check::<BuiltinIpam>(&config, &attachment, &answer),
                Ok(())
            );
            assert_eq!(node.status::<BuiltinIpam>(&config, "pods"), Ok(()));
            assert_eq!(node.del::<BuiltinIpam>(&config, &attachment), Ok(()));
            assert!(
                node.check::<BuiltinIpam>(&config, &attachment, &answer)
                    .is_err()
            );
        }
    }
}

#[test]
fn the_list_names_all_of_them() {
    assert_eq!(IPAM_PLUGINS, EACH.map(|(name, _, _)| name));
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    for (config, key) in [
        (r#"{"plugin": "hostlocal"}"#, r#"ipam.plugin = "hostlocal""#),
        (r#"{"type": "wasm-cni"}"#, r#"ipam.type = "wasm-cni""#),
        ("{}", r#"ipam.type = """#),
    ] {
        assert_eq!(
            refused(BuiltinIpam::configure(config)),
            format!(
                "{key}: no built-in IPAM plugin has this name; there are host-local, static, pool-by-namespace"
            )
        );
    }
    let text = refused(BuiltinIpam::configure(r#"{"plugin": "quota"}"#));
    assert!(
        text.contains("(quota is a stage of a chain, beside ipam)"),
        "{text}"
    );
    refused(BuiltinIpam::configure("no JSON"));
    refused(BuiltinIpam::configure(r#"{"plugin": 5}"#));
}
