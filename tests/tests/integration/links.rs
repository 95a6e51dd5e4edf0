//! Stages on links of every kind, and routing by source address.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    Conflist, Node, Outside, Pod, Responder, Snapshot, Transport, is_silent, link_kind, source_seen,
};

use crate::{assert_nothing_left, lan, lists, node};

#[test]
fn what_a_macvlan_can_not_have_is_refused() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    let mut link = lists::bridge("unused", &["10.5.0.0/24"]);
    link["link"] = json!({"kind": "macvlan", "master": "eth0"});
    let pod = node.pod("a")?;
    for stage in [
        json!({"plugin": "portmap"}),
        json!({"plugin": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 800_000}),
        json!({"plugin": "bandwidth", "egressRate": 8_000_000, "egressBurst": 800_000}),
        json!({"plugin": "firewall", "ingressPolicy": "same-bridge"}),
        json!({"plugin": "flow-policy", "ingress": {"default": "drop"}}),
    ] {
        let list = lists::chain("flat", link.clone(), std::slice::from_ref(&stage))
            .capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]));
        let before = Snapshot::take(&node)?;
        let failure = list
            .refused(&node, &pod)
            .with_context(|| stage.to_string())?;
        let plugin = stage["plugin"].as_str().unwrap_or_default();
        ensure!(failure.text.contains(plugin), "{failure:?}");
        before
            .assert_unchanged(&node)
            .with_context(|| stage.to_string())?;
    }
    let tuning = json!({"plugin": "tuning", "mtu": 1400, "allmulti": true});
    let list = lists::chain("flat", link, &[tuning]);
    let result = list.add(&node, &pod)?;
    assert_eq!(pod.link("eth0")?["mtu"], 1400);
    list.check(&node, &pod, &result)?;
    list.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_port_on_every_form_of_an_address() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    for (address, v4, v6, own) in [
        ("", true, true, true),
        ("0.0.0.0", true, false, true),
        ("::", false, true, false),
        ("127.0.0.1", false, false, true),
        (Outside::NODE_IPV6, false, true, false),
    ] {
        let mut mapping = lists::mapping("tcp", 8080, 80);
        mapping["hostIP"] = address.into();
        let list = lists::chain(
            "pods",
            lists::bridge("cni0", &["10.1.0.0/24", "fd00:1::/64"]),
            &[json!({"plugin": "portmap"})],
        )
        .capability("portMappings", json!([mapping]));
        let result = list.add(&node, &pod)?;
        let answers = |expected: bool, target: &str, outside_asks: bool| -> Result<()> {
            let from: &dyn wasm_cni_tests::Place = if outside_asks { &outside } else { &node };
            let found = if expected {
                source_seen(from, Transport::Tcp, target)?.is_some()
            } else {
                !is_silent(from, Transport::Tcp, target)?
            };
            ensure!(
                found == expected,
                "hostIP {address:?}: {target} answers: {found}"
            );
            Ok(())
        };
        answers(v4, "192.0.2.1:8080", true)?;
        answers(v6, "[2001:db8::1]:8080", true)?;
        answers(own, "127.0.0.1:8080", false)?;
        list.check(&node, &pod, &result)?;
        list.del(&node, &pod, &result)?;
    }
    Ok(())
}

#[test]
fn pods_of_one_family_have_the_ports_of_that_family() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    for (number, (subnet, there, not_there)) in [
        ("10.1.0.0/24", "192.0.2.1:8080", "[2001:db8::1]:8080"),
        ("fd00:1::/64", "[2001:db8::1]:8080", "192.0.2.1:8080"),
    ]
    .into_iter()
    .enumerate()
    {
        let pod = node.pod(&format!("pod{number}"))?;
        let list = lists::chain(
            &format!("net{number}"),
            lists::bridge(&format!("br{number}"), &[subnet]),
            &[json!({"plugin": "portmap"}), json!({"plugin": "firewall"})],
        )
        .capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]));
        let result = list.add(&node, &pod)?;
        let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
        source_seen(&outside, Transport::Tcp, there)?.context(there)?;
        ensure!(
            is_silent(&outside, Transport::Tcp, not_there)?,
            "{not_there}"
        );
        list.check(&node, &pod, &result)?;
        list.del(&node, &pod, &result)?;
    }
    Ok(())
}

/// The routes that packets from this address look into.
fn routes_from(pod: &Pod<'_>, address: &str) -> Result<String> {
    let rules = pod.ok(&["ip", "rule", "show"])?;
    let words: Vec<_> = rules
        .lines()
        .find(|line| line.contains(&format!("from {address} ")))
        .with_context(|| rules.clone())?
        .split_whitespace()
        .collect();
    let lookup = words.iter().position(|word| *word == "lookup");
    let table = lookup
        .and_then(|index| words.get(index + 1))
        .context("no table")?;
    pod.ok(&["ip", "route", "show", "table", table])
}

/// Two networks of one pod; the second one's answers leave by the second interface.
fn by_source(
    node: &Node,
    stage: &Value,
    form: fn(&str, Value, &[Value]) -> Conflist,
) -> Result<()> {
    let pod: Pod<'_> = node.pod("a")?;
    let first = Conflist::new("first", &[lists::bridge("br1", &["10.1.0.0/24"])]);
    let mut link = lists::bridge("br2", &["10.2.0.0/24"]);
    // An entry of the list by itself comes after the link, whose default route would be the pod's second.
    link["ipam"]["routes"] = json!([{"dst": "172.16.0.0/12"}]);
    link["link"]["isDefaultGateway"] = false.into();
    link["link"]["isGateway"] = true.into();
    let second = form("second", link, std::slice::from_ref(stage)).interface("eth1");
    let results = [first.add(node, &pod)?, second.add(node, &pod)?];
    let routes = routes_from(&pod, "10.2.0.2")?;
    for word in ["default via 10.2.0.1", "172.16.0.0/12", "10.2.0.0/24"] {
        ensure!(routes.contains(word), "no {word}: {routes}");
    }
    let main = pod.ok(&["ip", "route", "show"])?;
    ensure!(
        main.contains("default via 10.1.0.1") && !main.contains("via 10.2.0.1"),
        "{main}"
    );
    let chosen = pod.ok(&["ip", "route", "get", "198.51.100.1", "from", "10.2.0.2"])?;
    ensure!(chosen.contains("dev eth1"), "{chosen}");
    second.check(node, &pod, &results[1])?;
    second.del(node, &pod, &results[1])?;
    let rules = pod.ok(&["ip", "rule", "show"])?;
    ensure!(!rules.contains("10.2.0.2"), "{rules}");
    assert!(pod.reaches("10.1.0.1")?);
    first.del(node, &pod, &results[0])?;
    assert_nothing_left(node, &results)
}

#[test]
fn answers_leave_by_the_interface_whose_address_they_carry() -> Result<()> {
    let node = node!();
    by_source(&node, &json!({"plugin": "sbr"}), lists::chain).context("one entry")
}

#[test]
fn answers_leave_by_their_interface_with_the_stage_as_an_entry() -> Result<()> {
    let node = node!();
    by_source(&node, &json!({"plugin": "sbr"}), lists::entries)
}

#[test]
fn answers_leave_by_their_interface_under_the_reference_plugins_name() -> Result<()> {
    let node = node!();
    node.drop_in("sbr")?;
    by_source(&node, &json!({"plugin": "sbr"}), lists::reference_entries)
}

#[test]
fn each_of_several_interfaces_has_a_table_of_its_own() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let of = |number: u8| {
        let mut link = lists::bridge(&format!("br{number}"), &[&format!("10.{number}.0.0/24")]);
        link["link"]["isDefaultGateway"] = (number == 1).into();
        link["link"]["isGateway"] = true.into();
        let list = lists::chain(&format!("net{number}"), link, &[json!({"plugin": "sbr"})]);
        list.interface(&format!("eth{number}"))
    };
    let results: Vec<_> = (1..=3)
        .map(|number| of(number).add(&node, &pod))
        .collect::<Result<_>>()?;
    for number in 1..=3 {
        let routes = routes_from(&pod, &format!("10.{number}.0.2"))?;
        let gateway = format!("default via 10.{number}.0.1 dev eth{number}");
        ensure!(
            routes.contains(&gateway) && routes.matches("default").count() == 1,
            "{routes}"
        );
    }
    of(2).del(&node, &pod, &results[1])?;
    for number in [1, 3] {
        let routes = routes_from(&pod, &format!("10.{number}.0.2"))?;
        ensure!(routes.contains(&format!("dev eth{number}")), "{routes}");
        of(number).check(&node, &pod, &results[usize::from(number) - 1])?;
    }
    for number in [1, 3] {
        of(number).del(&node, &pod, &results[usize::from(number) - 1])?;
    }
    assert_nothing_left(&node, &results)
}
