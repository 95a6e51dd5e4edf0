//! GC, which none of the reference plugins' releases does.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    CniCall, Conflist, Network, Node, Outside, Responder, Snapshot, Transport, is_silent,
    source_seen,
};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, addresses, equal, gone, host_end, mapping, nothing_left};
use crate::lists::{bridge, host_local, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    let all = [
        case!(gc_frees_what_is_not_in_the_list),
        case!(gc_removes_links_and_rules),
        case!(gc_keeps_what_is_in_the_list),
        case!(gc_leaves_other_networks_alone),
        case!(gc_without_list_is_refused),
        case!(gc_before_1_1_0_is_refused),
    ];
    let all = all.map(|case| case.reference_left_out());
    group("bridge", &["host-local", "portmap", "firewall"], all)
}

fn list() -> Conflist {
    let routes = json!({"routes": [{"dst": "0.0.0.0/0"}]});
    let ipam = merged(&host_local(&["10.1.0.0/29"]), &routes);
    pods(&[
        bridge(&json!({"ipMasq": true, "ipam": ipam})),
        json!({"type": "portmap", "capabilities": {"portMappings": true}}),
        json!({"type": "firewall"}),
    ])
    .with("/cniVersion", "1.1.0")
}

fn with_port(port: u16) -> Conflist {
    list().capability("portMappings", json!([mapping("tcp", port, 80)]))
}

fn gc_frees_what_is_not_in_the_list(node: &Node) -> Result<()> {
    let mut alive = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let pod = node.pod(name)?;
        list().add(node, &pod)?;
        alive.push(pod);
    }
    let (next, over) = (node.pod("f")?, node.pod("g")?);
    add_fails(&list(), node, &next)?;
    list().gc(node, &[&alive[1], &alive[2], &alive[3], &alive[4]])?;
    equal(
        "addresses",
        addresses(&list().add(node, &next)?),
        ["10.1.0.2/29"],
    )?;
    add_fails(&list(), node, &over).map(drop)
}

fn gc_removes_links_and_rules(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let (gone_pod, living) = (node.pod("a")?, node.pod("b")?);
    let results = [
        with_port(8080).add(node, &gone_pod)?,
        with_port(8081).add(node, &living)?,
    ];
    gone_pod.delete()?;
    gone(node, &host_end(&results[0])?)?;
    list().gc(node, &[&living])?;
    ensure!(
        is_silent(&outside, Transport::Tcp, "192.0.2.1:8080")?,
        "the port answers still"
    );
    with_port(8081).del(node, &living, &results[1])?;
    nothing_left(node, &results)
}

fn gc_keeps_what_is_in_the_list(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    let result = with_port(8080).add(node, &pod)?;
    list().gc(node, &[&pod])?;
    with_port(8080).check(node, &pod, &result)?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    let answer = source_seen(&outside, Transport::Tcp, "192.0.2.1:8080")?;
    ensure!(answer.is_some(), "the port is silent");
    with_port(8080).del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn gc_leaves_other_networks_alone(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let others = list()
        .with("/name", "others")
        .with("/plugins/0/bridge", "cni1")
        .with("/plugins/0/ipam", host_local(&["10.2.0.0/29"]));
    let first = list().add(node, &pod)?;
    let second = others.add(node, &other)?;
    list().gc(node, &[])?;
    others.check(node, &other, &second)?;
    ensure!(other.reaches("10.2.0.1")?, "the gateway is not reached");
    others.del(node, &other, &second)?;
    nothing_left(node, &[first, second])
}

fn gc<'a>(node: &'a Node, version: &str, keys: &Value) -> CniCall<'a> {
    let plugin = merged(&bridge(&json!({"cniVersion": version})), keys);
    Network::new("pods", plugin).call(node, "GC")
}

fn gc_without_list_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    list().add(node, &pod)?;
    let before = Snapshot::take(node)?;
    gc(node, "1.1.0", &json!({})).run()?.error()?;
    before.assert_unchanged(node)
}

fn gc_before_1_1_0_is_refused(node: &Node) -> Result<()> {
    let call = gc(node, "1.0.0", &json!({"cni.dev/valid-attachments": []}));
    equal("code", call.run()?.error()?.code, 1_u64)
}
