use wasm_cni_guest::testing::{Change, Node};
use wasm_cni_guest::{Level, SourceNat, Transport};

use super::{amend, dual, mapping, one_port, refusal};

fn forwarding(source_nat: SourceNat, mark_bit: u8) -> Change {
    Change::ForwardPorts {
        mappings: vec![mapping(Transport::Tcp, None, 8080, 80)],
        source_nat,
        mark_bit,
        conditions: vec![],
    }
}

#[test]
fn source_nat_and_mark_are_as_configured() {
    for (keys, expected) in [
        ("", forwarding(SourceNat::Local, 13)),
        (
            r#""snat": null, "markMasqBit": null,"#,
            forwarding(SourceNat::Local, 13),
        ),
        (r#""snat": true,"#, forwarding(SourceNat::Local, 13)),
        (r#""snat": false,"#, forwarding(SourceNat::Never, 13)),
        (r#""masqAll": true,"#, forwarding(SourceNat::Always, 13)),
        (
            r#""snat": false, "masqAll": true,"#,
            forwarding(SourceNat::Never, 13),
        ),
        (r#""markMasqBit": 0,"#, forwarding(SourceNat::Local, 0)),
        (r#""markMasqBit": 31,"#, forwarding(SourceNat::Local, 31)),
    ] {
        let node = Node::new();
        assert_eq!(
            amend(&node, &one_port(keys), &dual()),
            Ok(vec![expected]),
            "{keys}"
        );
        assert_eq!(node.log(), []);
    }
}

#[test]
fn either_backend_is_accepted_and_told() {
    for backend in ["iptables", "nftables"] {
        let node = Node::new();
        let keys = format!(r#""backend": "{backend}","#);
        let changes = amend(&node, &one_port(&keys), &dual());
        assert_eq!(changes, Ok(vec![forwarding(SourceNat::Local, 13)]));
        let log = node.log();
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].0, Level::Debug);
        assert!(log[0].1.starts_with(&format!("backend = \"{backend}\": ")));
    }
}

#[test]
fn wrong_settings_are_refused_with_key_and_value() {
    for (keys, start) in [
        (
            r#""backend": "pf","#,
            "backend = \"pf\": is unknown; there are iptables and nftables",
        ),
        (r#""markMasqBit": 32,"#, "markMasqBit = 32: is no bit"),
        (r#""markMasqBit": -1,"#, "markMasqBit = -1: is no bit"),
        (
            r#""externalSetMarkChain": "KUBE-MARK-MASQ","#,
            "externalSetMarkChain = \"KUBE-MARK-MASQ\": names an iptables chain",
        ),
        (r#""snat": "no","#, "snat = \"no\": "),
        (
            r#""conditions": [],"#,
            "conditions: unknown field `conditions`",
        ),
    ] {
        let text = refusal(&one_port(keys));
        assert!(text.starts_with(start), "{text}");
    }
}
