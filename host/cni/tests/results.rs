//! Results in every version, both ways.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

use cni::convert::{ResultError, read, read_output, write};
use cni::delegate::{DelegateError, read_answer};
use cni::error::ErrorObject;
use cni::result::CniResult;
use cni::verb::Verb;
use cni::version::SpecVersion;
use serde_json::Value;

const DUAL_STACK: [(SpecVersion, &str); 7] = [
    (
        SpecVersion::V0_1_0,
        include_str!("fixtures/results/dual-stack/0.1.0.json"),
    ),
    (
        SpecVersion::V0_2_0,
        include_str!("fixtures/results/dual-stack/0.2.0.json"),
    ),
    (
        SpecVersion::V0_3_0,
        include_str!("fixtures/results/dual-stack/0.3.0.json"),
    ),
    (
        SpecVersion::V0_3_1,
        include_str!("fixtures/results/dual-stack/0.3.1.json"),
    ),
    (
        SpecVersion::V0_4_0,
        include_str!("fixtures/results/dual-stack/0.4.0.json"),
    ),
    (
        SpecVersion::V1_0_0,
        include_str!("fixtures/results/dual-stack/1.0.0.json"),
    ),
    (
        SpecVersion::V1_1_0,
        include_str!("fixtures/results/dual-stack/1.1.0.json"),
    ),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn full() -> CniResult {
    read(&json(DUAL_STACK[6].1), SpecVersion::V1_1_0).unwrap()
}

#[test]
fn a_route_of_another_table_is_told_only_where_its_table_can_be() {
    let text = r#"{"ips": [{"address": "10.1.0.2/16"}], "routes": [
        {"dst": "10.2.0.0/16", "table": 254}, {"dst": "10.3.0.0/16", "table": 100}
    ]}"#;
    let result = read(&json(text), SpecVersion::V1_1_0).unwrap();
    for (version, pointer, expected) in [
        (SpecVersion::V1_1_0, "/routes", 2),
        (SpecVersion::V1_0_0, "/routes", 1),
        (SpecVersion::V0_3_1, "/routes", 1),
        (SpecVersion::V0_2_0, "/ip4/routes", 1),
    ] {
        let written = write(&result, version).unwrap();
        let routes = written.pointer(pointer).unwrap().as_array().unwrap();
        assert_eq!(routes.len(), expected, "{written}");
        assert_eq!(routes[0]["dst"], "10.2.0.0/16");
    }
}

#[test]
fn the_full_result_is_written_in_every_version() {
    for (version, text) in DUAL_STACK {
        assert_eq!(write(&full(), version).unwrap(), json(text), "{version}");
    }
}

#[test]
fn every_version_is_read_and_written_back_unchanged() {
    for (version, text) in DUAL_STACK {
        let result = read(&json(text), version).unwrap();
        assert_eq!(write(&result, version).unwrap(), json(text), "{version}");
    }
}

#[test]
fn every_older_version_is_read_into_the_latest_form() {
    let ip4_ip6 = json(include_str!(
        "fixtures/results/dual-stack/upgraded-from-ip4-ip6.json"
    ));
    let lists = json(include_str!(
        "fixtures/results/dual-stack/upgraded-from-lists.json"
    ));
    for (version, text) in DUAL_STACK
        .into_iter()
        .filter(|(v, _)| *v < SpecVersion::V1_1_0)
    {
        let result = read(&json(text), version).unwrap();
        let upgraded = write(&result, SpecVersion::V1_1_0).unwrap();
        let expected = if version < SpecVersion::V0_3_0 {
            &ip4_ip6
        } else {
            &lists
        };
        assert_eq!(&upgraded, expected, "{version}");
    }
}

#[test]
fn other_plugins_results_are_read_as_they_come() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/results/foreign.json")).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let version = case["readAs"].as_str().unwrap().parse().unwrap();
        let result = read_output(case["printed"].to_string().as_bytes(), version).unwrap();
        let latest = write(&result, SpecVersion::V1_1_0).unwrap();
        assert_eq!(latest, case["latest"], "{}", case["name"]);
    }
}

#[test]
fn an_invalid_result_is_refused_with_a_reason() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/results/invalid.json")).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let version = case["readAs"].as_str().unwrap().parse().unwrap();
        let error = read_output(case["printed"].to_string().as_bytes(), version).unwrap_err();
        let part = case["message"].as_str().unwrap();
        assert!(
            error.to_string().contains(part),
            "{}: {error}",
            case["printed"]
        );
    }
}

#[test]
fn a_result_without_addresses_has_no_form_before_0_3_0() {
    let nothing = CniResult::default();
    for version in [SpecVersion::V0_1_0, SpecVersion::V0_2_0] {
        assert!(matches!(
            write(&nothing, version),
            Err(ResultError::NoAddress { .. })
        ));
    }
    let written = write(&nothing, SpecVersion::V0_4_0).unwrap();
    assert_eq!(written, json(r#"{"cniVersion":"0.4.0","dns":{}}"#));
    let written = write(&nothing, SpecVersion::V1_0_0).unwrap();
    assert_eq!(written, json(r#"{"cniVersion":"1.0.0"}"#));
}

#[test]
fn routes_of_a_family_without_address_are_left_out_before_0_3_0() {
    let mut result = full();
    result.ips.retain(|ip| ip.address.addr().is_ipv6());
    let written = write(&result, SpecVersion::V0_2_0).unwrap();
    assert_eq!(written.get("ip4"), None);
    assert_eq!(written["ip6"]["routes"], json(r#"[{"dst":"::/0"}]"#));
}

#[test]
fn error_objects_are_read_and_written_back_unchanged() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/errors/objects.json")).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let printed = case["printed"].to_string();
        let answer = read_answer(Verb::Add, false, printed.as_bytes(), SpecVersion::LATEST);
        let object: ErrorObject = match answer {
            Err(DelegateError::Reported(object)) => object,
            other => unreachable!("{}: {other:?}", case["name"]),
        };
        assert_eq!(
            u64::from(object.code.number()),
            case["code"].as_u64().unwrap()
        );
        assert_eq!(object.message, case["message"].as_str().unwrap());
        assert_eq!(serde_json::to_value(&object).unwrap(), case["printed"]);
    }
}
