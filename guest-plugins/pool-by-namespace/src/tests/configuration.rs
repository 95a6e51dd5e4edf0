use wasm_cni_guest::{Failure, Ipam};

use super::config;
use crate::PoolByNamespace;

fn error(config: &str) -> String {
    match PoolByNamespace::configure(config) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

/// A configuration with these pools of 10.1.0.0/24 without its first ten addresses, and of an IPv6 range if so wished.
fn pools(pools: &str) -> String {
    format!(
        r#"{{"ranges": [[{{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "exclude": ["10.1.0.64/26"]}}]],
            "pools": {pools}}}"#
    )
}

#[test]
fn wrong_pools_are_refused_with_their_name() {
    for (wrong, expected) in [
        ("{}", "ipam.pools: no pool is given"),
        (
            r#"{"a": []}"#,
            "ipam.pools.a: has no part of range set 10.1.0.10-10.1.0.254",
        ),
        (
            r#"{"a": [{}]}"#,
            "ipam.pools.a[0]: name a subnet, or rangeStart and rangeEnd",
        ),
        (
            r#"{"a": [{"rangeStart": "10.1.0.10"}]}"#,
            "ipam.pools.a[0]: name a subnet, or rangeStart and rangeEnd",
        ),
        (
            r#"{"a": [{"subnet": "10.1.0.1/24"}]}"#,
            r#"ipam.pools.a[0].subnet = "10.1.0.1/24": has host bits set; the network is 10.1.0.0/24"#,
        ),
        (
            r#"{"a": [{"subnet": "10.1.0.128/25", "rangeEnd": "10.1.0.5"}]}"#,
            r#"ipam.pools.a[0].rangeEnd = "10.1.0.5": is not in subnet 10.1.0.128/25"#,
        ),
        (
            r#"{"a": [{"rangeStart": "10.1.0.20", "rangeEnd": "10.1.0.19"}]}"#,
            "ipam.pools.a[0]: 10.1.0.20 comes after 10.1.0.19",
        ),
        (
            r#"{"a": [{"subnet": "10.2.0.0/28"}]}"#,
            "ipam.pools.a: 10.2.0.0-10.2.0.15 is not inside one of the network's ranges: 10.1.0.10-10.1.0.254",
        ),
        (
            r#"{"a": [{"subnet": "10.1.0.0/28"}]}"#,
            "ipam.pools.a: 10.1.0.0-10.1.0.15 is not inside one of the network's ranges",
        ),
        (
            r#"{"a": [{"subnet": "10.1.0.64/27"}]}"#,
            "ipam.pools.a: leaves no address to hand out",
        ),
        (
            r#"{"a": [{"subnet": "10.1.0.32/27"}], "b": [{"subnet": "10.1.0.48/28"}]}"#,
            "ipam.pools: 10.1.0.32-10.1.0.63 of a overlaps with 10.1.0.48-10.1.0.63 of b",
        ),
        (
            r#"{"a": [{"subnets": "10.1.0.32/27"}]}"#,
            r#"ipam.pools.a[0].subnets = "10.1.0.32/27": unknown field"#,
        ),
    ] {
        let text = error(&pools(wrong));
        assert!(text.starts_with(expected), "{wrong}: {text}");
    }
}

#[test]
fn a_pool_may_end_where_its_range_does() {
    for part in [
        r#"{"subnet": "10.1.0.128/25"}"#,
        r#"{"rangeStart": "10.1.0.200", "rangeEnd": "10.1.0.255"}"#,
        r#"{"rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.10"}"#,
    ] {
        let config = pools(&format!(r#"{{"a": [{part}]}}"#));
        assert!(PoolByNamespace::configure(&config).is_ok(), "{part}");
    }
}

#[test]
fn every_range_set_needs_a_part() {
    let text = error(
        r#"{"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]],
            "pools": {"a": [{"subnet": "10.1.0.0/24"}]}}"#,
    );
    let expected = "ipam.pools.a: has no part of range set fd00::1-fd00::ffff:ffff:ffff:ffff";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn pools_that_do_not_exist_and_contradictions_are_refused() {
    for (keys, expected) in [
        (
            r#", "default": "tin""#,
            r#"ipam.default = "tin": there is no such pool; there are common, gold, silver"#,
        ),
        (
            r#", "sticky": "deployment""#,
            r#"ipam.sticky = "deployment": unknown variant"#,
        ),
        (
            r#", "namespace": {}"#,
            "ipam.namespace: unknown field `namespace`, expected one of `pools`, `namespaces`",
        ),
        (r#", "routes": [{}]"#, "ipam.routes[0]: missing field `dst`"),
        (
            r#", "subnet": "10.1.0.0/16""#,
            "ipam.ranges[0]: range 10.1.0.1-10.1.0.254 overlaps with",
        ),
    ] {
        let text = error(&config(keys));
        assert!(text.starts_with(expected), "{keys}: {text}");
    }
    let text = error(&config("").replace(r#": "gold""#, r#": "tin""#));
    assert!(
        text.starts_with(r#"ipam.namespaces.team-a = "tin": there is no such pool"#),
        "{text}"
    );
    let text = error(
        &config(r#", "default": "gold""#).replace(r#""team-a""#, r#""*": "silver", "team-a""#),
    );
    assert!(
        text.starts_with(r#"ipam.default = "gold": but ipam.namespaces.* = "silver""#),
        "{text}"
    );
}

#[test]
fn size_is_bounded() {
    let many: Vec<String> = (0..257).map(|index| format!(r#""p{index}": []"#)).collect();
    let text = error(&pools(&format!("{{{}}}", many.join(","))));
    assert_eq!(text, "ipam.pools: 257 pools; at most 256 are possible");
    let parts = vec![r#"{"subnet": "10.1.0.16/28"}"#; 1025].join(",");
    let text = error(&pools(&format!(r#"{{"a": [{parts}]}}"#)));
    assert_eq!(text, "ipam.pools: 1025 parts; at most 1024 are possible");
}
