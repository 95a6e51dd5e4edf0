use proptest::prelude::*;
use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, BandwidthLimit, Failure, FlowDirection, Level};

use crate::Bandwidth;

fn amend(node: &Node, config: &str) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "eth0");
    node.amend::<Bandwidth>(config, &pod, &ProposalState::bridged())
}

fn refusal(config: &str) -> String {
    match amend(&Node::new(), config) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

fn limit(direction: FlowDirection, rate: u64, burst: u64) -> Change {
    Change::LimitBandwidth(BandwidthLimit {
        direction,
        rate,
        burst,
    })
}

#[test]
fn each_direction_has_its_limit() {
    let config = r#"{"name": "pods", "type": "bandwidth", "ingressRate": 1000000, "ingressBurst": 200000,
        "egressRate": 3000000, "egressBurst": 400000}"#;
    assert_eq!(
        amend(&Node::new(), config).unwrap(),
        [
            limit(FlowDirection::Ingress, 1_000_000, 200_000),
            limit(FlowDirection::Egress, 3_000_000, 400_000),
        ]
    );
    let one =
        r#"{"egressRate": 3000000, "egressBurst": 400000, "ingressRate": 0, "ingressBurst": 0}"#;
    assert_eq!(
        amend(&Node::new(), one).unwrap(),
        [limit(FlowDirection::Egress, 3_000_000, 400_000)]
    );
}

#[test]
fn nothing_is_limited_unless_asked_for() {
    for config in [
        "{}",
        r#"{"ingressRate": 0}"#,
        r#"{"runtimeConfig": {"bandwidth": null}}"#,
        r#"{"runtimeConfig": {"bandwidth": {"ingressRate": 0, "ingressBurst": 0}}}"#,
        r#"{"shapedSubnets": [], "unshapedSubnets": null}"#,
    ] {
        assert_eq!(amend(&Node::new(), config), Ok(vec![]), "{config}");
    }
}

#[test]
fn any_key_of_the_configuration_beats_all_of_the_runtimes() {
    let passed =
        r#""runtimeConfig": {"bandwidth": {"ingressRate": 7000000, "ingressBurst": 800000}}"#;
    assert_eq!(
        amend(&Node::new(), &format!("{{{passed}}}")).unwrap(),
        [limit(FlowDirection::Ingress, 7_000_000, 800_000)]
    );
    let own = format!(r#"{{"egressRate": 1000000, "egressBurst": 200000, {passed}}}"#);
    assert_eq!(
        amend(&Node::new(), &own).unwrap(),
        [limit(FlowDirection::Egress, 1_000_000, 200_000)]
    );
    let none = format!(r#"{{"egressRate": 0, {passed}}}"#);
    assert_eq!(amend(&Node::new(), &none), Ok(vec![]));
}

#[test]
fn containerd_writes_the_keys_with_capitals() {
    let config = r#"{"runtimeConfig": {"bandwidth": {"IngressRate": 0, "IngressBurst": 0, "EgressRate": 1000000,
        "EgressBurst": 4294967295}}}"#;
    assert_eq!(
        amend(&Node::new(), config).unwrap(),
        [limit(FlowDirection::Egress, 1_000_000, 4_294_967_295)]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_key_and_value() {
    for (config, start) in [
        (
            r#"{"ingressRate": 8000}"#,
            "ingressRate = 8000: needs ingressBurst",
        ),
        (
            r#"{"egressBurst": 8000}"#,
            "egressBurst = 8000: has no effect without egressRate",
        ),
        (
            r#"{"egressRate": 7, "egressBurst": 8000}"#,
            "egressRate = 7: is less than a byte",
        ),
        (
            r#"{"egressRate": 8000, "egressBurst": 7}"#,
            "egressBurst = 7: is less than a byte",
        ),
        (
            r#"{"ingressRate": 8000, "ingressBurst": 34359738360}"#,
            "ingressBurst = 34359738360: is 4 GiB or more",
        ),
        (r#"{"ingressRate": -1}"#, "ingressRate = -1: "),
        (r#"{"ingressRate": "1M"}"#, "ingressRate = \"1M\": "),
        (
            r#"{"runtimeConfig": {"bandwidth": {"ingressRate": 8000}}}"#,
            "runtimeConfig.bandwidth.ingressRate = 8000: needs runtimeConfig.bandwidth.ingressBurst",
        ),
        (
            r#"{"shapedSubnets": ["10.0.0.0/8"]}"#,
            "shapedSubnets = \"10.0.0.0/8\": rates are for all",
        ),
        (
            r#"{"unshapedSubnets": ["10.0.0.0/8", "fd00::/8"]}"#,
            "unshapedSubnets = \"10.0.0.0/8, fd00::/8\": rates are for all",
        ),
        (
            r#"{"ingresRate": 8000}"#,
            "ingresRate = 8000: unknown field",
        ),
    ] {
        let text = refusal(config);
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn a_burst_that_holds_no_packet_is_limited_and_warned_of() {
    let config = r#"{"ingressRate": 8000, "ingressBurst": 12111}"#;
    let node = Node::new();
    assert_eq!(
        amend(&node, config).unwrap(),
        [limit(FlowDirection::Ingress, 8000, 12_111)]
    );
    let log = node.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0, Level::Warning);
    assert!(
        log[0].1.starts_with("ingressBurst = 12111: "),
        "{}",
        log[0].1
    );
    // 1500 bytes and a header.
    let enough = Node::new();
    amend(&enough, r#"{"ingressRate": 8000, "ingressBurst": 12112}"#).unwrap();
    assert_eq!(enough.log(), []);
    let pod = Attachment::new("pods", "a", "eth0");
    let jumbo = ProposalState::bridged().with_mtu(9000);
    enough
        .amend::<Bandwidth>(
            r#"{"ingressRate": 8000, "ingressBurst": 12112}"#,
            &pod,
            &jumbo,
        )
        .unwrap();
    assert_eq!(enough.log().len(), 1);
}

proptest! {
    /// What comes out is what the contract allows, and what the contract allows comes out.
    #[test]
    fn every_pair_is_either_within_the_contract_or_refused(
        rate in prop_oneof![Just(0), 0..20u64, any::<u64>()],
        burst in prop_oneof![Just(0), 0..20u64, 34_359_738_300..34_359_738_400u64, any::<u64>()],
    ) {
        let config = format!(r#"{{"ingressRate": {rate}, "ingressBurst": {burst}}}"#);
        let possible = rate >= 8 && burst >= 8 && burst / 8 < u64::from(u32::MAX);
        match amend(&Node::new(), &config) {
            Ok(changes) if changes.is_empty() => prop_assert_eq!((rate, burst), (0, 0)),
            Ok(changes) => {
                prop_assert!(possible);
                prop_assert_eq!(changes, [limit(FlowDirection::Ingress, rate, burst)]);
            }
            Err(Failure::InvalidConfig(_)) => prop_assert!(!possible && (rate, burst) != (0, 0)),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
