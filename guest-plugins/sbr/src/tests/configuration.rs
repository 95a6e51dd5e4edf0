use wasm_cni_guest::testing::{Node, ProposalState};
use wasm_cni_guest::{Failure, IpFamily, Level, RoutingRule};

use super::{Addressed, amend, lines, on_bridge};

fn addressed() -> ProposalState {
    on_bridge().address("10.1.0.2/24", Some("10.1.0.1"))
}

#[test]
fn a_table_of_the_operators_gets_rules_and_nothing_else() {
    let proposal = addressed()
        .address("fd00::2/64", None)
        .route("0.0.0.0/0", Some("10.1.0.1"));
    assert_eq!(
        lines(r#"{"table": 5000}"#, &proposal),
        [
            "rule from 10.1.0.2/32 lookup 5000",
            "rule from fd00::2/128 lookup 5000",
        ]
    );
    let node = Node::new();
    amend(
        &node,
        r#"{"table": 7, "gateways": ["10.1.0.9"]}"#,
        &proposal,
    )
    .unwrap();
    assert_eq!(node.log().len(), 1);
    assert_eq!(node.log()[0].0, Level::Warning);
    assert!(node.log()[0].1.contains("10.1.0.9 has no effect"));
}

#[test]
fn source_hints_make_no_difference() {
    let plain = lines("{}", &addressed());
    for config in [
        r#"{"addSourceHints": true}"#,
        r#"{"addSourceHints": false}"#,
        r#"{"table": null, "gateways": null, "addSourceHints": null}"#,
        r#"{"gateways": []}"#,
    ] {
        assert_eq!(lines(config, &addressed()), plain, "{config}");
    }
}

#[test]
fn a_rule_is_for_one_address_of_its_family() {
    use wasm_cni_guest::testing::Change;
    let proposal = on_bridge().address("fd00::2/64", None);
    let changes = amend(&Node::new(), r#"{"table": 252}"#, &proposal).unwrap();
    assert_eq!(
        changes,
        [Change::AddRule(RoutingRule {
            family: IpFamily::Ipv6,
            priority: None,
            source: Some("fd00::2/128".parse().unwrap()),
            destination: None,
            table: 252,
        })]
    );
}

#[test]
fn wrong_settings_are_refused_with_key_and_value() {
    for (config, start) in [
        (r#"{"table": 0}"#, "table = 0: is no table"),
        (r#"{"table": 254}"#, "table = 254: is no table"),
        (r#"{"table": -1}"#, "table = -1: is no table"),
        (
            r#"{"table": 4294967296}"#,
            "table = 4294967296: is no table",
        ),
        (r#"{"table": "main"}"#, "table = \"main\": "),
        (
            r#"{"gateways": ["10.1.0"]}"#,
            "gateways[0] = \"10.1.0\": is neither",
        ),
        (
            r#"{"gateways": ["fd00::1", "0.0.0.0"]}"#,
            "gateways[1] = \"0.0.0.0\": can't be a gateway",
        ),
        (
            r#"{"gateways": ["224.0.0.1"]}"#,
            "gateways[0] = \"224.0.0.1\": can't be a gateway",
        ),
        (
            r#"{"gateways": ["10.1.0.1", "fd00::1", "10.1.0.9"]}"#,
            "gateways[2] = \"10.1.0.9\": 10.1.0.1 is of the same family",
        ),
        (
            r#"{"gateway": "10.1.0.1"}"#,
            "gateway = \"10.1.0.1\": unknown field",
        ),
    ] {
        match amend(&Node::new(), config, &addressed()) {
            Err(Failure::InvalidConfig(text)) => assert!(text.starts_with(start), "{text}"),
            other => panic!("{config}: {other:?}"),
        }
    }
}

#[test]
fn without_an_address_there_is_nothing_to_route() {
    for config in ["{}", r#"{"table": 100}"#] {
        match amend(&Node::new(), config, &on_bridge()) {
            Err(Failure::Denied(text)) => {
                assert!(text.starts_with("net1 has no address"), "{text}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_gateway_that_no_address_is_of_the_family_of_is_told() {
    let node = Node::new();
    amend(
        &node,
        r#"{"gateways": ["fd00::1", "10.1.0.9"]}"#,
        &addressed(),
    )
    .unwrap();
    assert_eq!(node.log().len(), 1);
    assert_eq!(node.log()[0].0, Level::Warning);
    assert!(
        node.log()[0]
            .1
            .starts_with("gateways: fd00::1 has no effect")
    );
}
