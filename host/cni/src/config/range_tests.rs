use super::*;
use serde_json::json;

fn range(value: serde_json::Value) -> RangeConfig {
    serde_json::from_value(value).unwrap()
}

#[test]
fn defaults_are_those_of_host_local() {
    let resolved = range(json!({"subnet": "10.1.0.0/16"})).resolve().unwrap();
    assert_eq!(resolved.start.to_string(), "10.1.0.1");
    assert_eq!(resolved.end.to_string(), "10.1.255.254");
    assert_eq!(resolved.gateway.to_string(), "10.1.0.1");
    let resolved = range(json!({"subnet": "fd00::/64", "gateway": ""}))
        .resolve()
        .unwrap();
    assert_eq!(resolved.start.to_string(), "fd00::1");
    assert_eq!(resolved.end.to_string(), "fd00::ffff:ffff:ffff:ffff");
}

#[test]
fn the_gateway_is_never_given_out() {
    let resolved = range(json!({"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}))
        .resolve()
        .unwrap();
    assert!(!resolved.contains(resolved.gateway));
    assert!(resolved.contains("10.1.0.1".parse().unwrap()));
    assert!(!resolved.contains("10.1.0.255".parse().unwrap()));
}

#[test]
fn each_rule_has_its_own_error() {
    let error = |value| range(value).resolve().unwrap_err();
    let outside = error(json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.1.1"}));
    assert!(matches!(
        outside,
        RangeError::Outside {
            key: "rangeStart",
            ..
        }
    ));
    let other_family = error(json!({"subnet": "10.0.0.0/24", "rangeEnd": "fd00::1"}));
    assert!(matches!(
        other_family,
        RangeError::Outside {
            key: "rangeEnd",
            ..
        }
    ));
    let gateway = error(json!({"subnet": "10.0.0.0/24", "gateway": "fd00::1"}));
    assert!(matches!(gateway, RangeError::GatewayFamily { .. }));
    let broadcast = error(json!({"subnet": "10.0.0.0/24", "rangeEnd": "10.0.0.255"}));
    assert!(matches!(broadcast, RangeError::Broadcast { .. }));
    let reversed =
        error(json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.9", "rangeEnd": "10.0.0.8"}));
    assert!(matches!(reversed, RangeError::Reversed { .. }));
    let host_bits = error(json!({"subnet": "10.0.0.1/24"}));
    assert!(host_bits.to_string().contains("10.0.0.0/24"));
    for small in ["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128"] {
        assert!(
            matches!(error(json!({"subnet": small})), RangeError::TooSmall { .. }),
            "{small}"
        );
    }
    for smallest in ["10.0.0.0/30", "fd00::/126", "0.0.0.0/0", "::/0"] {
        assert!(
            range(json!({"subnet": smallest})).resolve().is_ok(),
            "{smallest}"
        );
    }
}

#[test]
fn overlaps_are_found_inside_and_between_sets() {
    let a = range(json!({"subnet": "10.0.0.0/24"}));
    let b = range(json!({"subnet": "10.0.0.0/16", "rangeStart": "10.0.0.200"}));
    let c = range(json!({"subnet": "10.0.1.0/24"}));
    assert!(matches!(
        resolve_sets(&[vec![a.clone(), b.clone()]]),
        Err(RangeError::Overlap { .. })
    ));
    assert!(matches!(
        resolve_sets(&[vec![a.clone()], vec![c.clone()], vec![b]]),
        Err(RangeError::Overlap { .. })
    ));
    assert_eq!(resolve_sets(&[vec![a], vec![c]]).unwrap().len(), 2);
}

#[test]
fn a_set_is_of_one_family_and_not_empty() {
    let v4 = range(json!({"subnet": "10.0.0.0/24"}));
    let v6 = range(json!({"subnet": "fd00::/64"}));
    assert_eq!(
        resolve_sets(&[vec![v4.clone(), v6.clone()]]),
        Err(RangeError::MixedFamilies)
    );
    assert_eq!(resolve_sets(&[vec![]]), Err(RangeError::EmptySet));
    assert_eq!(resolve_sets(&[vec![v4], vec![v6]]).unwrap().len(), 2);
}
