use wasm_cni_guest::testing::{Change, Node};
use wasm_cni_guest::{Level, LinkFlag, MacAddress};

use super::{amend, amend_as, refusal, sysctl};

fn mac(last: u8) -> Change {
    Change::SetMac(MacAddress([2, 0, 0, 0, 0, last]))
}

#[test]
fn everything_at_once() {
    let config = r#"{"sysctl": {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_notify": 1},
        "mac": "02:00:00:00:00:07", "promisc": true, "allmulti": false, "mtu": 1400, "txQLen": 20000}"#;
    assert_eq!(
        amend(config).unwrap(),
        [
            sysctl("net.core.somaxconn", "500"),
            sysctl("net.ipv4.conf.eth0.arp_notify", "1"),
            mac(7),
            Change::SetLinkFlag(LinkFlag::Promiscuous, true),
            Change::SetLinkFlag(LinkFlag::AllMulticast, false),
            Change::SetMtu(1400),
            Change::SetTransmitQueueLength(20000),
        ]
    );
}

#[test]
fn what_is_not_said_is_left_as_it_is() {
    for config in [
        "{}",
        r#"{"promisc": false, "mtu": 0, "mac": "", "sysctl": {}}"#,
        r#"{"promisc": null, "mtu": null, "mac": null, "sysctl": null, "allmulti": null, "txQLen": null}"#,
        r#"{"runtimeConfig": {"mac": ""}, "args": {"cni": null}}"#,
        r#"{"args": {"cni": {"ips": ["10.1.0.9"]}}, "runtimeConfig": {"portMappings": []}}"#,
    ] {
        assert_eq!(amend(config), Ok(vec![]), "{config}");
    }
    assert_eq!(
        amend(r#"{"allmulti": true, "txQLen": 0}"#).unwrap(),
        [
            Change::SetLinkFlag(LinkFlag::AllMulticast, true),
            Change::SetTransmitQueueLength(0)
        ]
    );
}

#[test]
fn arguments_beat_the_runtime_and_the_runtime_beats_the_configuration() {
    let config = |own: &str, runtime: &str, args: &str| {
        format!(
            r#"{{"mac": "{own}", "runtimeConfig": {{"mac": "{runtime}"}}, "args": {{"cni": {{{args}}}}}}}"#
        )
    };
    let (one, two, three) = (
        "02:00:00:00:00:01",
        "02:00:00:00:00:02",
        r#""mac": "02-00-00-00-00-03""#,
    );
    assert_eq!(amend(&config(one, "", "")).unwrap(), [mac(1)]);
    assert_eq!(amend(&config(one, two, "")).unwrap(), [mac(2)]);
    assert_eq!(amend(&config(one, two, three)).unwrap(), [mac(3)]);
    assert_eq!(amend(&config(one, two, r#""mac": """#)).unwrap(), []);
}

#[test]
fn arguments_beat_each_setting_by_itself() {
    let own = r#""promisc": true, "allmulti": true, "mtu": 1400, "txQLen": 5"#;
    let with = |args: &str| amend(&format!(r#"{{{own}, "args": {{"cni": {{{args}}}}}}}"#)).unwrap();
    let settings = |promiscuous: bool, all: bool, mtu: Option<u32>, packets: u32| {
        let mut changes = Vec::new();
        if promiscuous {
            changes.push(Change::SetLinkFlag(LinkFlag::Promiscuous, true));
        }
        changes.push(Change::SetLinkFlag(LinkFlag::AllMulticast, all));
        changes.extend(mtu.map(Change::SetMtu));
        changes.push(Change::SetTransmitQueueLength(packets));
        changes
    };
    assert_eq!(with(""), settings(true, true, Some(1400), 5));
    assert_eq!(
        with(r#""promisc": false"#),
        settings(false, true, Some(1400), 5)
    );
    assert_eq!(
        with(r#""allmulti": false"#),
        settings(true, false, Some(1400), 5)
    );
    assert_eq!(with(r#""mtu": 1300"#), settings(true, true, Some(1300), 5));
    assert_eq!(with(r#""mtu": 0"#), settings(true, true, None, 5));
    assert_eq!(with(r#""txQLen": 9"#), settings(true, true, Some(1400), 9));
}

#[test]
fn wrong_settings_are_refused_with_key_and_value() {
    for (config, start) in [
        (r#"{"mtu": 67}"#, "mtu = 67: is no MTU"),
        (r#"{"mtu": -5}"#, "mtu = -5: is no MTU"),
        (r#"{"mtu": 65536}"#, "mtu = 65536: is no MTU"),
        (r#"{"mtu": "1400"}"#, "mtu = \"1400\": "),
        (r#"{"txQLen": -1}"#, "txQLen = -1: is no length"),
        (
            r#"{"txQLen": 2147483648}"#,
            "txQLen = 2147483648: is no length",
        ),
        (
            r#"{"mac": "02:00"}"#,
            "mac = \"02:00\": is no Ethernet address",
        ),
        (
            r#"{"mac": "01:00:5e:00:00:01"}"#,
            "mac = \"01:00:5e:00:00:01\": is a group's",
        ),
        (
            r#"{"mac": "00:00:00:00:00:00"}"#,
            "mac = \"00:00:00:00:00:00\": is a group's address or zero",
        ),
        (
            r#"{"runtimeConfig": {"mac": "x"}}"#,
            "runtimeConfig.mac = \"x\": is no Ethernet",
        ),
        (
            r#"{"args": {"cni": {"mac": "x"}}}"#,
            "args.cni.mac = \"x\": is no Ethernet",
        ),
        (
            r#"{"args": {"cni": {"mtu": 1}}}"#,
            "args.cni.mtu = 1: is no MTU",
        ),
        (r#"{"promisc": "yes"}"#, "promisc = \"yes\": "),
        (r#"{"txqlen": 5}"#, "txqlen = 5: unknown field"),
    ] {
        let text = refusal(config);
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn the_reference_plugins_directory_is_accepted_and_told() {
    let node = Node::new();
    let changes = amend_as(&node, r#"{"dataDir": "/run/cni/tuning"}"#, "eth0");
    assert_eq!(changes, Ok(vec![]));
    let log = node.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0, Level::Debug);
    assert!(log[0].1.starts_with("dataDir = \"/run/cni/tuning\": "));
}
