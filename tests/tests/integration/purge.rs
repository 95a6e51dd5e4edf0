//! `wasm-cnictl net purge` and `gc`: what they take away and what they leave, by the kernel's word.

use anyhow::Result;
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Conflist, Network, Node, Outcome};

use crate::{assert_nothing_left, node};

fn purge(node: &Node, words: &[&str]) -> Result<Outcome> {
    let ctl = format!("{BIN_DIR}/wasm-cnictl");
    node.run(&[&[ctl.as_str(), "net", "purge"], words].concat())
}

fn bridge(name: &str, bridge: &str, subnet: &str) -> Conflist {
    let entry = json!({
        "type": "wasm-cni",
        "link": {"kind": "bridge", "bridge": bridge, "isDefaultGateway": true, "ipMasq": true},
        "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": [[{"subnet": subnet}]]},
        "chain": [{"plugin": "portmap"}],
        "capabilities": {"portMappings": true},
    });
    Conflist::new(name, &[entry])
}

fn with_port(network: &Conflist, port: u16) -> Conflist {
    let mapping = json!([{"hostPort": port, "containerPort": 80, "protocol": "tcp"}]);
    network.capability("portMappings", mapping)
}

/// The chains of our table whose comment names the network as their owner.
fn chains_of(node: &Node, network: &str) -> Result<usize> {
    // `host ports of network pods` as well.
    let owner = format!("network {network}\"");
    Ok(node.ruleset()?.matches(owner.as_str()).count())
}

#[test]
fn a_purge_takes_all_of_one_network_and_nothing_of_another() -> Result<()> {
    let node = node!();
    let (pods, other) = (
        with_port(&bridge("pods", "cni0", "10.1.0.0/24"), 8080),
        with_port(&bridge("other", "cni1", "10.2.0.0/24"), 8081),
    );
    let (pod, neighbour) = (node.pod("pod")?, node.pod("neighbour")?);
    let result = pods.add(&node, &pod)?;
    other.add(&node, &neighbour)?;
    assert_eq!(chains_of(&node, "pods")?, 2);

    let refused = purge(&node, &["pods"])?;
    assert!(
        !refused.success() && refused.stderr.contains("pods/pod/eth0"),
        "{refused:?}"
    );
    assert!(pod.reaches("10.1.0.1")?);

    pods.del(&node, &pod, &result)?;
    let purged = node.ctl(&["net", "purge", "pods"])?;
    assert_eq!(purged["kept"], json!([]), "{purged}");
    assert_eq!(node.link_names("bridge")?, ["cni1"]);
    assert_eq!(chains_of(&node, "pods")?, 0);
    assert_eq!(chains_of(&node, "other")?, 2);
    let sets = node.ruleset()?;
    assert_eq!(sets.matches("set pods4-").count(), 1, "{sets}");
    assert_eq!(sets.matches("map any4-").count(), 1, "{sets}");
    let leases = node.ctl(&["lease", "list", "--network", "pods"])?;
    assert_eq!(leases, json!([]));
    assert!(neighbour.reaches("10.2.0.1")?);

    // All of it comes back with the next attachment, from the first address on.
    let again = pods.add(&node, &pod)?;
    assert_eq!(again["ips"], result["ips"]);
    assert!(pod.reaches("10.1.0.1")?);
    pods.del(&node, &pod, &again)
}

#[test]
fn the_last_purge_leaves_no_table() -> Result<()> {
    let node = node!();
    let network = bridge("pods", "cni0", "10.1.0.0/24");
    let pod = node.pod("pod")?;
    let result = network.add(&node, &pod)?;
    assert!(node.ruleset()?.contains("wasm-cni"));
    network.del(&node, &pod, &result)?;
    node.ctl(&["net", "purge", "pods"])?;
    assert!(!node.ruleset()?.contains("wasm-cni"));
    let again = purge(&node, &["pods"])?;
    assert!(
        again.success() && again.stdout.contains("nothing is there"),
        "{again:?}"
    );
    Ok(())
}

#[test]
fn what_others_made_or_use_is_left() -> Result<()> {
    let node = node!();
    node.ok(&["ip", "link", "add", "br0", "type", "bridge"])?;
    let foreign = bridge("foreign", "br0", "10.1.0.0/24");
    let pod = node.pod("pod")?;
    let result = foreign.add(&node, &pod)?;
    foreign.del(&node, &pod, &result)?;
    node.ctl(&["net", "purge", "foreign"])?;
    assert_eq!(node.link_names("bridge")?, ["br0"]);

    let ours = bridge("ours", "cni0", "10.2.0.0/24");
    let result = ours.add(&node, &pod)?;
    ours.del(&node, &pod, &result)?;
    node.ok(&[
        "ip", "link", "add", "tap0", "type", "veth", "peer", "name", "tap1",
    ])?;
    node.ok(&["ip", "link", "set", "tap0", "master", "cni0"])?;
    let kept = purge(&node, &["ours"])?;
    assert!(
        !kept.success() && kept.stdout.contains("bridge cni0: it has ports: tap0"),
        "{kept:?}"
    );
    node.ok(&["ip", "link", "delete", "tap0"])?;
    node.ctl(&["net", "purge", "ours"])?;
    assert_eq!(node.link_names("bridge")?, ["br0"]);
    Ok(())
}

#[test]
fn force_detaches_first() -> Result<()> {
    let node = node!();
    let network = bridge("pods", "cni0", "10.1.0.0/24");
    let pods = [node.pod("a")?, node.pod("b")?];
    let mut results = Vec::new();
    for pod in &pods {
        results.push(network.add(&node, pod)?);
    }
    let purged = node.ctl(&["net", "purge", "pods", "--force"])?;
    assert_eq!(purged["detached"].as_array().map(Vec::len), Some(2));
    for pod in &pods {
        assert!(!pod.has_link("eth0")?);
    }
    assert_eq!(node.link_names("bridge")?, [""; 0]);
    assert_nothing_left(&node, &results)
}

#[test]
fn a_dry_run_of_gc_changes_nothing() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let (gone, lives) = (node.pod("gone")?, node.pod("lives")?);
    let result = network.add(&node, &gone).succeed()?;
    network.add(&node, &lives).succeed()?;
    assert_eq!(node.ctl(&["gc", "--dry-run"])?["removed"], json!([]));
    gone.delete()?;
    while node.link_names("veth")?.len() > 1 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let recorded = || -> Result<Value> { node.ctl(&["attachment", "list"]) };
    let before = recorded()?;
    let dry = node.ctl(&["gc", "--dry-run"])?;
    assert_eq!(dry["removed"], json!(["pods/gone/eth0"]));
    assert_eq!(recorded()?, before);
    let done = node.ctl(&["gc"])?;
    assert_eq!(done["removed"], dry["removed"]);
    assert_eq!(recorded()?.as_array().map(Vec::len), Some(1));
    let left = node.leftovers(&[result])?;
    // The living one's link, record and lease.
    assert_eq!(left.len(), 3, "{left:#?}");
    assert!(lives.reaches("10.1.0.1")?);
    Ok(())
}
