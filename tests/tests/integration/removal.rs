//! DEL in every awkward way leaves nothing behind, and repeats succeed.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, Pod, link_kind};

use crate::{assert_nothing_left, lan, node};

/// What a way of deleting has at hand.
struct Scene<'a> {
    node: &'a Node,
    network: &'a Network,
    pod: &'a Pod<'a>,
    result: &'a Value,
}

impl Scene<'_> {
    fn del(&self) -> wasm_cni_tests::CniCall<'_> {
        self.network.del(self.node, self.pod, self.result)
    }
}

type Way = (&'static str, fn(&Scene<'_>) -> Result<Value>);

const WAYS: [Way; 11] = [
    ("plainly", |scene| scene.del().succeed()),
    ("without prevResult", |scene| {
        scene
            .network
            .del(scene.node, scene.pod, &Value::Null)
            .succeed()
    }),
    ("without namespace", |scene| {
        scene.del().without("CNI_NETNS").succeed()
    }),
    ("with an empty namespace", |scene| {
        scene.del().variable("CNI_NETNS", "").succeed()
    }),
    ("with the namespace gone", |scene| {
        scene.pod.delete()?;
        scene.del().succeed()
    }),
    ("with the interface gone", |scene| {
        scene.pod.ok(&["ip", "link", "delete", "eth0"])?;
        scene.del().succeed()
    }),
    ("with the rule set flushed", |scene| {
        scene.node.ok(&["nft", "flush", "ruleset"])?;
        scene.del().succeed()
    }),
    ("with other addresses configured", |scene| {
        let ranges = json!([[{"subnet": "172.16.0.0/24"}]]);
        let changed = scene.network.with("/ipam/ranges", ranges);
        changed.del(scene.node, scene.pod, scene.result).succeed()
    }),
    ("with another link configured", |scene| {
        let changed = scene
            .network
            .with("/link", json!({"kind": "bridge", "bridge": "other0"}));
        changed.del(scene.node, scene.pod, scene.result).succeed()
    }),
    (
        "with the IPAM plugin gone from the configuration",
        |scene| {
            let changed = scene.network.with("/ipam/plugin", "not-installed");
            changed.del(scene.node, scene.pod, scene.result).succeed()
        },
    ),
    ("without gateway and masquerade", |scene| {
        let changed = scene
            .network
            .with("/link/ipMasq", false)
            .with("/link/isDefaultGateway", false);
        changed.del(scene.node, scene.pod, scene.result).succeed()
    }),
];

fn every_way(node: &Node, network: &Network, skipped: &[&str]) -> Result<()> {
    for (number, (name, way)) in WAYS.iter().enumerate() {
        if skipped.contains(name) {
            continue;
        }
        let pod = node.pod(&format!("pod{number}"))?;
        let result = network.add(node, &pod).succeed().context(*name)?;
        let scene = Scene {
            node,
            network,
            pod: &pod,
            result: &result,
        };
        way(&scene).context(*name)?;
        assert_nothing_left(node, std::slice::from_ref(&result)).context(*name)?;
        // containerd sends two; the second has neither namespace nor prevResult.
        let again = network
            .del(node, &pod, &Value::Null)
            .variable("CNI_NETNS", "");
        again.succeed().with_context(|| format!("{name}, again"))?;
        assert_nothing_left(node, &[result]).with_context(|| format!("{name}, again"))?;
    }
    Ok(())
}

#[test]
fn a_bridge_port_is_gone_after_every_way_to_delete_it() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"])
        .with("/link/macspoofchk", true)
        .with("/link/hairpinMode", true);
    every_way(&node, &network, &[])
}

#[test]
fn a_chain_is_gone_after_every_way_to_delete_it() -> Result<()> {
    let node = node!();
    let stages = json!([
        {"plugin": "portmap"},
        {
            "plugin": "bandwidth",
            "ingressRate": 80_000_000, "ingressBurst": 8_000_000, "egressRate": 80_000_000, "egressBurst": 8_000_000,
        },
        {"plugin": "firewall", "ingressPolicy": "isolated"},
        {"plugin": "flow-policy", "ingress": {"default": "drop", "allow": [{"protocol": "tcp", "ports": [80]}]}},
        {"plugin": "tuning", "mtu": 1380, "promisc": true},
    ]);
    let ports =
        json!({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "udp"}]});
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"])
        .with("/chain", stages)
        .with("/runtimeConfig", ports);
    every_way(&node, &network, &[])?;
    let queues = node.ok(&["tc", "qdisc", "show"])?;
    assert!(!queues.contains("tbf"), "{queues}");
    Ok(())
}

#[test]
fn a_point_to_point_link_is_gone_after_every_way_to_delete_it() -> Result<()> {
    let node = node!();
    let link = json!({"kind": "ptp", "ipMasq": true});
    let network = Network::of_link("direct", link, &["10.3.0.0/24", "fd00:3::/64"]);
    every_way(&node, &network, &["without gateway and masquerade"])
}

#[test]
fn a_macvlan_is_gone_after_every_way_to_delete_it() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    let link = json!({"kind": "macvlan", "master": "eth0"});
    let network = Network::of_link("flat", link, &["10.5.0.0/24"]);
    every_way(&node, &network, &["without gateway and masquerade"])
}

#[test]
fn pods_are_deleted_in_any_order() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    let pods: Vec<_> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| node.pod(name))
        .collect::<Result<_>>()?;
    let results: Vec<_> = pods
        .iter()
        .map(|pod| network.add(&node, pod).succeed())
        .collect::<Result<_>>()?;
    for number in [2, 0, 3] {
        network
            .del(&node, &pods[number], &results[number])
            .succeed()?;
    }
    assert!(pods[1].reaches("10.1.0.1")?);
    network.del(&node, &pods[1], &results[1]).succeed()?;
    assert_nothing_left(&node, &results)
}

#[test]
fn del_of_what_never_was_succeeds_and_touches_nothing() -> Result<()> {
    let node = node!();
    let (stranger, pod) = (node.pod("stranger")?, node.pod("a")?);
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let result = network.add(&node, &pod).succeed()?;
    stranger.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ])?;
    network.del(&node, &stranger, &Value::Null).succeed()?;
    // Another's result: its address is a's by now, its interface has another MAC.
    network.del(&node, &stranger, &result).succeed()?;
    assert!(stranger.has_link("eth0")?);
    assert!(pod.reaches("10.1.0.1")?);
    let rules = node.ruleset()?;
    assert!(rules.contains("10.1.0.2"), "{rules}");
    Ok(())
}
