mod property;
mod refusals;

use wasm_cni_guest::testing::{Change, Node};
use wasm_cni_guest::{IpFamily, PacketCondition, PacketMark, PacketMatch};

use super::{amend, dual, one_port};

fn conditions(key: &str, list: &str) -> Vec<PacketCondition> {
    let config = one_port(&format!(r#""{key}": {list},"#));
    match amend(&Node::new(), &config, &dual()).unwrap().as_slice() {
        [Change::ForwardPorts { conditions, .. }] => conditions.clone(),
        other => panic!("{other:?}"),
    }
}

fn v4(negated: bool, matches: PacketMatch) -> PacketCondition {
    PacketCondition {
        family: IpFamily::Ipv4,
        negated,
        matches,
    }
}

fn v6(negated: bool, matches: PacketMatch) -> PacketCondition {
    PacketCondition {
        family: IpFamily::Ipv6,
        ..v4(negated, matches)
    }
}

fn source(network: &str) -> PacketMatch {
    PacketMatch::Source(network.parse().unwrap())
}

fn destination(network: &str) -> PacketMatch {
    PacketMatch::Destination(network.parse().unwrap())
}

fn input(name: &str) -> PacketMatch {
    PacketMatch::InputInterface(name.to_owned())
}

fn mark(value: u32, mask: u32) -> PacketMatch {
    PacketMatch::Mark(PacketMark { value, mask })
}

#[test]
fn an_empty_list_is_no_condition() {
    for list in ["[]", "null", r#"[""]"#, r#"["  ", ""]"#] {
        assert_eq!(conditions("conditionsV4", list), []);
    }
}

#[test]
fn iptables_words_are_read() {
    for (list, expected) in [
        (r#"["-s", "1.2.3.4"]"#, v4(false, source("1.2.3.4/32"))),
        (
            r#"["!", "-s", "10.0.0.0/8"]"#,
            v4(true, source("10.0.0.0/8")),
        ),
        (
            r#"["-s", "!", "10.0.0.0/8"]"#,
            v4(true, source("10.0.0.0/8")),
        ),
        (
            r#"["--src", "10.0.0.0/255.0.0.0"]"#,
            v4(false, source("10.0.0.0/8")),
        ),
        (
            r#"["--source=10.9.9.9/8"]"#,
            v4(false, source("10.0.0.0/8")),
        ),
        (r#"["-d", "1.2.3.4"]"#, v4(false, destination("1.2.3.4/32"))),
        (
            r#"["--dst", "0.0.0.0/0"]"#,
            v4(false, destination("0.0.0.0/0")),
        ),
        (
            r#"["! --destination 1.2.3.4"]"#,
            v4(true, destination("1.2.3.4/32")),
        ),
        (r#"["-i", "eth0"]"#, v4(false, input("eth0"))),
        (
            r#"["!", "--in-interface", "veth+"]"#,
            v4(true, input("veth+")),
        ),
        (
            r#"["-m", "mark", "--mark", "0x10/0xF0"]"#,
            v4(false, mark(0x10, 0xf0)),
        ),
        (
            r#"["-m", "mark", "!", "--mark", "010"]"#,
            v4(true, mark(8, u32::MAX)),
        ),
        (
            r#"["--match=mark", "--mark", "!", "7"]"#,
            v4(true, mark(7, u32::MAX)),
        ),
    ] {
        assert_eq!(conditions("conditionsV4", list), [expected], "{list}");
    }
    assert_eq!(
        conditions(
            "conditionsV6",
            r#"["!", "-s", "12::34", "-d", "fd00::/8", "-i", "eth0"]"#
        ),
        [
            v6(true, source("12::34/128")),
            v6(false, destination("fd00::/8")),
            v6(false, input("eth0")),
        ]
    );
}

#[test]
fn nftables_text_is_read_however_it_is_cut() {
    for (list, expected) in [
        (
            r#"["ip", "saddr", "1.2.3.4"]"#,
            v4(false, source("1.2.3.4/32")),
        ),
        (
            r#"["ip saddr 10.0.0.0/8"]"#,
            v4(false, source("10.0.0.0/8")),
        ),
        (
            r#"["ip saddr", "!= 10.0.0.0/8"]"#,
            v4(true, source("10.0.0.0/8")),
        ),
        (
            r#"["ip daddr!=1.2.3.4"]"#,
            v4(true, destination("1.2.3.4/32")),
        ),
        (
            r#"["ip daddr == 1.2.3.4"]"#,
            v4(false, destination("1.2.3.4/32")),
        ),
        (r#"["iifname", "eth0"]"#, v4(false, input("eth0"))),
        (r#"["meta iifname != \"veth*\""]"#, v4(true, input("veth*"))),
        (r#"["iifname ne \"eth0\""]"#, v4(true, input("eth0"))),
        (r#"["mark 0x10"]"#, v4(false, mark(0x10, u32::MAX))),
        (
            r#"["meta mark & 0xf0 == 0x10"]"#,
            v4(false, mark(0x10, 0xf0)),
        ),
        (r#"["meta mark and 0xf0 != 16"]"#, v4(true, mark(16, 0xf0))),
    ] {
        assert_eq!(conditions("conditionsV4", list), [expected], "{list}");
    }
    assert_eq!(
        conditions(
            "conditionsV6",
            r#"["ip6 saddr 12::34 ip6", "daddr != fd00::/8", "mark eq 1"]"#
        ),
        [
            v6(false, source("12::34/128")),
            v6(true, destination("fd00::/8")),
            v6(false, mark(1, u32::MAX)),
        ]
    );
}

#[test]
fn both_families_may_have_conditions() {
    let keys = r#""conditionsV4": ["-s", "1.2.3.4"], "conditionsV6": ["ip6", "saddr", "12::34"],"#;
    match amend(&Node::new(), &one_port(keys), &dual())
        .unwrap()
        .as_slice()
    {
        [Change::ForwardPorts { conditions, .. }] => assert_eq!(
            *conditions,
            [
                v4(false, source("1.2.3.4/32")),
                v6(false, source("12::34/128"))
            ]
        ),
        other => panic!("{other:?}"),
    }
}
