//! Lists of plugins, called as runtimes call them.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Pod, Responder, Transport, is_silent, source_seen};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, addresses, del_by_name, equal, gone, host_end, mapping, nothing_left, same,
};
use crate::lists::{bridge, host_local, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "bridge",
        &["host-local", "portmap", "bandwidth", "firewall", "tuning"],
        [
            case!(chain_of_kubernetes),
            // Its portmap looks for the rules of IPv4 among those of IPv6.
            case!(chain_of_kubernetes_is_checked).reference_fails("could not check ipv6 dnat"),
            case!(chain_of_podman),
            // Each of its chained plugins needs what ADD printed, and the link needs the namespace.
            case!(chain_is_deleted_by_name_alone).reference_fails("still there"),
            // Its firewall needs what ADD printed, which a failed ADD does not.
            case!(chain_that_fails_at_its_end_is_deleted).reference_fails("still there"),
            // Nobody but its own DEL frees an address.
            case!(addresses_survive_a_foreign_plugin_whose_del_fails)
                .reference_fails("no IP addresses available"),
            // Its portmap looks whether a chain exists, then makes it, and fails if another did so in between.
            case!(many_at_once).reference_left_out(),
        ],
    )
}

fn stages() -> [Value; 4] {
    [
        json!({"type": "portmap", "capabilities": {"portMappings": true}}),
        json!({"type": "bandwidth", "capabilities": {"bandwidth": true}}),
        json!({"type": "firewall", "backend": "iptables"}),
        json!({"type": "tuning", "mtu": 1380, "sysctl": {"net.core.somaxconn": "511"}}),
    ]
}

fn kubernetes() -> Conflist {
    let rates = json!({
        "ingressRate": 80_000_000, "ingressBurst": 8_000_000, "egressRate": 40_000_000, "egressBurst": 4_000_000,
    });
    let [portmap, bandwidth, firewall, tuning] = stages();
    pods(&[
        bridge(&json!({"ipMasq": true})),
        portmap,
        bandwidth,
        firewall,
        tuning,
    ])
    .capability("portMappings", json!([mapping("tcp", 8080, 80)]))
    .capability("bandwidth", rates)
    .arguments(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=a",
    )
}

fn chain_of_kubernetes(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    let list = kubernetes();
    let result = list.add(node, &pod)?;
    works(node, &outside, &pod)?;
    // StopPodSandbox, then RemovePodSandbox.
    list.del(node, &pod, &result)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    pod.delete()?;
    del_by_name(&list, node, &pod)?;
    ensure!(
        is_silent(&outside, Transport::Tcp, "192.0.2.1:8080")?,
        "the port answers still"
    );
    nothing_left(node, &[result])
}

fn works(node: &Node, outside: &Outside<'_>, pod: &Pod<'_>) -> Result<()> {
    let _responder = Responder::start(pod, Transport::Tcp, "[::]:80")?;
    for target in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        source_seen(outside, Transport::Tcp, target)?.context(target)?;
    }
    let source = outside.source_seen_from(pod, Outside::IPV4)?;
    equal("masquerade", source, Some(Outside::NODE_IPV4.parse()?))?;
    same("MTU", &pod.link("eth0")?["mtu"], 1380)?;
    equal("sysctl", pod.sysctl("net/core/somaxconn")?, "511")?;
    let queues = node.ok(&["tc", "qdisc", "show"])?;
    ensure!(
        queues.contains("rate 80Mbit") && queues.contains("rate 40Mbit"),
        "{queues}"
    );
    Ok(())
}

fn chain_of_podman(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    let link = json!({
        "type": "bridge", "bridge": "cni-podman0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
        "ipam": {
            "type": "host-local", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}]],
        },
    });
    let list = pods(&[
        link,
        json!({"type": "portmap", "capabilities": {"portMappings": true}}),
        json!({"type": "firewall"}),
        json!({"type": "tuning"}),
    ])
    .with("/cniVersion", "0.4.0")
    .with("/name", "podman")
    .capability("portMappings", json!([mapping("tcp", 8080, 80)]));
    let result = list.add(node, &pod)?;
    equal("addresses", addresses(&result), ["10.88.0.2/16"])?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    // From the container itself too, by hairpin.
    source_seen(&outside, Transport::Tcp, "192.0.2.1:8080")?.context("the outside")?;
    source_seen(&pod, Transport::Tcp, "192.0.2.1:8080")?.context("the container itself")?;
    list.del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn chain_of_kubernetes_is_checked(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = kubernetes().add(node, &pod)?;
    kubernetes().check(node, &pod, &result)
}

fn chain_is_deleted_by_name_alone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = kubernetes();
    let result = list.add(node, &pod)?;
    let bare = list
        .capability("portMappings", json!([]))
        .capability("bandwidth", json!({}));
    del_by_name(&bare, node, &pod)?;
    nothing_left(node, &[result])
}

fn chain_that_fails_at_its_end_is_deleted(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = kubernetes();
    let whole = list.add(node, &pod)?;
    list.del(node, &pod, &whole)?;
    let list = list.with("/plugins/4/sysctl", json!({"net.ipv4.no_such_thing": "1"}));
    add_fails(&list, node, &pod)?;
    list.del(node, &pod, &Value::Null)?;
    // The addresses are the next ones of the range, which the result of the first ADD does not tell.
    nothing_left(
        node,
        &[
            whole,
            json!({"ips": [{"address": "10.1.0.3/24"}, {"address": "fd00:1::3/64"}]}),
        ],
    )
}

fn addresses_survive_a_foreign_plugin_whose_del_fails(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let list = pods(&[bridge(&json!({"ipam": host_local(&["10.1.0.0/30"])}))]);
    let result = list.add(node, &pod)?;
    // The runtime's DEL ends at a plugin behind ours that fails, so ours is never called.
    pod.delete()?;
    gone(node, &host_end(&result)?)?;
    let again = list.add(node, &other)?;
    equal("addresses", addresses(&again), addresses(&result))
}

fn many_at_once(node: &Node) -> Result<()> {
    const MANY: u16 = 6;
    let pods = (0..MANY)
        .map(|number| node.pod(&format!("p{number}")))
        .collect::<Result<Vec<_>>>()?;
    let list = kubernetes().capability("bandwidth", json!({}));
    let results: Vec<Value> = thread::scope(|scope| {
        let running: Vec<_> = pods
            .iter()
            .zip(8080..)
            .map(|(pod, port)| {
                let list = list.capability("portMappings", json!([mapping("tcp", port, 80)]));
                scope.spawn(move || {
                    let result = list.add(node, pod)?;
                    ensure!(
                        pod.reaches("10.1.0.1")?,
                        "{} does not reach its gateway",
                        pod.name()
                    );
                    list.del(node, pod, &result)?;
                    Ok(result)
                })
            })
            .collect();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a panic"))?);
        ended.collect::<Result<_>>()
    })?;
    let different: BTreeSet<_> = results.iter().flat_map(addresses).collect();
    equal(
        "different addresses",
        different.len(),
        usize::from(MANY) * 2,
    )?;
    nothing_left(node, &results)
}
