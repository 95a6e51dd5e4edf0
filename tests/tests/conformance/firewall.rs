//! Which packets the plugin `firewall` lets pass.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    Conflist, Node, Outside, Place, Pod, Responder, Transport, is_silent, source_seen,
};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, attached, check_notices, equal, nothing_left, passed_through};
use crate::lists::{SUBNETS, behind_bridge, bridge, host_local, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "firewall",
        &["bridge", "host-local"],
        [
            case!(containers_pass_a_host_that_drops_what_it_forwards),
            case!(only_its_own_containers_pass),
            case!(same_bridge_keeps_other_bridges_away),
            case!(what_came_before_passes_through),
            case!(without_what_came_before_it_is_refused).with(&["firewall"]),
            case!(del_twice),
            // It finds its rules by the addresses of the result.
            case!(del_without_result).reference_fails("still there"),
            case!(check_notices_missing_rules),
        ],
    )
}

fn behind(keys: &Value) -> Conflist {
    behind_bridge(&merged(
        &json!({"type": "firewall", "backend": "iptables"}),
        keys,
    ))
}

/// What `iptables -P FORWARD DROP` makes of a host.
fn drop_what_is_forwarded(node: &Node) -> Result<()> {
    for program in ["iptables", "ip6tables"] {
        node.ok(&[program, "-P", "FORWARD", "DROP"])?;
    }
    Ok(())
}

/// A way back for answers; the node does not masquerade here.
fn route_back(outside: &Outside<'_>) -> Result<()> {
    outside.pod().ok(&[
        "ip",
        "route",
        "add",
        "10.1.0.0/24",
        "via",
        Outside::NODE_IPV4,
    ])?;
    outside
        .pod()
        .ok(&[
            "ip",
            "-6",
            "route",
            "add",
            "fd00:1::/64",
            "via",
            Outside::NODE_IPV6,
        ])
        .map(drop)
}

fn passes(from: &dyn Place, target: &str) -> Result<()> {
    source_seen(from, Transport::Tcp, target)?.with_context(|| format!("{target} is silent"))?;
    Ok(())
}

fn dropped(from: &dyn Place, target: &str) -> Result<()> {
    ensure!(is_silent(from, Transport::Tcp, target)?, "{target} answers");
    Ok(())
}

fn respond(place: &dyn Place) -> Result<Responder> {
    Responder::start(place, Transport::Tcp, "[::]:80")
}

fn containers_pass_a_host_that_drops_what_it_forwards(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    route_back(&outside)?;
    drop_what_is_forwarded(node)?;
    let pod = node.pod("a")?;
    let list = behind(&json!({}));
    let _responder = respond(&outside)?;
    let without = pods(&[bridge(&json!({}))]);
    let result = without.add(node, &pod)?;
    dropped(&pod, "192.0.2.2:80").context("the host's own firewall")?;
    without.del(node, &pod, &result)?;
    attached(&list, node, &pod, |_| {
        let _responder = respond(&pod)?;
        for target in ["192.0.2.2:80", "[2001:db8::2]:80"] {
            passes(&pod, target)?;
        }
        Ok(())
    })
}

fn only_its_own_containers_pass(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    route_back(&outside)?;
    drop_what_is_forwarded(node)?;
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let without = pods(&[bridge(&json!({}))]);
    let _responder = respond(&outside)?;
    attached(&behind(&json!({})), node, &pod, |_| {
        attached(&without, node, &other, |_| {
            passes(&pod, "192.0.2.2:80")?;
            dropped(&other, "192.0.2.2:80")
        })
    })
}

fn on_bridge(name: &'static str, subnet: &str, keys: &Value) -> Conflist {
    let ipam = merged(
        &host_local(&[subnet]),
        &json!({"routes": [{"dst": "0.0.0.0/0"}]}),
    );
    let link = bridge(&json!({"bridge": name, "ipam": ipam}));
    let firewall = merged(&json!({"type": "firewall", "backend": "iptables"}), keys);
    pods(&[link, firewall]).with("/name", name)
}

fn same_bridge_keeps_other_bridges_away(node: &Node) -> Result<()> {
    let policy = json!({"ingressPolicy": "same-bridge"});
    let closed = on_bridge("cni1", "10.1.0.0/24", &policy);
    let other = on_bridge("cni2", "10.2.0.0/24", &policy);
    let [first, neighbour, stranger]: [Pod<'_>; 3] =
        [node.pod("a")?, node.pod("b")?, node.pod("c")?];
    closed.add(node, &first)?;
    let result = closed.add(node, &neighbour)?;
    other.add(node, &stranger)?;
    let _responder = respond(&first)?;
    passes(&neighbour, "10.1.0.2:80").context("the same bridge")?;
    passes(node, "10.1.0.2:80").context("the node itself")?;
    dropped(&stranger, "10.1.0.2:80").context("another bridge")?;
    closed.check(node, &neighbour, &result)
}

fn what_came_before_passes_through(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = behind(&json!({}));
    let first = list.entry(0, node, &pod, "ADD", &Value::Null)?.succeed()?;
    passed_through(
        &list.entry(1, node, &pod, "ADD", &first)?.succeed()?,
        &first,
    )
}

fn without_what_came_before_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(
        &pods(&[json!({"type": "firewall", "backend": "iptables"})]),
        node,
        &pod,
    )
    .map(drop)
}

fn del_twice(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = behind(&json!({}));
    let result = list.add(node, &pod)?;
    for previous in [&result, &result, &Value::Null] {
        list.del(node, &pod, previous)?;
        nothing_left(node, std::slice::from_ref(&result))?;
    }
    Ok(())
}

fn del_without_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = behind(&json!({}));
    let result = list.add(node, &pod)?;
    list.del(node, &pod, &Value::Null)?;
    nothing_left(node, &[result])
}

fn check_notices_missing_rules(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = behind(&json!({}));
    let result = list.add(node, &pod)?;
    equal(
        "families",
        crate::judge::addresses(&result).len(),
        SUBNETS.len(),
    )?;
    check_notices(&list, node, &pod, &result, || {
        node.ok(&["nft", "flush", "ruleset"]).map(drop)
    })
}
