use wasm_cni_guest::{Failure, Ipam};

use crate::HostLocal;

fn error(config: &str) -> String {
    match HostLocal::configure(config) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

fn ranges(sets: &str) -> String {
    format!(r#"{{"type": "wasm-cni", "plugin": "host-local", "ranges": {sets}}}"#)
}

/// What may be handed out, set by set.
fn available(config: &str) -> Vec<Vec<String>> {
    let plugin = HostLocal::configure(config).unwrap_or_else(|error| panic!("{config}: {error}"));
    plugin
        .sets
        .iter()
        .map(|set| set.available().iter().map(ToString::to_string).collect())
        .collect()
}

#[test]
fn defaults_and_bounds_are_the_reference_plugins() {
    for (range, expected) in [
        (r#"{"subnet": "10.1.0.0/24"}"#, "10.1.0.2-10.1.0.254"),
        (r#"{"subnet": "10.1.0.0/30"}"#, "10.1.0.2"),
        (
            r#"{"subnet": "2001:db8::/64"}"#,
            "2001:db8::2-2001:db8::ffff:ffff:ffff:ffff",
        ),
        (r#"{"subnet": "2001:db8::/126"}"#, "2001:db8::2-2001:db8::3"),
        (
            r#"{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20"}"#,
            "10.1.0.10-10.1.0.20",
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.0", "rangeEnd": "10.1.0.255", "gateway": "10.1.0.254"}"#,
            "10.1.0.1-10.1.0.253",
        ),
        (
            r#"{"subnet": "10.1.0.0/29", "rangeStart": "", "rangeEnd": null, "gateway": ""}"#,
            "10.1.0.2-10.1.0.6",
        ),
        (
            r#"{"subnet": "10.1.0.0/29", "gateway": "169.254.1.1"}"#,
            "10.1.0.1-10.1.0.6",
        ),
        (r#"{"subnet": "10.0.0.0/8"}"#, "10.0.0.2-10.255.255.254"),
    ] {
        assert_eq!(
            available(&ranges(&format!("[[{range}]]"))),
            [[expected]],
            "{range}"
        );
    }
}

#[test]
fn gateways_are_left_out_of_the_middle_and_of_every_range() {
    let config = ranges(
        r#"[[{"subnet": "10.0.0.0/28", "rangeEnd": "10.0.0.6", "gateway": "10.0.0.10"},
             {"subnet": "10.0.0.0/28", "rangeStart": "10.0.0.8", "gateway": "10.0.0.3"}]]"#,
    );
    assert_eq!(
        available(&config),
        [[
            "10.0.0.1-10.0.0.2",
            "10.0.0.4-10.0.0.6",
            "10.0.0.8-10.0.0.9",
            "10.0.0.11-10.0.0.14"
        ]]
    );
}

#[test]
fn exclusions_hold_in_their_range_and_at_top_level_everywhere() {
    let config = r#"{"ranges": [
        [{"subnet": "10.0.0.0/28", "exclude": ["10.0.0.4", "10.0.0.8/30"]}],
        [{"subnet": "10.0.1.0/28"}], [{"subnet": "2001:db8::/125"}]],
        "exclude": ["10.0.0.2", "10.0.1.0/29", "2001:db8::4", "192.168.0.0/16"]}"#;
    assert_eq!(
        available(config),
        [
            vec!["10.0.0.3", "10.0.0.5-10.0.0.7", "10.0.0.12-10.0.0.14"],
            vec!["10.0.1.8-10.0.1.14"],
            vec!["2001:db8::2-2001:db8::3", "2001:db8::5-2001:db8::7"],
        ]
    );
}

#[test]
fn exclusions_may_overlap_each_other_and_reach_beyond_the_ranges() {
    let config = r#"{"ranges": [[{"subnet": "10.0.0.0/27"}, {"subnet": "10.0.0.32/27"}], [{"subnet": "2001:db8::/125"}]],
        "exclude": ["10.0.0.24/29", "10.0.0.16/28", "10.0.0.20", "10.0.0.20", "10.0.0.36", "10.0.0.8/30", "10.0.0.62",
            "::/127", "2001:db8::6/127", "10.0.0.0/30", "255.255.255.255"]}"#;
    assert_eq!(
        available(config),
        [
            vec![
                "10.0.0.4-10.0.0.7",
                "10.0.0.12-10.0.0.15",
                "10.0.0.34-10.0.0.35",
                "10.0.0.37-10.0.0.61"
            ],
            vec!["2001:db8::2-2001:db8::5"],
        ]
    );
}

#[test]
fn the_old_form_is_a_set_before_the_others() {
    let config = r#"{"subnet": "10.0.0.0/29", "rangeStart": "10.0.0.3", "rangeEnd": "10.0.0.5", "gateway": "10.0.0.4",
        "ranges": [[{"subnet": "10.0.1.0/29"}]]}"#;
    assert_eq!(
        available(config),
        [vec!["10.0.0.3", "10.0.0.5"], vec!["10.0.1.2-10.0.1.6"]]
    );
}

#[test]
fn wrong_ranges_are_refused_with_place_key_and_value() {
    for (sets, expected) in [
        ("[]", "ipam.ranges: no range is given"),
        ("[[]]", "ipam.ranges[0]: is an empty range set"),
        (r#"[[{}]]"#, "ipam.ranges[0][0]: missing field `subnet`"),
        (
            r#"[[{"subnet": "10.1.0.0/33"}]]"#,
            r#"ipam.ranges[0][0].subnet = "10.1.0.0/33": "#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/31"}]]"#,
            r#"ipam.ranges[0][0].subnet = "10.1.0.0/31": too small to allocate from; the longest prefix is /30"#,
        ),
        (
            r#"[[{"subnet": "2001:db8::/127"}]]"#,
            r#"ipam.ranges[0][0].subnet = "2001:db8::/127": too small to allocate from; the longest prefix is /126"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.5/24"}]]"#,
            r#"ipam.ranges[0][0].subnet = "10.1.0.5/24": has host bits set; the network is 10.1.0.0/24"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24", "rangeStart": "10.3.0.1"}]]"#,
            r#"ipam.ranges[1][0].rangeStart = "10.3.0.1": is not in subnet 10.2.0.0/24"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "rangeEnd": "2001:db8::1"}]]"#,
            r#"ipam.ranges[0][0].rangeEnd = "2001:db8::1": is not in subnet 10.1.0.0/24"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.8"}]]"#,
            "ipam.ranges[0][0].rangeStart 10.1.0.9 comes after rangeEnd 10.1.0.8",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "gateway": "2001:db8::1"}]]"#,
            r#"ipam.ranges[0][0].gateway = "2001:db8::1": is not of the family of subnet 10.1.0.0/24"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24"}, {"subnet": "2001:db8::/64"}]]"#,
            r#"ipam.ranges[0][1].subnet = "2001:db8::/64": is not of the family of 10.1.0.0/24"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24"}, {"subnet": "10.1.0.128/25"}]]"#,
            "ipam.ranges[0]: range 10.1.0.1-10.1.0.254 overlaps with 10.1.0.129-10.1.0.254 of ipam.ranges[0]",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.0.0.0/8"}]]"#,
            "ipam.ranges[1]: range 10.0.0.1-10.255.255.254 overlaps with 10.1.0.1-10.1.0.254 of ipam.ranges[0]",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.1.0.0/24"}]]"#,
            "ipam.ranges[0]: range 10.1.0.1-10.1.0.254 overlaps with 10.1.0.1-10.1.0.254 of ipam.ranges[1]",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.1", "rangeEnd": "10.1.0.1"}]]"#,
            "ipam.ranges[0]: gateways and exclusions leave no address",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "exclude": ["10.1.0.300"]}]]"#,
            r#"ipam.ranges[0][0].exclude[0] = "10.1.0.300": is neither an address nor a network"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "exclude": ["10.1.0.8", "10.1.0.9/28"]}]]"#,
            r#"ipam.ranges[0][0].exclude[1] = "10.1.0.9/28": has host bits set; the network is 10.1.0.0/28"#,
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "exclude": ["10.2.0.8"]}]]"#,
            "ipam.ranges[0][0].exclude 10.2.0.8 is not in subnet 10.1.0.0/24",
        ),
        (
            r#"[[{"subnet": "10.1.0.0/24", "rangeStrat": "10.1.0.8"}]]"#,
            r#"ipam.ranges[0][0].rangeStrat = "10.1.0.8": unknown field"#,
        ),
    ] {
        let text = error(&ranges(sets));
        assert!(text.starts_with(expected), "{sets}: {text}");
    }
}

#[test]
fn ranges_side_by_side_in_one_subnet_do_not_overlap() {
    let config = ranges(
        r#"[[{"subnet": "10.1.0.0/24", "rangeEnd": "10.1.0.99"}, {"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.100"}]]"#,
    );
    assert_eq!(
        available(&config),
        [["10.1.0.2-10.1.0.99", "10.1.0.100-10.1.0.254"]]
    );
}

#[test]
fn wrong_keys_beside_the_ranges_are_named() {
    for (config, expected) in [
        (
            r#"{"subnet": "10.1.0.5/24"}"#,
            r#"ipam.subnet = "10.1.0.5/24": has host bits set"#,
        ),
        (
            r#"{"gateway": "10.1.0.1", "ranges": [[{"subnet": "10.1.0.0/24"}]]}"#,
            r#"ipam.gateway = "10.1.0.1": has no effect without ipam.subnet"#,
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "exclude": ["x"]}"#,
            r#"ipam.exclude[0] = "x": is neither"#,
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "gw": "x"}]}"#,
            "ipam.routes[0].gw",
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "rangs": []}"#,
            "ipam.rangs: unknown field `rangs`, expected",
        ),
    ] {
        let text = error(config);
        assert!(text.starts_with(expected), "{config}: {text}");
    }
}

#[test]
fn size_is_bounded() {
    let set = |index: usize| format!(r#"[{{"subnet": "10.0.{index}.0/24"}}]"#);
    let sets: Vec<String> = (0..65).map(set).collect();
    assert!(error(&ranges(&format!("[{}]", sets.join(",")))).contains("65 range sets; at most 64"));
    let object =
        |index: usize| format!(r#"{{"subnet": "10.{}.{}.0/24"}}"#, index / 256, index % 256);
    let objects: Vec<String> = (0..257).map(object).collect();
    assert!(
        error(&ranges(&format!("[[{}]]", objects.join(",")))).contains("257 ranges; at most 256")
    );
    let excluded = |count: usize| {
        let list: Vec<String> = (0..count)
            .map(|index| format!(r#""10.0.{}.{}""#, index / 100, (index % 100) * 2 + 3))
            .collect();
        format!(
            r#"{{"subnet": "10.0.0.0/16", "exclude": [{}]}}"#,
            list.join(",")
        )
    };
    assert!(error(&excluded(1025)).contains("1025 exclusions; at most 1024"));
    assert!(error(&excluded(1024)).contains("at most 1024 are possible, so exclude networks"));
    assert!(HostLocal::configure(&excluded(1023)).is_ok());
}
