//! State belongs to one boot and to one network namespace of the host.

use anyhow::{Result, ensure};
use serde_json::Value;
use wasm_cni_tests::{Network, Node};

use crate::{addresses, assert_nothing_left, node};

const EXHAUSTED: u64 = 100;

fn network() -> Network {
    // Room for three: .2 to .4.
    Network::bridge("pods", &["10.1.0.0/24"]).with(
        "/ipam/ranges",
        serde_json::json!([[
            {"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.4"}
        ]]),
    )
}

/// What a reboot leaves of a node: files, another boot id, and no link.
fn reboot(node: &Node, pods: &[&str]) -> Result<()> {
    for pod in pods {
        node.ok(&["ip", "netns", "delete", pod])?;
    }
    node.ok(&["ip", "link", "delete", "cni0"])?;
    node.ok(&["nft", "flush", "ruleset"])?;
    for veth in node.link_names("veth")? {
        // Those of namespaces that are just going go by themselves.
        node.run(&["ip", "link", "delete", &veth])?;
    }
    node.write("/run/boot-id", "11111111-2222-3333-4444-555555555555\n")?;
    let boot_id = "/proc/sys/kernel/random/boot_id";
    node.ok(&["mount", "--bind", "/run/boot-id", boot_id])
        .map(drop)
}

fn boots(node: &Node) -> Result<Vec<String>> {
    let names = node.ok(&["ls", "/run/wasm-cni"])?;
    Ok(names.lines().map(str::to_owned).collect())
}

#[test]
fn leases_of_the_boot_before_are_free_and_its_late_dels_take_nothing() -> Result<()> {
    let node = node!();
    let old: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| node.pod(name))
        .collect::<Result<_>>()?;
    let results: Vec<_> = old
        .iter()
        .map(|pod| network().add(&node, pod).succeed())
        .collect::<Result<_>>()?;
    let before = boots(&node)?;
    reboot(&node, &["a", "b", "c"])?;
    // All three addresses are free again, and each is given once.
    let new: Vec<_> = ["d", "e", "f"]
        .iter()
        .map(|name| node.pod(name))
        .collect::<Result<_>>()?;
    let mut given = Vec::new();
    for pod in &new {
        given.extend(addresses(&network().add(&node, pod).succeed()?));
    }
    given.sort();
    assert_eq!(given, ["10.1.0.2", "10.1.0.3", "10.1.0.4"]);
    let now = boots(&node)?;
    ensure!(
        now.len() == 1 && now != before,
        "the state of the boot before is still there: {now:?}"
    );
    // A kubelet deletes the sandboxes that it knows from before, with the results that it kept.
    for (name, result) in ["a", "b", "c"].iter().zip(&results) {
        network()
            .with_previous(result)
            .call(&node, "DEL")
            .attachment(name, "", "eth0")
            .succeed()?;
    }
    for pod in &new {
        ensure!(pod.reaches("10.1.0.1")?, "{}", pod.name());
    }
    let late = node.pod("late")?;
    assert_eq!(network().add(&node, &late).fail()?.code, EXHAUSTED);
    for pod in &new {
        network().del(&node, pod, &Value::Null).succeed()?;
    }
    assert_nothing_left(&node, &results)
}

#[test]
fn runtimes_on_two_hosts_of_one_machine_know_nothing_of_each_other() -> Result<()> {
    let node = node!();
    // A runtime inside a container, with the machine's files and a network of its own.
    let inner = node.pod("inner")?;
    let (outside, inside) = (node.pod("outside")?, node.pod("inside")?);
    let first = network().add(&node, &outside).succeed()?;
    let second = network().add(&node, &inside).on_host(&inner).succeed()?;
    assert_eq!(addresses(&first), addresses(&second));
    ensure!(inside.reaches("10.1.0.1")? && outside.reaches("10.1.0.1")?);
    ensure!(inner.has_link("cni0")?, "no bridge of its own");
    // A list that knows nothing of the other's attachments.
    let mut config = network().version("1.1.0").config().clone();
    config["cni.dev/valid-attachments"] = serde_json::json!([]);
    wasm_cni_tests::CniCall::new(&node, "wasm-cni", "GC")
        .config(&config)
        .on_host(&inner)
        .succeed()?;
    ensure!(!inside.has_link("eth0")?, "GC left it");
    ensure!(outside.reaches("10.1.0.1")?, "GC took the other's");
    network().del(&node, &outside, &first).succeed()?;
    assert_nothing_left(&node, &[])
}
