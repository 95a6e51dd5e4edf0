//! The log: a line for each call, with the time of each phase.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use wasm_cni_tests::{CniCall, Network, Node};

use crate::node;

const LOG: &str = "/var/log/wasm-cni/wasm-cni.log";
const TRACE_PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24"])
}

/// The fields of the lines that belong to calls.
fn calls(node: &Node) -> Result<Vec<BTreeMap<String, String>>> {
    let text = std::fs::read_to_string(node.path(LOG)).context("no log")?;
    let fields = |line: &str| {
        // Nothing in front of the message has a space in its value.
        let head = line.split(" msg=").next().unwrap_or_default();
        head.split(' ')
            .filter_map(|field| field.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    Ok(text
        .lines()
        .map(fields)
        .filter(|line| line.contains_key("verb"))
        .collect())
}

fn milliseconds(line: &BTreeMap<String, String>, key: &str) -> Result<f64> {
    let value = line.get(key).with_context(|| format!("no {key}"))?;
    let number = value.strip_suffix("ms").with_context(|| value.clone())?;
    Ok(number.parse()?)
}

#[test]
fn each_call_tells_what_it_spent_where() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let add = network()
        .add(&node, &pod)
        .variable("TRACEPARENT", TRACE_PARENT);
    let result = add.succeed()?;
    network().del(&node, &pod, &result).succeed()?;
    let lines = calls(&node)?;
    let [add, del] = lines.as_slice() else {
        anyhow::bail!("two lines expected: {lines:?}")
    };
    for (key, value) in [
        ("verb", "ADD"),
        ("plugin", "bridge"),
        ("network", "pods"),
        ("container", "a"),
        ("interface", "eth0"),
        ("trace", "0af7651916cd43dd8448eb211c80319c"),
        ("code", "0"),
        ("level", "info"),
    ] {
        ensure!(
            add.get(key).is_some_and(|found| found == value),
            "{key}: {add:?}"
        );
    }
    let phases = [
        "parse", "load", "guest", "verify", "delegate", "lock", "store", "netns", "netlink", "nft",
        "other",
    ];
    for line in [add, del] {
        let mut sum = 0.0;
        for phase in phases {
            sum += milliseconds(line, phase)?;
        }
        // Each is rounded to a microsecond.
        ensure!((sum - milliseconds(line, "took")?).abs() < 0.01, "{line:?}");
    }
    for phase in [
        "start", "parse", "load", "guest", "verify", "store", "netns", "netlink", "nft",
    ] {
        ensure!(milliseconds(add, phase)? > 0.0, "{phase}: {add:?}");
    }
    for phase in ["store", "netlink"] {
        ensure!(milliseconds(del, phase)? > 0.0, "{phase}: {del:?}");
    }
    for phase in ["load", "guest"] {
        ensure!(milliseconds(del, phase)? == 0.0, "{phase}: {del:?}");
    }
    Ok(())
}

#[test]
fn a_probe_for_versions_leaves_no_line_and_a_refused_call_does() -> Result<()> {
    let node = node!();
    CniCall::new(&node, "wasm-cni", "VERSION").succeed()?;
    ensure!(!node.path(LOG).exists());
    CniCall::new(&node, "wasm-cni", "FROB").fail()?;
    let lines = calls(&node)?;
    ensure!(lines.len() == 1 && lines[0]["code"] == "4", "{lines:?}");
    Ok(())
}

#[test]
fn settings_that_can_not_be_used_are_told_where_the_log_is_by_default() -> Result<()> {
    let node = node!();
    node.write("/etc/wasm-cni/config.json", "{\"logFle\": \"/tmp/x\"}")?;
    let failure = network().add(&node, &node.pod("a")?).fail()?;
    ensure!(
        failure.code == 5 && failure.text.contains("logFle"),
        "{failure:?}"
    );
    ensure!(failure.text.contains("phase node of ADD"), "{failure:?}");
    ensure!(calls(&node)?.len() == 1);
    Ok(())
}
