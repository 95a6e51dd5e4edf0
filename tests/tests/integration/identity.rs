//! What is not ours is never touched, and what lives is never handed out again.

use std::process::Child;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, Pod, Snapshot};

use crate::{addresses, assert_nothing_left, node};

const EXHAUSTED: u64 = 100;

fn foreign_eth0(pod: &Pod<'_>) -> Result<Value> {
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0",
    ])?;
    pod.link("eth0")
}

/// A process inside the namespace keeps it alive without a path.
pub(crate) fn inhabit(node: &Node, pod: &Pod<'_>) -> Result<Child> {
    let enter = format!("--net={}", pod.netns());
    let sleep = "echo $$ >/run/inhabitant && exec sleep 3600";
    let child = node
        .command(&["nsenter", &enter, "--", "sh", "-c", sleep])
        .spawn()?;
    let cookie = pod.ok(&["readlink", "/proc/self/ns/net"])?;
    let find = format!(
        "readlink /proc/[0-9]*/ns/net | grep -cxF '{}'",
        cookie.trim()
    );
    // The shell's own readlink is outside, so the only match is the sleeper.
    while !node.run(&["sh", "-c", &find])?.success() {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

/// Ends the process that [`inhabit`] started last.
pub(crate) fn leave(node: &Node, mut inhabitant: Child) -> Result<()> {
    node.ok(&["sh", "-c", "kill -KILL \"$(cat /run/inhabitant)\""])?;
    inhabitant.wait()?;
    Ok(())
}

#[test]
fn an_interface_that_exists_makes_add_fail_and_survives() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let before = foreign_eth0(&pod)?;
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let failure = network.add(&node, &pod).fail()?;
    assert!(failure.text.contains("eth0"), "{failure:?}");
    assert_eq!(pod.link("eth0")?, before);
    assert_nothing_left(&node, &[])?;
    network.del(&node, &pod, &Value::Null).succeed()?;
    assert_eq!(pod.link("eth0")?, before);
    Ok(())
}

#[test]
fn a_second_add_fails_and_the_first_stays() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let result = network.add(&node, &pod).succeed()?;
    let before = Snapshot::take(&node)?;
    network.add(&node, &pod).fail()?;
    before.assert_unchanged(&node)?;
    assert!(pod.reaches("10.1.0.1")?);
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn an_add_killed_at_any_moment_leaves_nothing_that_del_does_not_find() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    network.add(&node, &node.pod("first")?).succeed()?;
    network
        .del(&node, &node.pod("other")?, &Value::Null)
        .succeed()?;
    network
        .call(&node, "DEL")
        .attachment("first", "", "eth0")
        .succeed()?;
    for step in 1..=40_u32 {
        let pod = node.pod(&format!("pod{step}"))?;
        // From before the process has begun to after it has ended.
        let delay = 0.000_2 * f64::from(step);
        let killed = network.add(&node, &pod).killed_after(delay).run()?;
        let own = pod.has_link("eth0")?;
        // Where ours was not made, another's takes its name: DEL must see the difference.
        let foreign = if own { None } else { Some(foreign_eth0(&pod)?) };
        network
            .del(&node, &pod, &Value::Null)
            .succeed()
            .with_context(|| format!("{killed:?}"))?;
        assert_eq!(
            pod.has_link("eth0")?,
            foreign.is_some(),
            "killed after {delay} s"
        );
        assert_nothing_left(&node, &[]).with_context(|| format!("killed after {delay} s"))?;
    }
    Ok(())
}

#[test]
fn a_del_killed_at_any_moment_can_be_repeated() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    for step in 1..=20_u32 {
        let pod = node.pod(&format!("pod{step}"))?;
        let result = network.add(&node, &pod).succeed()?;
        let delay = 0.000_4 * f64::from(step);
        network
            .del(&node, &pod, &result)
            .killed_after(delay)
            .run()?;
        network
            .del(&node, &pod, &Value::Null)
            .variable("CNI_NETNS", "")
            .succeed()?;
        assert_nothing_left(&node, &[result]).with_context(|| format!("killed after {delay} s"))?;
    }
    Ok(())
}

#[test]
fn a_pod_whose_path_was_unmounted_keeps_its_address() -> Result<()> {
    let node = node!();
    // Addresses .2 and .3.
    let network = Network::bridge("pods", &["10.1.0.0/29"]).with(
        "/ipam/ranges",
        serde_json::json!([[{"subnet": "10.1.0.0/29", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"}]]),
    );
    let (hidden, other, late) = (node.pod("hidden")?, node.pod("other")?, node.pod("late")?);
    let result = network.add(&node, &hidden).succeed()?;
    let sleeper = inhabit(&node, &hidden)?;
    hidden.delete()?;
    network.add(&node, &other).succeed()?;
    assert_eq!(network.add(&node, &late).fail()?.code, EXHAUSTED);
    assert_eq!(
        node.ctl(&["attachment", "list"])?.as_array().map(Vec::len),
        Some(2)
    );
    network
        .call(&node, "DEL")
        .attachment("hidden", &hidden.netns(), "eth0")
        .succeed()?;
    let given = network.add(&node, &late).succeed()?;
    assert_eq!(addresses(&given), addresses(&result));
    leave(&node, sleeper)
}

#[test]
fn a_pod_whose_end_on_the_host_was_renamed_keeps_its_address() -> Result<()> {
    let node = node!();
    // The one address is .2.
    let network = Network::bridge("pods", &["10.1.0.0/29"]).with(
        "/ipam/ranges",
        json!([[{"subnet": "10.1.0.0/29", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.2"}]]),
    );
    let (pod, late) = (node.pod("a")?, node.pod("late")?);
    let result = network.add(&node, &pod).succeed()?;
    let end = node.link_names("veth")?.remove(0);
    node.ok(&["ip", "link", "set", &end, "down"])?;
    node.ok(&[
        "ip",
        "link",
        "set",
        &end,
        "name",
        "renamed0",
        "address",
        "02:00:00:00:00:99",
    ])?;
    assert_eq!(network.add(&node, &late).fail()?.code, EXHAUSTED);
    // Not even out of sight, with the pod's end still there.
    let elsewhere = node.pod("elsewhere")?;
    node.ok(&["ip", "link", "set", "renamed0", "netns", elsewhere.name()])?;
    assert_eq!(network.add(&node, &late).fail()?.code, EXHAUSTED);
    network.del(&node, &pod, &result).succeed()?;
    assert!(!pod.has_link("eth0")? && !elsewhere.has_link("renamed0")?);
    let given = network.add(&node, &late).succeed()?;
    assert_eq!(addresses(&given), addresses(&result));
    network.del(&node, &late, &given).succeed()?;
    assert_nothing_left(&node, &[result, given])
}

#[test]
fn a_path_that_names_another_namespace_by_now_is_no_reason_to_delete_there() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    let sleeper = inhabit(&node, &pod)?;
    pod.delete()?;
    let successor = node.pod("a")?;
    let before = foreign_eth0(&successor)?;
    network.del(&node, &successor, &result).succeed()?;
    assert_eq!(successor.link("eth0")?, before);
    assert_nothing_left(&node, &[result])?;
    leave(&node, sleeper)
}

#[test]
fn live_addresses_are_not_handed_out_again_after_the_state_is_lost() -> Result<()> {
    let node = node!();
    live_addresses_stay(
        &node,
        &Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]),
    )
}

#[test]
fn live_addresses_behind_another_vendors_link_are_not_handed_out_again_either() -> Result<()> {
    let node = node!();
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]);
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
    let plugin = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ipam});
    live_addresses_stay(&node, &Network::new("pods", plugin))
}

fn live_addresses_stay(node: &Node, network: &Network) -> Result<()> {
    let pods = [node.pod("a")?, node.pod("b")?];
    let mut live = Vec::new();
    for pod in &pods {
        live.extend(addresses(&network.add(node, pod).succeed()?));
    }
    node.ok(&["rm", "-r", "/run/wasm-cni"])?;
    for name in ["c", "d", "e"] {
        let result = network.add(node, &node.pod(name)?).succeed()?;
        for address in addresses(&result) {
            assert!(!live.contains(&address), "{address} belongs to a live pod");
        }
    }
    Ok(())
}

#[test]
fn a_pod_without_record_is_deleted_by_its_previous_result() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    node.ok(&["rm", "-r", "/run/wasm-cni"])?;
    network.del(&node, &pod, &result).succeed()?;
    assert!(!pod.has_link("eth0")?);
    Ok(())
}
