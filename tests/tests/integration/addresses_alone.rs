//! Addresses for a namespace that is not there, as callers of IPAM plugins ask for who attach no container.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Network, Node};

use crate::{addresses, node};

const EXHAUSTED: u64 = 100;
const NO_CONTAINER: u64 = 3;
const NO_NAMESPACE: u64 = 8;
/// What names no namespace: a word, a path to nothing, one to something else.
const NOWHERE: [&str; 3] = ["host", "/run/netns/gone", "/etc/hostname"];

/// The configuration of another vendor's plugin with our host-local: six addresses, 10.1.0.2 to 10.1.0.7.
fn network() -> Value {
    let range = json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.7"});
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": [[range]]});
    json!({"cniVersion": "1.1.0", "name": "pods", "type": "acme", "ipam": ipam})
}

fn call<'a>(node: &'a Node, verb: &str, config: &Value, container: &str) -> CniCall<'a> {
    CniCall::new(node, "wasm-cni", verb)
        .attachment(container, "host", "eth0")
        .config(config)
}

fn with_previous(result: &Value) -> Value {
    let mut config = network();
    config["prevResult"] = result.clone();
    config
}

#[test]
fn ipam_alone_needs_no_namespace() -> Result<()> {
    let node = node!();
    for netns in NOWHERE {
        let of = |verb: &str, config: &Value| {
            call(&node, verb, config, "agent").variable("CNI_NETNS", netns)
        };
        let result = of("ADD", &network()).succeed()?;
        of("CHECK", &with_previous(&result)).succeed()?;
        let listed = node.ctl(&["attachment", "list"])?;
        ensure!(listed[0]["netns"].is_null(), "{listed}");
        of("DEL", &network()).succeed()?;
        of("DEL", &network()).succeed()?;
        let check = of("CHECK", &with_previous(&result)).fail()?;
        ensure!(check.text.contains("agent"), "{check:?}");
    }
    let own = call(&node, "ADD", &network(), "agent").variable("CNI_NETNS", "/proc/self/ns/net");
    ensure!(own.fail()?.code == NO_NAMESPACE, "the host's own");
    Ok(())
}

#[test]
fn a_link_still_needs_its_namespace() -> Result<()> {
    let node = node!();
    let link = Network::bridge("pods", &["10.1.0.0/24"]);
    for (netns, code) in NOWHERE
        .into_iter()
        .zip([NO_CONTAINER, NO_CONTAINER, NO_NAMESPACE])
    {
        let failure = call(&node, "ADD", link.config(), "a")
            .variable("CNI_NETNS", netns)
            .fail()?;
        ensure!(failure.code == code, "{netns}: {failure:?}");
    }
    Ok(())
}

#[test]
fn what_was_given_without_a_namespace_is_free_by_del_and_gc_alone() -> Result<()> {
    let node = node!();
    let containers = ["a", "b", "c", "d", "e", "f"];
    // All at once: nobody gets what another has.
    let given = thread::scope(|scope| {
        let threads =
            containers.map(|each| scope.spawn(|| call(&node, "ADD", &network(), each).succeed()));
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("an ADD panicked"))?)
            .collect::<Result<Vec<Value>>>()
    })?;
    let distinct: BTreeSet<String> = given.iter().flat_map(addresses).collect();
    ensure!(distinct.len() == containers.len(), "{distinct:?}");
    // Neither want nor a sweep by hand frees what nobody proves free.
    for _ in 0..3 {
        let late = call(&node, "ADD", &network(), "late").fail()?;
        ensure!(late.code == EXHAUSTED, "{late:?}");
        node.ctl(&["gc"])?;
    }
    let held = || -> Result<usize> {
        let listed = node.ctl(&["attachment", "list"])?;
        Ok(listed.as_array().context("no list")?.len())
    };
    ensure!(held()? == containers.len(), "a sweep took one");
    call(&node, "DEL", &network(), "a").succeed()?;
    ensure!(held()? == containers.len() - 1, "DEL left it");
    let mut gc = network();
    gc["cni.dev/valid-attachments"] = json!([{"containerID": "b", "ifname": "eth0"}]);
    CniCall::new(&node, "wasm-cni", "GC")
        .config(&gc)
        .succeed()?;
    ensure!(held()? == 1, "GC left more than the valid one");
    call(&node, "ADD", &network(), "late").succeed().map(drop)
}

#[test]
fn a_stage_behind_tells_the_container_that_the_addresses_are_of() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    lan_end(&node, "a")?;
    let result = call(&node, "ADD", &network(), "a").succeed()?;
    let mut stage = json!({"cniVersion": "1.0.0", "name": "pods", "type": "wasm-cni", "plugin": "tuning", "mtu": 1400});
    stage["prevResult"] = json!({"cniVersion": "1.0.0", "ips": result["ips"]});
    let add = CniCall::new(&node, "wasm-cni", "ADD")
        .pod(&pod)
        .config(&stage);
    add.succeed()?;
    pod.delete()?;
    // The kernel ends a namespace in its own time.
    while node
        .run(&["ip", "link", "show", "dev", "host-a"])?
        .success()
    {
        thread::sleep(std::time::Duration::from_millis(10));
    }
    node.ctl(&["gc"])?;
    let listed = node.ctl(&["attachment", "list"])?;
    ensure!(listed == json!([]), "{listed}");
    Ok(())
}

/// Another vendor's link.
fn lan_end(node: &Node, pod: &str) -> Result<()> {
    let host = format!("host-{pod}");
    node.ok(&[
        "ip", "link", "add", &host, "type", "veth", "peer", "name", "eth0", "netns", pod,
    ])
    .map(drop)
}
