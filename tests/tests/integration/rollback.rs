//! A chain that fails halfway leaves nothing, wherever it fails, while another pod comes and goes beside it.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniFailure, Conflist, Node, Pod, Snapshot};

use crate::{addresses, lists, node};

const KERNEL_STEP_FAILED: u64 = 108;

/// Every kind of step that a chain makes; the port is the pod's own.
fn full_chain(port: u16) -> Conflist {
    let stages = [
        json!({"plugin": "portmap"}),
        json!({
            "plugin": "bandwidth",
            "ingressRate": 80_000_000, "ingressBurst": 8_000_000, "egressRate": 80_000_000, "egressBurst": 8_000_000,
        }),
        json!({"plugin": "firewall", "ingressPolicy": "isolated"}),
        json!({"plugin": "flow-policy", "ingress": {"default": "drop", "allow": [{"protocol": "tcp", "ports": [80]}]}}),
        json!({"plugin": "tuning", "mtu": 1380, "promisc": true, "sysctl": {"net.core.somaxconn": "511"}}),
    ];
    let mappings = json!([
        lists::mapping("tcp", port, 80),
        lists::mapping("udp", port, 80)
    ]);
    lists::chain(
        "pods",
        lists::bridge("cni0", &["10.1.0.0/24", "fd00:1::/64"]),
        &stages,
    )
    .capability("portMappings", mappings)
}

/// Names of the links on the host that ADD makes for a pod; they follow from the attachment.
fn links_of(node: &Node, pod: &Pod<'_>) -> Result<(String, String)> {
    let before = (node.link_names("veth")?, node.link_names("ifb")?);
    let list = full_chain(9000);
    let result = list.add(node, pod)?;
    let new = |kind: &str, before: &[String]| {
        let names = node.link_names(kind)?;
        let mut names = names.into_iter().filter(|name| !before.contains(name));
        names.next().with_context(|| format!("no {kind} is made"))
    };
    let names = (new("veth", &before.0)?, new("ifb", &before.1)?);
    list.del(node, pod, &result)?;
    Ok(names)
}

/// ADD fails while another pod's succeeds; afterwards the node is as before.
fn fails_without_a_trace(node: &Node, pod: &Pod<'_>, list: &Conflist) -> Result<CniFailure> {
    let beside = node.pod("beside")?;
    let before = Snapshot::take(node)?;
    let somaxconn = pod.sysctl("net/core/somaxconn")?;
    let other = full_chain(9100);
    let (failure, result) = std::thread::scope(|scope| {
        let adding = scope.spawn(|| other.add(node, &beside));
        let failure = list.refused(node, pod);
        let result = adding.join().map_err(|_| anyhow!("a panic"))?;
        anyhow::Ok((failure?, result?))
    })?;
    assert!(beside.reaches("10.1.0.1")?);
    other.check(node, &beside, &result)?;
    other.del(node, &beside, &result)?;
    before.assert_unchanged(node)?;
    assert_eq!(pod.sysctl("net/core/somaxconn")?, somaxconn);
    beside.delete()?;
    Ok(failure)
}

fn named(failure: &CniFailure, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(
            failure.text.contains(word),
            "no word of {word:?}: {failure:?}"
        );
    }
    Ok(())
}

/// A node with a pod that stays, so that all shared objects are there.
fn resident(node: &Node) -> Result<(Pod<'_>, Value)> {
    let pod = node.pod("resident")?;
    let result = full_chain(9200).add(node, &pod)?;
    Ok((pod, result))
}

#[test]
fn names_that_are_taken_on_the_host() -> Result<()> {
    let node = node!();
    let (stays, result) = resident(&node)?;
    let pod = node.pod("a")?;
    let (veth, ifb) = links_of(&node, &pod)?;
    for name in [&veth, &ifb] {
        node.ok(&["ip", "link", "add", name, "type", "bridge"])?;
        let failure =
            fails_without_a_trace(&node, &pod, &full_chain(9000)).with_context(|| name.clone())?;
        named(&failure, &[name])?;
        node.ok(&["ip", "link", "delete", name])?;
    }
    full_chain(9200).check(&node, &stays, &result)
}

#[test]
fn an_interface_that_is_taken_in_the_container() -> Result<()> {
    let node = node!();
    resident(&node)?;
    let pod = node.pod("a")?;
    pod.ok(&["ip", "link", "add", "eth0", "type", "bridge"])?;
    let failure = fails_without_a_trace(&node, &pod, &full_chain(9000))?;
    named(&failure, &["eth0"])?;
    ensure!(pod.has_link("eth0")?, "another's interface was deleted");
    Ok(())
}

#[test]
fn sysctls_that_do_not_exist_or_refuse_their_value() -> Result<()> {
    let node = node!();
    resident(&node)?;
    let pod = node.pod("a")?;
    for (name, value, word) in [
        ("net.ipv4.no_such_setting", "1", "no such sysctl"),
        ("net.ipv4.tcp_syncookies", "many", "this value"),
        (
            "net.ipv4.conf.IFNAME.no_such_setting",
            "1",
            "no such sysctl",
        ),
    ] {
        let sysctl = json!({"net.core.somaxconn": "511", name: value});
        let list = full_chain(9000).with("/plugins/0/chain/4/sysctl", sysctl);
        let failure = fails_without_a_trace(&node, &pod, &list).context(name)?;
        assert_eq!(failure.code, KERNEL_STEP_FAILED, "{failure:?}");
        let setting = name.rsplit('.').next().unwrap_or_default();
        named(&failure, &[setting, word])?;
    }
    Ok(())
}

#[test]
fn a_port_that_another_pod_holds() -> Result<()> {
    let node = node!();
    resident(&node)?;
    let pod = node.pod("a")?;
    let failure = fails_without_a_trace(&node, &pod, &full_chain(9200))?;
    named(&failure, &["9200", "resident"])
}

#[test]
fn a_route_that_the_kernel_refuses() -> Result<()> {
    let node = node!();
    resident(&node)?;
    let pod = node.pod("a")?;
    let stage = json!({"plugin": "route-override", "addroutes": [{"dst": "198.51.100.0/24", "gw": "203.0.113.1"}]});
    let mut stages = vec![stage];
    let list: Value = serde_json::from_str(&full_chain(9000).text())?;
    stages.extend(
        list["plugins"][0]["chain"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    let list = full_chain(9000).with("/plugins/0/chain", stages);
    let failure = fails_without_a_trace(&node, &pod, &list)?;
    named(&failure, &["198.51.100.0/24"])
}

#[test]
fn an_entry_that_fails_leaves_the_entries_before_it_as_they_were() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let good = [
        json!({"plugin": "portmap"}),
        json!({"plugin": "bandwidth", "ingressRate": 80_000_000, "ingressBurst": 8_000_000}),
    ];
    let list = lists::entries("pods", lists::bridge("cni0", &["10.1.0.0/24"]), &good)
        .capability("portMappings", json!([lists::mapping("tcp", 9000, 80)]));
    let result = list.add(&node, &pod)?;
    let before = Snapshot::take(&node)?;
    let bad = json!({
        "type": "wasm-cni", "plugin": "tuning", "mtu": 1380, "txQLen": 777,
        "sysctl": {"net.core.somaxconn": "511", "net.ipv4.no_such_setting": "1"},
    });
    let somaxconn = pod.sysctl("net/core/somaxconn")?;
    let link = pod.link("eth0")?;
    let failing = Conflist::new("pods", &[bad]);
    let call = failing.with("/plugins/0/prevResult", result.clone());
    // DEL of the entry that failed takes nothing of the others.
    call.refused(&node, &pod)?;
    assert_eq!(
        (pod.sysctl("net/core/somaxconn")?, pod.link("eth0")?),
        (somaxconn, link)
    );
    before.assert_unchanged(&node)?;
    list.check(&node, &pod, &result)?;
    assert!(pod.reaches("10.1.0.1")? && addresses(&result) == ["10.1.0.2"]);
    list.del(&node, &pod, &result)
}
