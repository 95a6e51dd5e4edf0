//! Many calls at once on one node.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Result, anyhow};
use serde_json::Value;
use wasm_cni_tests::{CniCall, Network};

use crate::{addresses, assert_nothing_left, node};

const MANY: usize = 64;

/// Makes all calls at once; all must succeed.
fn at_once(calls: Vec<CniCall<'_>>) -> Result<Vec<Value>> {
    thread::scope(|scope| {
        let running: Vec<_> = calls
            .iter()
            .map(|call| scope.spawn(move || call.succeed()))
            .collect();
        let join = |each: thread::ScopedJoinHandle<'_, Result<Value>>| {
            each.join().map_err(|_| anyhow!("a call panicked"))?
        };
        running.into_iter().map(join).collect()
    })
}

#[test]
fn many_adds_at_once_get_distinct_addresses_and_many_dels_leave_nothing() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    let pods: Vec<_> = (0..MANY)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let results = at_once(pods.iter().map(|pod| network.add(&node, pod)).collect())?;
    let distinct: BTreeSet<_> = results.iter().flat_map(addresses).collect();
    assert_eq!(distinct.len(), 2 * MANY);
    let last = &addresses(&results[MANY - 1])[0];
    assert!(pods[0].reaches(last)?);
    let dels = pods
        .iter()
        .zip(&results)
        .map(|(pod, result)| network.del(&node, pod, result));
    at_once(dels.collect())?;
    assert_nothing_left(&node, &results)
}

#[test]
fn adds_and_dels_of_one_range_mix() -> Result<()> {
    let node = node!();
    // Room for 13: never more than 12 at once.
    let network = Network::bridge("pods", &["10.1.0.0/28"]);
    let pods: Vec<_> = (0..6)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let turn = |pod| {
        (0..5).try_for_each(|_| {
            let result = network.add(&node, pod).succeed()?;
            network.del(&node, pod, &result).succeed().map(drop)
        })
    };
    thread::scope(|scope| {
        let turns: Vec<_> = pods
            .iter()
            .map(|pod| scope.spawn(move || turn(pod)))
            .collect();
        turns
            .into_iter()
            .try_for_each(|each| each.join().map_err(|_| anyhow!("a panic"))?)
    })?;
    assert_nothing_left(&node, &[])
}

#[test]
fn sweeps_leave_running_adds_alone() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24"]).version("1.1.0");
    let pods: Vec<_> = (0..24)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let valid: Vec<_> = pods
        .iter()
        .map(|pod| serde_json::json!({"containerID": pod.name(), "ifname": "eth0"}))
        .collect();
    let mut config = network.config().clone();
    config["cni.dev/valid-attachments"] = valid.into();
    let sweep = CniCall::new(&node, "wasm-cni", "GC").config(&config);
    let calls = pods
        .iter()
        .flat_map(|pod| [network.add(&node, pod), sweep.clone()]);
    let results = at_once(calls.collect())?;
    let distinct: BTreeSet<_> = results.iter().flat_map(addresses).collect();
    assert_eq!(distinct.len(), pods.len());
    for pod in &pods {
        assert!(pod.reaches("10.1.0.1")?, "{}", pod.name());
    }
    Ok(())
}
