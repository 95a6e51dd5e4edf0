use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure};

use crate::Vrf;

fn amend(config: &str) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "eth0");
    Node::new().amend::<Vrf>(config, &pod, &ProposalState::bridged())
}

fn joined(name: &str, table: Option<u32>) -> Vec<Change> {
    vec![Change::JoinVrf {
        name: name.to_owned(),
        table,
    }]
}

#[test]
fn the_interface_joins_the_vrf_that_is_named() {
    for (keys, table) in [
        (r#""vrfname": "red""#, None),
        (r#""vrfname": "red", "table": 0"#, None),
        (r#""vrfname": "red", "table": 10"#, Some(10)),
    ] {
        let config = format!(r#"{{"type": "vrf", "name": "pods", {keys}}}"#);
        assert_eq!(amend(&config), Ok(joined("red", table)), "{keys}");
    }
}

#[test]
fn a_configuration_that_names_none_is_refused() {
    for (config, beginning) in [
        ("{}", "vrfname: is missing"),
        (r#"{"vrfname": ""}"#, "vrfname: is missing"),
        (r#"{"vrfname": 1}"#, "vrfname = 1: "),
        (
            r#"{"vrfname": "of-sixteen-bytes"}"#,
            "vrfname = \"of-sixteen-bytes\": is no name",
        ),
        (r#"{"vrfname": "a/b"}"#, "vrfname = \"a/b\": is no name"),
        (
            r#"{"vrfname": "red", "table": 254}"#,
            "table = 254: is no table of its own",
        ),
        (r#"{"vrfname": "red", "table": -1}"#, "table = -1: "),
        (
            r#"{"vrfname": "red", "tabel": 1}"#,
            "tabel = 1: unknown field",
        ),
    ] {
        match amend(config) {
            Err(Failure::InvalidConfig(text)) => assert!(text.starts_with(beginning), "{text}"),
            other => panic!("{config}: {other:?}"),
        }
    }
}
