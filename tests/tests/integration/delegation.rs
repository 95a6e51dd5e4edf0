//! Our IPAM under another vendor's link, another vendor's IPAM under our link, and chains of both.

use anyhow::Result;
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node};

use crate::{addresses, assert_nothing_left, node};

const RESERVATIONS: &str = "/var/lib/cni/networks/pods";

/// What the reference host-local has reserved.
fn reserved(node: &Node) -> Result<Vec<String>> {
    let names = node.run(&["ls", RESERVATIONS])?.stdout;
    let addresses = names
        .lines()
        .filter(|name| name.contains("10.1.") || name.contains("fd00:"));
    Ok(addresses.map(str::to_owned).collect())
}

fn two_pods(node: &Node, network: &Network) -> Result<()> {
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let results = [
        network.add(node, &a).succeed()?,
        network.add(node, &b).succeed()?,
    ];
    for address in addresses(&results[1]) {
        assert!(a.reaches(&address)?, "{address}");
    }
    network.del(node, &a, &results[0]).succeed()?;
    network.del(node, &b, &results[1]).succeed()?;
    network
        .del(node, &b, &Value::Null)
        .variable("CNI_NETNS", "")
        .succeed()?;
    assert_nothing_left(node, &results)
}

#[test]
fn the_reference_bridge_works_with_our_ipam() -> Result<()> {
    let node = node!();
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]);
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
    let plugin = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ipam});
    two_pods(&node, &Network::new("pods", plugin))
}

#[test]
fn our_link_works_with_the_reference_ipam() -> Result<()> {
    let node = node!();
    two_pods(&node, &with_reference_ipam())?;
    assert_eq!(reserved(&node)?, Vec::<String>::new());
    Ok(())
}

fn with_reference_ipam() -> Network {
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]);
    Network::bridge("pods", &[]).with("/ipam", json!({"type": "host-local", "ranges": ranges}))
}

#[test]
fn a_failed_add_gives_the_delegates_addresses_back() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0",
    ])?;
    with_reference_ipam().add(&node, &pod).fail()?;
    assert_eq!(reserved(&node)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_delegates_error_is_told_with_its_name() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let ranges = json!([[{"subnet": "10.1.0.0/31"}]]);
    let network = with_reference_ipam().with("/ipam/ranges", ranges);
    let failure = network.add(&node, &pod).fail()?;
    assert!(
        failure.text.contains("host-local") && failure.text.contains("/31"),
        "{failure:?}"
    );
    let missing = with_reference_ipam().with("/ipam/type", "no-such-plugin");
    let failure = missing.add(&node, &pod).fail()?;
    assert!(failure.text.contains("no-such-plugin"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

#[test]
fn a_list_with_another_vendors_plugin_runs_by_hand() -> Result<()> {
    let node = node!();
    let ours = Network::bridge("pods", &["10.1.0.0/24"]).conflist();
    let mut list: Value = serde_json::from_str(&ours)?;
    if let Some(plugins) = list["plugins"].as_array_mut() {
        plugins.push(json!({"type": "tuning", "mtu": 1300}));
    }
    node.write("/etc/cni/net.d/10-pods.conflist", list.to_string())?;
    let pod = node.pod("a")?;
    node.ctl(&["net", "add", "pods", "a"])?;
    assert_eq!(pod.link("eth0")?["mtu"], 1300);
    assert!(pod.reaches("10.1.0.1")?);
    node.ctl(&["net", "check", "pods", "a"])?;
    node.ctl(&["net", "del", "pods", "a"])?;
    assert!(!pod.has_link("eth0")?);
    assert_nothing_left(&node, &[])
}
