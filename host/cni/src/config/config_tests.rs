use super::*;
use crate::error::Code;
use serde_json::json;

fn parse(mut config: Value) -> Result<NetworkConfig, ConfigError> {
    config["name"] = json!("pods");
    NetworkConfig::parse(config.to_string().as_bytes())
}

fn own(mut config: Value) -> Result<NetworkConfig, ConfigError> {
    config["type"] = json!("wasm-cni");
    parse(config)
}

fn ipam(mut section: Value) -> Result<IpamSettings, ConfigError> {
    section["type"] = json!("wasm-cni");
    section["plugin"] = json!("host-local");
    own(json!({"link": {}, "ipam": section}))?
        .ipam
        .unwrap()
        .settings()
}

#[test]
fn a_chain_keeps_the_stages_own_config_apart_from_ours() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let config = own(json!({"link": {"kind": "bridge"}, "chain": [
        {"plugin": "portmap"},
        {"plugin": "tenant-guard", "digest": digest, "grants": ["deny", "route"],
         "limits": {"memoryMiB": 16}, "colour": "red"},
    ]}));
    let chain = config.unwrap().chain;
    assert_eq!(chain[0].reference.plugin.as_str(), "portmap");
    assert!(chain[0].config.is_empty());
    assert_eq!(chain[1].reference.digest.as_ref().unwrap().as_str(), digest);
    assert_eq!(chain[1].reference.grants, ["deny", "route"]);
    assert_eq!(chain[1].reference.limits["memoryMiB"], 16);
    assert_eq!(
        Value::Object(chain[1].config.clone()),
        json!({"colour": "red"})
    );
}

#[test]
fn a_stage_of_its_own_loses_what_the_runtime_injects() {
    let config = own(json!({
        "cniVersion": "1.1.0", "plugin": "bandwidth", "ingressRate": 5, "ipam": 7, "link": "eth1",
        "chain": "mine", "capabilities": {"bandwidth": true}, "runtimeConfig": {}, "args": {},
        "prevResult": {}, "cni.dev/valid-attachments": [], "cniVersions": []
    }));
    let config = config.unwrap();
    let stage = config.stage.unwrap();
    let kept = json!({"ingressRate": 5, "ipam": 7, "link": "eth1", "chain": "mine"});
    assert_eq!(Value::Object(stage.config), kept);
    assert!(config.ipam.is_none() && config.link.is_none() && config.chain.is_empty());
}

#[test]
fn keys_of_another_vendors_plugin_mean_nothing_to_us() {
    let config = parse(
        json!({"type": "other", "link": 5, "plugin": ["x"], "chain": {},
        "limits": "none", "ipam": {"type": "wasm-cni", "plugin": "host-local"}}),
    );
    let config = config.unwrap();
    assert!(config.link.is_none() && config.stage.is_none() && config.chain.is_empty());
    assert!(!config.is_own_type());
}

#[test]
fn another_vendors_ipam_section_is_kept_unread() {
    let section = json!({"type": "whereabouts", "ranges": "odd", "limits": 5, "addresses": {}});
    let config = own(json!({"link": {}, "ipam": section})).unwrap();
    let ipam = config.ipam.unwrap();
    assert_eq!(config.raw["ipam"], section);
    assert!(ipam.settings().is_err());
}

#[test]
fn an_empty_ipam_section_is_none_and_one_without_type_is_refused() {
    for empty in [json!(null), json!({})] {
        assert!(
            own(json!({"link": {}, "ipam": empty}))
                .unwrap()
                .ipam
                .is_none()
        );
    }
    let error = own(json!({"link": {}, "ipam": {"plugin": "host-local"}})).unwrap_err();
    assert!(error.to_string().contains("ipam.type"), "{error}");
    let error = own(json!({"link": {}, "ipam": {"type": "wasm-cni"}})).unwrap_err();
    assert!(error.to_string().contains("ipam.plugin"), "{error}");
    let error = own(json!({"link": {}, "ipam": {"type": "../x"}})).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
}

#[test]
fn both_forms_of_ranges_are_read_the_old_one_first() {
    let settings = ipam(json!({
        "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.5", "gateway": "10.9.0.254",
        "ranges": [[{"subnet": "fd00::/64"}]]
    }));
    let ranges = settings.unwrap().ranges;
    assert_eq!(ranges[0][0].start.to_string(), "10.9.0.5");
    assert_eq!(ranges[0][0].gateway.to_string(), "10.9.0.254");
    assert_eq!(ranges[1][0].subnet.to_string(), "fd00::/64");
}

#[test]
fn the_runtimes_ranges_come_before_the_configs_and_must_not_overlap_them() {
    let with = |subnet: &str| {
        own(json!({"cniVersion": "1.0.0", "link": {},
            "runtimeConfig": {"ipRanges": [[{"subnet": subnet}]]},
            "ipam": {"type": "wasm-cni", "plugin": "a", "ranges": [[{"subnet": "10.1.0.0/16"}]]}}))
        .unwrap()
        .ip_ranges()
    };
    assert_eq!(
        with("10.2.0.0/16").unwrap()[0][0].subnet.to_string(),
        "10.2.0.0/16"
    );
    assert!(matches!(
        with("10.1.7.0/24"),
        Err(ConfigError::Range { .. })
    ));
}

#[test]
fn two_sets_of_one_family_need_a_version_whose_result_can_tell_both() {
    let with = |version: &str, second: &str| {
        let ranges = json!([[{"subnet": "10.1.0.0/16"}], [{"subnet": second}]]);
        own(json!({"cniVersion": version, "link": {},
            "ipam": {"type": "wasm-cni", "plugin": "a", "ranges": ranges}}))
        .unwrap()
        .ip_ranges()
    };
    assert!(with("0.2.0", "fd00::/64").is_ok());
    assert!(with("0.3.0", "10.2.0.0/16").is_ok());
    let error = with("0.2.0", "10.2.0.0/16").unwrap_err();
    assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
    assert!(error.to_string().contains("ipam.ranges"), "{error}");
}

#[test]
fn settings_of_our_ipam_are_typed_and_checked() {
    let settings = ipam(
        json!({"statusWhenExhausted": "ready", "coolDownSeconds": 30,
            "resolvConf": "/etc/resolv.conf", "limits": {"fuel": 5000}, "exclude": ["10.0.0.9"],
            "addresses": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"address": "fd00::5/64"}]
        }),
    );
    let settings = settings.unwrap();
    assert_eq!(settings.status_when_exhausted, StatusWhenExhausted::Ready);
    assert_eq!(settings.cool_down_seconds, Some(30));
    assert_eq!(
        settings.resolv_conf.as_deref(),
        Some(std::path::Path::new("/etc/resolv.conf"))
    );
    assert_eq!(settings.addresses[1].gateway, None);
    assert_eq!(settings.reference.limits["fuel"], 5000);
    assert!(settings.config.contains_key("exclude") && !settings.config.contains_key("limits"));
    let defaults = ipam(json!({})).unwrap();
    assert_eq!(
        defaults.status_when_exhausted,
        StatusWhenExhausted::Unavailable
    );
    assert_eq!(defaults.cool_down_seconds, None);
}

#[test]
fn a_wrong_value_is_named_with_its_key() {
    let cases = [
        (
            json!({"statusWhenExhausted": "maybe"}),
            "ipam.statusWhenExhausted",
            "maybe",
        ),
        (
            json!({"coolDownSeconds": 604_801}),
            "ipam.coolDownSeconds",
            "604801",
        ),
        (json!({"coolDownSeconds": -1}), "ipam.coolDownSeconds", "-1"),
        (
            json!({"resolvConf": "resolv.conf"}),
            "ipam.resolvConf",
            "resolv.conf",
        ),
        (
            json!({"addresses": ["10.0.0.5"]}),
            "ipam.addresses",
            "10.0.0.5",
        ),
        (
            json!({"ranges": [{"subnet": "10.0.0.0/24"}]}),
            "ipam.ranges",
            "10.0.0.0/24",
        ),
        (
            json!({"ranges": [[{"subnet": "10.0.0.0"}]]}),
            "ipam.ranges",
            "10.0.0.0",
        ),
        (
            json!({"subnet": "10.0.0.0/33"}),
            "ipam.subnet",
            "10.0.0.0/33",
        ),
        (json!({"digest": "md5:0"}), "ipam.digest", "md5:0"),
        (json!({"grants": "all"}), "ipam.grants", "all"),
    ];
    for (section, key, value) in cases {
        let error = ipam(section).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG, "{error}");
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(value), "{text}");
    }
}

#[test]
fn sections_of_ours_must_be_of_the_right_shape() {
    let cases = [
        (json!({"link": "bridge"}), "\"link\""),
        (json!({"link": {}, "chain": {}}), "\"chain\""),
        (json!({"link": {}, "chain": ["portmap"]}), "chain[0]"),
        (
            json!({"link": {}, "chain": [{"plugin": "a"}, {}]}),
            "chain[1].plugin",
        ),
        (
            json!({"link": {}, "chain": [{"plugin": "../a"}]}),
            "chain[0].plugin",
        ),
        (json!({"plugin": 5}), "\"plugin\""),
        (json!({"link": {}, "dns": []}), "\"dns\""),
        (json!({"link": {}, "ipMasq": "yes"}), "\"ipMasq\""),
        (json!({"link": {}, "prevResult": 5}), "\"prevResult\""),
        (json!({"link": {}, "prevResult": []}), "\"prevResult\""),
        (
            json!({"link": {}, "runtimeConfig": {"portMappings": [[80, 80]]}}),
            "portMappings",
        ),
    ];
    for (config, key) in cases {
        let text = own(config.clone()).unwrap_err().to_string();
        assert!(text.contains(key), "{config}: {text}");
    }
    let stages = vec![json!({"plugin": "a"}); MAX_STAGES + 1];
    assert!(own(json!({"link": {}, "chain": stages})).is_err());
}

#[test]
fn every_capability_is_typed() {
    let config = parse(json!({"type": "x", "runtimeConfig": {
        "portMappings": [
            {"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": ""},
            {"hostPort": 53, "containerPort": 53, "protocol": "udp", "hostIP": "127.0.0.1"},
            {"hostPort": 1, "containerPort": 1}
        ],
        "ipRanges": [[{"subnet": "10.2.0.0/24"}]],
        "bandwidth": {"ingressRate": 1000, "ingressBurst": 2_147_483_647_u64},
        "dns": {"servers": ["10.96.0.10"], "searches": ["svc"], "options": null},
        "ips": ["10.2.0.5/24"], "mac": "02:00:00:00:00:01", "infinibandGUID": "c2:11",
        "deviceID": "0000:01:00.0", "aliases": ["db"], "cgroupPath": "/kubepods/x",
        "io.kubernetes.cri.pod-annotations": {"team": "a"}, "unheard.of": 5
    }}));
    let runtime = config.unwrap().runtime_config;
    assert_eq!(runtime.port_mappings[0].host_ip, None);
    assert_eq!(runtime.port_mappings[1].protocol, Protocol::Udp);
    assert_eq!(runtime.port_mappings[2].protocol, Protocol::Tcp);
    assert_eq!(runtime.bandwidth.unwrap().egress_rate, 0);
    assert_eq!(runtime.dns.unwrap().servers, ["10.96.0.10"]);
    assert_eq!(runtime.pod_annotations["team"], "a");
    assert_eq!(runtime.device_id.as_deref(), Some("0000:01:00.0"));
    assert_eq!(runtime.ip_ranges.len(), 1);
}

#[test]
fn a_port_of_zero_or_an_unknown_protocol_is_refused() {
    for mapping in [
        json!({"hostPort": 0, "containerPort": 80}),
        json!({"hostPort": 65536, "containerPort": 80}),
        json!({"hostPort": 80, "containerPort": 80, "protocol": "icmp"}),
        json!({"hostPort": 80, "containerPort": 80, "hostIP": "localhost"}),
    ] {
        let error = parse(json!({"runtimeConfig": {"portMappings": [mapping]}})).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
        assert!(
            error.to_string().contains("runtimeConfig.portMappings"),
            "{error}"
        );
    }
}

#[test]
fn args_cni_is_typed_and_kept() {
    let config = parse(json!({"args": {"other": 5, "cni": {
        "ips": ["10.0.0.5"], "labels": [{"key": "rack", "value": "1"}], "sysctl": {"a": "b"}
    }}}));
    let args = config.unwrap().args;
    assert_eq!(args.ips.unwrap(), ["10.0.0.5"]);
    assert_eq!(args.labels[0].key, "rack");
    assert!(args.raw.contains_key("sysctl"));
    assert_eq!(
        parse(json!({"args": {}})).unwrap().args,
        ConventionArgs::default()
    );
}

#[test]
fn absent_valid_attachments_differ_from_none() {
    let list = |config: Value| parse(config).map(|config| config.valid_attachments);
    assert_eq!(list(json!({})).unwrap(), None);
    assert_eq!(
        list(json!({"cni.dev/valid-attachments": []})).unwrap(),
        Some(vec![])
    );
    assert_eq!(
        list(json!({"cni.dev/valid-attachments": null})).unwrap(),
        Some(vec![])
    );
    let one = json!([{"containerID": "c", "ifname": "eth0"}]);
    let both = json!({"cni.dev/valid-attachments": one, "cni.dev/attachments": []});
    assert_eq!(list(both).unwrap().unwrap().len(), 1);
    assert_eq!(
        list(json!({"cni.dev/attachments": one}))
            .unwrap()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn one_bad_entry_makes_the_list_of_valid_attachments_worthless() {
    for bad in [
        json!([{"containerID": "c"}]),
        json!([{"containerID": "c", "ifname": ""}]),
        json!([{"containerID": "", "ifname": "eth0"}]),
        json!([{"containerId": "c", "ifname": "eth0"}]),
        json!([["c", "eth0"]]),
        json!({}),
    ] {
        let error = parse(json!({"cni.dev/valid-attachments": bad})).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG, "{error}");
    }
}

#[test]
fn unknown_keys_are_kept_for_delegates() {
    let config = parse(json!({"type": "x", "vendor": {"deep": [1, null, "a"]}})).unwrap();
    assert_eq!(config.raw["vendor"], json!({"deep": [1, null, "a"]}));
    assert_eq!(config.raw["name"], "pods");
}

#[test]
fn input_is_bounded_in_size_and_depth() {
    let padding = " ".repeat(MAX_CONFIG_BYTES);
    let error = NetworkConfig::parse(format!("{{}}{padding}").as_bytes()).unwrap_err();
    assert!(matches!(error, ConfigError::TooLarge { .. }));
    let deep = "[".repeat(100_000);
    let error = NetworkConfig::parse(format!("{{\"name\":{deep}").as_bytes()).unwrap_err();
    assert!(matches!(error, ConfigError::Json(_)));
}

#[test]
fn keys_of_a_capability_may_begin_with_capital_letters() {
    let config = NetworkConfig::parse(
        json!({"name": "n", "type": "wasm-cni", "link": {}, "runtimeConfig": {
            "portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "TCP", "HostIP": ""}],
            "bandwidth": {"IngressRate": 8, "IngressBurst": 16, "EgressRate": 24, "EgressBurst": 32},
            "ipRanges": [[{"Subnet": "10.0.0.0/24", "RangeStart": "10.0.0.9", "RangeEnd": "", "Gateway": ""}]]}})
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    let runtime = &config.runtime_config;
    assert_eq!(runtime.port_mappings[0].host_port.get(), 8080);
    assert_eq!(runtime.port_mappings[0].host_ip, None);
    assert_eq!(runtime.bandwidth.unwrap().egress_burst, 32);
    assert_eq!(
        config.ip_ranges().unwrap()[0][0].start.to_string(),
        "10.0.0.9"
    );
}
