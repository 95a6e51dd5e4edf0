//! A stage by itself in the network's list, and lists of our stages and the reference plugins in any mix.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Pod, Responder, Transport, is_silent, source_seen};

use crate::{addresses, assert_nothing_left, lists, node};

const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];
const FORWARDED: [&str; 3] = ["192.0.2.1:8080", "[2001:db8::1]:8080", "10.1.0.1:8080"];

fn stages() -> [Value; 4] {
    [
        json!({"plugin": "portmap"}),
        json!({"plugin": "bandwidth", "ingressRate": 80_000_000, "ingressBurst": 8_000_000}),
        json!({"plugin": "firewall"}),
        json!({"plugin": "tuning", "mtu": 1380, "sysctl": {"net.core.somaxconn": "511"}}),
    ]
}

fn with_port(list: &Conflist) -> Conflist {
    list.capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]))
}

/// Is everything that [`stages`] ask for there?
fn works(node: &Node, outside: &Outside<'_>, pod: &Pod<'_>) -> Result<()> {
    let _responder = Responder::start(pod, Transport::Tcp, "[::]:80")?;
    for target in FORWARDED {
        source_seen(outside, Transport::Tcp, target)?
            .or(source_seen(node, Transport::Tcp, target)?)
            .context(target)?;
    }
    assert_eq!(pod.link("eth0")?["mtu"], 1380);
    assert_eq!(pod.sysctl("net/core/somaxconn")?, "511");
    let queues = node.ok(&["tc", "qdisc", "show"])?;
    ensure!(queues.contains("rate 80Mbit"), "{queues}");
    Ok(())
}

fn there_and_back(node: &Node, outside: &Outside<'_>, list: &Conflist) -> Result<()> {
    let pod = node.pod("a")?;
    let list = with_port(list);
    let result = list.add(node, &pod)?;
    assert_eq!(addresses(&result).len(), 2, "{result}");
    works(node, outside, &pod)?;
    list.check(node, &pod, &result)?;
    list.del(node, &pod, &result)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    assert_ne!(pod.sysctl("net/core/somaxconn")?, "511");
    list.del(node, &pod, &Value::Null)?;
    assert_nothing_left(node, &[result])?;
    pod.delete()
}

#[test]
fn the_three_ways_into_a_chain_do_the_same() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let link = || lists::bridge("cni0", &SUBNETS);
    let together = lists::chain("pods", link(), &stages());
    there_and_back(&node, &outside, &together).context("one entry")?;
    let apart = lists::entries("pods", link(), &stages());
    there_and_back(&node, &outside, &apart).context("an entry for each stage")?;
    for name in ["portmap", "bandwidth", "firewall", "tuning"] {
        node.drop_in(name)?;
    }
    let named = lists::reference_entries("pods", link(), &stages());
    there_and_back(&node, &outside, &named).context("under the reference plugins' names")
}

#[test]
fn our_stages_work_behind_the_reference_bridge() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let link = || lists::reference_bridge("cni0", &SUBNETS);
    let ours = lists::entries("pods", link(), &stages());
    there_and_back(&node, &outside, &ours).context("our type")?;
    for name in ["portmap", "bandwidth", "firewall", "tuning"] {
        node.drop_in(name)?;
    }
    let named = lists::reference_entries("pods", link(), &stages());
    there_and_back(&node, &outside, &named).context("the reference plugins' names")
}

#[test]
fn reference_plugins_and_our_stages_take_turns() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let reference = [
        json!({"type": "tuning", "mtu": 1380, "sysctl": {"net.core.somaxconn": "511"}}),
        json!({"type": "bandwidth", "ingressRate": 80_000_000, "ingressBurst": 8_000_000}),
    ];
    let mut list = lists::chain(
        "pods",
        lists::bridge("cni0", &SUBNETS),
        &[json!({"plugin": "firewall"})],
    );
    for entry in reference {
        list = list.with_entry(entry);
    }
    let portmap =
        json!({"type": "wasm-cni", "plugin": "portmap", "capabilities": {"portMappings": true}});
    let list = with_port(&list.with_entry(portmap));
    let pod = node.pod("a")?;
    let result = list.add(&node, &pod)?;
    works(&node, &outside, &pod)?;
    list.check(&node, &pod, &result)?;
    list.del(&node, &pod, &result)?;
    list.del(&node, &pod, &Value::Null)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn del_of_the_link_takes_stages_whose_entries_are_gone_from_the_list() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let list = with_port(&lists::entries(
        "pods",
        lists::bridge("cni0", &SUBNETS),
        &stages(),
    ));
    let somaxconn = pod.sysctl("net/core/somaxconn")?;
    let result = list.add(&node, &pod)?;
    // Portmap and tuning are no longer configured.
    list.without_entry(4)
        .without_entry(1)
        .del(&node, &pod, &result)?;
    assert_eq!(pod.sysctl("net/core/somaxconn")?, somaxconn);
    assert_nothing_left(&node, &[result])?;
    let again = list.add(&node, &pod)?;
    list.del_entry(0, &node, &pod, &Value::Null)?;
    assert_nothing_left(&node, std::slice::from_ref(&again))?;
    list.del(&node, &pod, &again)?;
    // The port is free again.
    list.add(&node, &pod).map(drop)
}

#[test]
fn stages_behind_a_foreign_link_are_swept_when_their_entries_are_gone() -> Result<()> {
    let node = node!();
    let (pod, next) = (node.pod("a")?, node.pod("b")?);
    let list = with_port(&lists::entries(
        "pods",
        lists::reference_bridge("cni0", &SUBNETS),
        &stages(),
    ));
    let result = list.add(&node, &pod)?;
    list.without_entry(4)
        .without_entry(1)
        .del(&node, &pod, &result)?;
    // Whoever wants the port finds the holder's link gone.
    let result = list.add(&node, &next)?;
    list.del(&node, &next, &result)?;
    node.ctl(&["gc"])?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn an_entry_that_has_changed_since_is_found_by_its_plugin() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let list = with_port(&lists::entries(
        "pods",
        lists::bridge("cni0", &SUBNETS),
        &stages(),
    ));
    let result = list.add(&node, &pod)?;
    let changed = list
        .with("/plugins/1/masqAll", true)
        .with("/plugins/4/mtu", 1280)
        .capability("portMappings", json!([]));
    changed.del_entry(1, &node, &pod, &result)?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    for target in FORWARDED {
        ensure!(is_silent(&outside, Transport::Tcp, target)?, "{target}");
    }
    assert_eq!(pod.link("eth0")?["mtu"], 1380);
    changed.del_entry(4, &node, &pod, &result)?;
    assert_eq!(pod.link("eth0")?["mtu"], 1500);
    changed.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn one_interface_of_a_container_goes_and_the_other_keeps_its_rules() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let of = |name: &str, bridge: &str, subnet: &str, interface: &str, port: u16| {
        let stages = [
            json!({"plugin": "portmap"}),
            json!({"plugin": "firewall", "ingressPolicy": "same-bridge"}),
            json!({"plugin": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}),
        ];
        let mut link = lists::bridge(bridge, &[subnet]);
        link["link"]["isDefaultGateway"] = (interface == "eth0").into();
        link["link"]["isGateway"] = true.into();
        lists::chain(name, link, &stages)
            .interface(interface)
            .capability("portMappings", json!([lists::mapping("tcp", port, 80)]))
    };
    // By loopback the host's own address replaces the source, so answers need no default route.
    let first = of("first", "br1", "10.1.0.0/24", "eth0", 8081);
    let second = of("second", "br2", "10.2.0.0/24", "eth1", 8082);
    let results = [first.add(&node, &pod)?, second.add(&node, &pod)?];
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    let answers = |port: u16| source_seen(&node, Transport::Tcp, &format!("127.0.0.1:{port}"));
    ensure!(answers(8081)?.is_some() && answers(8082)?.is_some());
    ensure!(source_seen(&outside, Transport::Tcp, "192.0.2.1:8081")?.is_some());
    first.del(&node, &pod, &results[0])?;
    ensure!(
        answers(8082)?.is_some(),
        "the other interface lost its port"
    );
    ensure!(is_silent(&node, Transport::Tcp, "127.0.0.1:8081")?);
    assert_eq!(pod.sysctl("net/ipv4/conf/eth1/arp_filter")?, "1");
    second.check(&node, &pod, &results[1])?;
    second.del(&node, &pod, &results[1])?;
    assert_nothing_left(&node, &results)
}

#[test]
fn a_stage_without_an_interface_to_work_on_is_refused() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let entry = json!({"type": "wasm-cni", "plugin": "tuning", "mtu": 1400});
    let failure = Conflist::new("pods", &[entry]).refused(&node, &pod)?;
    assert_eq!(failure.code, 7, "{failure:?}");
    ensure!(failure.text.contains("prevResult"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

#[test]
fn what_a_later_entry_overrides_is_not_missed_by_check() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let mut link = lists::bridge("cni0", &SUBNETS);
    link["link"]["mtu"] = 1500.into();
    let stages = [
        json!({"plugin": "tuning", "mtu": 1400, "promisc": true, "sysctl": {"net.core.somaxconn": "511"}}),
        json!({"plugin": "tuning", "mtu": 1380, "mac": "02:00:5e:10:00:01", "sysctl": {"net.core.somaxconn": "512"}}),
    ];
    let list = lists::entries("pods", link, &stages);
    let result = list.add(&node, &pod)?;
    list.check(&node, &pod, &result)?;
    pod.ok(&["ip", "link", "set", "eth0", "mtu", "1400"])?;
    ensure!(
        list.check(&node, &pod, &result).is_err(),
        "another MTU is not seen"
    );
    list.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn gc_takes_the_chains_of_pods_that_are_not_in_use_and_no_other() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    for list in [
        lists::chain("pods", lists::bridge("cni0", &SUBNETS), &stages()),
        lists::entries("pods", lists::bridge("cni0", &SUBNETS), &stages()),
    ] {
        let list = list.with("/cniVersion", "1.1.0");
        let (pod, stray) = (node.pod("a")?, node.pod("stray")?);
        let used = with_port(&list);
        let other = list.capability("portMappings", json!([lists::mapping("tcp", 8090, 80)]));
        let result = used.add(&node, &pod)?;
        let lost = other.add(&node, &stray)?;
        other.check(&node, &stray, &lost)?;
        list.gc(&node, &[&pod])?;
        ensure!(
            !stray.has_link("eth0")?,
            "the stray pod keeps its interface"
        );
        works(&node, &outside, &pod)?;
        used.check(&node, &pod, &result)?;
        // Its port is free.
        let again = other.add(&node, &stray)?;
        other.del(&node, &stray, &again)?;
        used.del(&node, &pod, &result)?;
        assert_nothing_left(&node, &[result, lost, again])?;
        pod.delete()?;
        stray.delete()?;
    }
    Ok(())
}
