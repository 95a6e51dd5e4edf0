//! A full range.

use anyhow::Result;
use serde_json::Value;
use wasm_cni_tests::{Network, Node, Pod};

use crate::{addresses, node};

/// Addresses .2 to .6.
const ROOM: usize = 5;
const EXHAUSTED: u64 = 100;

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/29"]).version("1.1.0")
}

fn fill(node: &Node) -> Result<Vec<(Pod<'_>, Value)>> {
    let attach = |number| {
        let pod = node.pod(&format!("pod{number}"))?;
        let result = network().add(node, &pod).succeed()?;
        Ok((pod, result))
    };
    (0..ROOM).map(attach).collect()
}

#[test]
fn a_full_range_fails_with_a_code_until_one_address_is_free() -> Result<()> {
    let node = node!();
    let pods = fill(&node)?;
    let late = node.pod("late")?;
    let failure = network().add(&node, &late).fail()?;
    assert_eq!(failure.code, EXHAUSTED, "{failure:?}");
    assert!(
        failure.text.contains("pods") && failure.text.contains("host-local"),
        "{failure:?}"
    );
    assert!(!late.has_link("eth0")?);
    let (pod, result) = &pods[3];
    network().del(&node, pod, result).succeed()?;
    // It cools, but nothing else is left.
    let again = network().add(&node, &late).succeed()?;
    assert_eq!(addresses(&again), addresses(result));
    Ok(())
}

#[test]
fn status_tells_that_a_range_is_full() -> Result<()> {
    let node = node!();
    let status = |network: &Network| network.call(&node, "STATUS");
    status(&network()).succeed()?;
    let pods = fill(&node)?;
    assert_eq!(status(&network()).fail()?.code, 50);
    let ready = network().with("/ipam/statusWhenExhausted", "ready");
    status(&ready).succeed()?;
    network().del(&node, &pods[0].0, &Value::Null).succeed()?;
    status(&network()).succeed()?;
    Ok(())
}

#[test]
fn addresses_of_dead_pods_are_found_without_the_runtimes_help() -> Result<()> {
    let node = node!();
    let pods = fill(&node)?;
    let (dead, result) = &pods[2];
    dead.delete()?;
    let host = result["interfaces"][1]["name"].as_str().unwrap_or_default();
    // The kernel ends a namespace in its own time.
    while node.run(&["ip", "link", "show", "dev", host])?.success() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let late = node.pod("late")?;
    let again = network().add(&node, &late).succeed()?;
    assert_eq!(addresses(&again), addresses(result));
    Ok(())
}
