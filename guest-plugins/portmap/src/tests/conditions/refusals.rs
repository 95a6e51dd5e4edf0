use crate::tests::{one_port, refusal};

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
            r#"["-m", "mark", "--mark", "0x11/0xf0"]"#,
            "\"--mark 0x11/0xf0\": can't be",
        ),
        (
            r#"["mark & 0xf0 == 0x11"]"#,
            "\"mark & 0xf0 == 0x11\": can't be",
        ),
        (r#"["-i", "+"]"#, "\"-i +\": is any interface"),
        (r#"["iifname *"]"#, "\"iifname *\": is any interface"),
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
        (r#"["iifname \"a b\""]"#, "\"iifname \"a b\"\": is no name"),
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
