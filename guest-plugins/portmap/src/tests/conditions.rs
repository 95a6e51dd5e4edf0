use proptest::prelude::*;
use wasm_cni_guest::testing::{Change, Node};
use wasm_cni_guest::{IpFamily, PacketCondition, PacketMark, PacketMatch};

use super::{amend, dual, one_port, refusal};

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

#[test]
fn what_can_not_be_said_is_refused_with_its_words() {
    for (list, start) in [
        (
            r#"["-p", "tcp"]"#,
            "\"-p tcp\": is not possible; possible are -s",
        ),
        (
            r#"["-s", "1.2.3.4", "--dport", "80"]"#,
            "\"--dport 80\": is not possible",
        ),
        (
            r#"["-m", "comment", "--comment", "x"]"#,
            "\"-m comment\": is not possible",
        ),
        (r#"["!", "-m", "mark"]"#, "\"! -m mark\": is not possible"),
        (r#"["-m", "mark"]"#, "\"-m mark\": needs a --mark"),
        (
            r#"["--mark", "1"]"#,
            "\"--mark 1\": needs -m mark before it",
        ),
        (
            r#"["-o", "eth0"]"#,
            "\"-o eth0\": the outgoing interface is not known yet",
        ),
        (
            r#"["!", "--out-interface", "eth0"]"#,
            "\"! --out-interface eth0\": the outgoing",
        ),
        (r#"["-s"]"#, "\"-s\": ends too early"),
        (r#"["!"]"#, "\"!\": ends too early"),
        (r#"["-s", "!"]"#, "\"-s !\": ends too early"),
        (
            r#"["!", "-s", "!", "1.2.3.4"]"#,
            "\"! -s !\": is negated twice",
        ),
        (
            r#"["-s", "example.org"]"#,
            "\"-s example.org\": is neither an address nor a network",
        ),
        (r#"["-s", "10.0.0.0/33"]"#, "\"-s 10.0.0.0/33\": is neither"),
        (
            r#"["-s", "10.0.0.0/255.0.255.0"]"#,
            "\"-s 10.0.0.0/255.0.255.0\": is neither",
        ),
        (
            r#"["-s", "1.2.3.4,1.2.3.5"]"#,
            "\"-s 1.2.3.4,1.2.3.5\": one network a condition",
        ),
        (
            r#"["-s", "fd00::1"]"#,
            "\"-s fd00::1\": is an IPv6 network; it belongs into conditionsV6",
        ),
        (r#"["-i", "a/b"]"#, "\"-i a/b\": is no name of an interface"),
        (
            r#"["-i", "sixteencharacter"]"#,
            "\"-i sixteencharacter\": is no name",
        ),
        (r#"["-i", "eth*"]"#, "\"-i eth*\": a name can't end so"),
        (r#"["-i", "eth++"]"#, "\"-i eth++\": a name can't end so"),
        (
            r#"["-m", "mark", "--mark", "1/x"]"#,
            "\"--mark 1/x\": is no number of 32 bits",
        ),
        (
            r#"["-m", "mark", "--mark", "4294967296"]"#,
            "\"--mark 4294967296\": is no number",
        ),
        (
            r#"["-m", "mark", "--mark", "+1"]"#,
            "\"--mark +1\": is no number",
        ),
        (
            r#"["tcp dport 80"]"#,
            "\"tcp\": is not possible; possible are -s",
        ),
        (r#"["ip protocol tcp"]"#, "\"ip protocol\": is not possible"),
        (r#"["ct mark 5"]"#, "\"ct\": is not possible"),
        (r#"["ip"]"#, "\"ip\": is not possible"),
        (r#"["ip saddr"]"#, "\"ip saddr\": ends too early"),
        (r#"["ip saddr !="]"#, "\"ip saddr !=\": ends too early"),
        (
            r#"["ip saddr { 1.2.3.4, 1.2.3.5 }"]"#,
            "\"ip saddr {\": one value a condition",
        ),
        (
            r#"["ip saddr 1.2.3.4-1.2.3.5"]"#,
            "\"ip saddr 1.2.3.4-1.2.3.5\": one network",
        ),
        (
            r#"["ip6 saddr fd00::1"]"#,
            "\"ip6 saddr fd00::1\": is about IPv6; it belongs into conditionsV6",
        ),
        (
            r#"["oifname eth0"]"#,
            "\"oifname\": the outgoing interface is not known yet",
        ),
        (r#"["meta oif 5"]"#, "\"meta oif\": the outgoing interface"),
        (r#"["iif eth0"]"#, "\"iif\": is not possible"),
        (r#"["iifname \"\""]"#, "\"iifname \"\"\": is no name"),
        (r#"["iifname \"eth0"]"#, "\"iifname \"eth0\": is no name"),
        (
            r#"["iifname eth+"]"#,
            "\"iifname eth+\": a name can't end so",
        ),
        (r#"["mark & x == 1"]"#, "\"mark & x\": is no number"),
        (r#"["mark &"]"#, "\"mark &\": is no number"),
        (r#"["mark 0x"]"#, "\"mark 0x\": is no number"),
    ] {
        let text = refusal(&one_port(&format!(r#""conditionsV4": {list},"#)));
        assert!(
            text.starts_with(&format!("conditionsV4 = {start}")),
            "{text}"
        );
    }
    let text = refusal(&one_port(r#""conditionsV6": ["-s", "1.2.3.4"],"#));
    let start = "conditionsV6 = \"-s 1.2.3.4\": is an IPv4 network; it belongs into conditionsV4";
    assert!(text.starts_with(start), "{text}");
    let text = refusal(&one_port(r#""conditionsV6": ["ip saddr 1.2.3.4"],"#));
    assert!(
        text.contains("is about IPv4; it belongs into conditionsV4"),
        "{text}"
    );
}

proptest! {
    /// Nothing that an operator writes makes the plugin panic, and all that it reads is of the list's family.
    #[test]
    fn any_text_is_read_or_refused(
        words in proptest::collection::vec(
            prop_oneof![
                Just("-s".to_owned()), Just("!".to_owned()), Just("ip".to_owned()), Just("saddr".to_owned()),
                Just("mark".to_owned()), Just("&".to_owned()), Just("!=".to_owned()), Just("-m".to_owned()),
                Just("--mark".to_owned()), Just("10.0.0.0/8".to_owned()), Just("5/7".to_owned()), ".{0,6}",
            ],
            0..8,
        ),
        ipv4 in any::<bool>(),
    ) {
        let family = if ipv4 { IpFamily::Ipv4 } else { IpFamily::Ipv6 };
        if let Ok(conditions) = crate::condition::read(family, &words) {
            for condition in conditions {
                prop_assert_eq!(condition.family, family);
                if let PacketMatch::Source(network) | PacketMatch::Destination(network) = condition.matches {
                    prop_assert_eq!(IpFamily::of(network.addr()), family);
                    prop_assert_eq!(network, network.trunc());
                }
            }
        }
    }

    /// The two languages say the same.
    #[test]
    fn what_both_languages_say_is_read_alike(
        address in any::<u32>(), length in 0..=32u8, negated in any::<bool>(), value in any::<u32>(), mask in any::<u32>(),
    ) {
        let address = std::net::Ipv4Addr::from(address);
        let (not, unequal) = if negated { ("!", "!=") } else { ("", "") };
        let iptables = format!("-d 0.0.0.0/0 {not} -s {address}/{length} -m mark {not} --mark {value:#x}/{mask}");
        let nftables = format!("ip daddr 0.0.0.0/0 ip saddr {unequal} {address}/{length} mark & {mask} {unequal} {value}");
        prop_assert_eq!(
            crate::condition::read(IpFamily::Ipv4, &[iptables]),
            crate::condition::read(IpFamily::Ipv4, &[nftables])
        );
        let read = crate::condition::read(IpFamily::Ipv4, &[format!("-d 0.0.0.0/0 {not} -s {address}/{length}")]).unwrap();
        let network = ipnet::IpNet::new(address.into(), length).unwrap().trunc();
        prop_assert_eq!(&read[1], &v4(negated, PacketMatch::Source(network)));
    }
}
