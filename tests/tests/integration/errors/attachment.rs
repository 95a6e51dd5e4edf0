//! Attachments that can't be made, checked or removed.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde_json::json;
use wasm_cni_tests::{CniFailure, Network, Node};

use super::availability::delegating;
use super::network;
use crate::lists;

pub(super) fn a_namespace_that_does_not_exist(node: &Node) -> Result<CniFailure> {
    let call = network().call(node, "ADD");
    call.attachment("a", "/run/netns/none", "eth0").fail()
}

pub(super) fn the_namespace_of_the_host(node: &Node) -> Result<CniFailure> {
    let call = network().call(node, "ADD");
    call.attachment("a", "/proc/self/ns/net", "eth0").fail()
}

pub(super) fn an_address_that_another_holds(node: &Node) -> Result<CniFailure> {
    let network = network().with("/runtimeConfig", json!({"ips": ["10.1.0.9/24"]}));
    network.add(node, &node.pod("a")?).succeed()?;
    network.add(node, &node.pod("b")?).fail()
}

pub(super) fn a_sysctl_that_does_not_exist(node: &Node) -> Result<CniFailure> {
    let tuning = json!({"plugin": "tuning", "sysctl": {"net.ipv4.conf.eth0.no_such_thing": "1"}});
    let network = network().with("/chain", json!([tuning]));
    network.add(node, &node.pod("a")?).fail()
}

pub(super) fn an_interface_that_exists(node: &Node) -> Result<CniFailure> {
    let pod = node.pod("a")?;
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0",
    ])?;
    network().add(node, &pod).fail()
}

pub(super) fn a_host_port_that_another_has(node: &Node) -> Result<CniFailure> {
    let mapping = lists::mapping("tcp", 8080, 80);
    let network = network()
        .with("/chain", json!([{"plugin": "portmap"}]))
        .with("/runtimeConfig", json!({"portMappings": [mapping]}));
    network.add(node, &node.pod("a")?).succeed()?;
    network.add(node, &node.pod("b")?).fail()
}

pub(super) fn a_device_that_another_has(node: &Node) -> Result<CniFailure> {
    node.ok(&[
        "ip", "link", "add", "dev0", "type", "veth", "peer", "name", "peer0",
    ])?;
    let link = json!({"kind": "host-device", "device": "dev0"});
    let network = Network::new("pods", json!({"type": "wasm-cni", "link": link}));
    network.add(node, &node.pod("a")?).succeed()?;
    network.add(node, &node.pod("b")?).fail()
}

/// The first call's IPAM waits for somebody to write into a pipe.
pub(super) fn a_call_beside_one_that_hangs(node: &Node) -> Result<CniFailure> {
    let script = r#"[ "$CNI_COMMAND" = ADD ] || exit 0
        : >/run/waiting; read -r _ </run/go; echo '{"ips": [{"address": "10.1.0.5/24"}]}'"#;
    let network = delegating(node, "slow", script)?;
    node.ok(&["mkfifo", "/run/go"])?;
    let pod = node.pod("a")?;
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| network.add(node, &pod).succeed());
        let begun = Instant::now();
        while !node.path("/run/waiting").exists() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let second = network.add(node, &pod).fail();
        let released = node.ok(&["sh", "-c", "echo go >/run/go"]);
        let first = first.join().map_err(|_| anyhow!("the first call panicked"));
        (released.and(first), second)
    });
    first??;
    ensure!(pod.has_link("eth0")?, "the first call is not finished");
    second
}

pub(super) fn an_address_that_was_removed(node: &Node) -> Result<CniFailure> {
    let pod = node.pod("a")?;
    let result = network().add(node, &pod).succeed()?;
    pod.ok(&["ip", "-4", "address", "flush", "dev", "eth0"])?;
    network().check(node, &pod, &result).fail()
}

/// The DEL that can write again succeeds.
pub(super) fn a_sysctl_that_can_not_be_restored(node: &Node) -> Result<CniFailure> {
    let pod = node.pod("a")?;
    let tuning = json!({"plugin": "tuning", "sysctl": {"net.ipv4.ip_default_ttl": "77"}});
    let network = network().with("/chain", json!([tuning]));
    let result = network.add(node, &pod).succeed()?;
    node.ok(&["mount", "--bind", "-o", "ro", "/proc/sys", "/proc/sys"])?;
    let failure = network.del(node, &pod, &result).fail()?;
    node.ok(&["umount", "/proc/sys"])?;
    network.del(node, &pod, &result).succeed()?;
    ensure!(pod.sysctl("net/ipv4/ip_default_ttl")? == "64");
    Ok(failure)
}
