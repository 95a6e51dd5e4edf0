//! DEL of the plugin `bridge` in every situation, and ADD that fails.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Pod};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, addresses, del_by_name, equal, gone, host_end, nothing_left, same};
use crate::lists::{bridged, host_local};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "bridge",
        &["host-local"],
        [
            case!(del_twice),
            case!(del_without_result),
            case!(del_of_what_never_was),
            // It deletes the address's reservation, and leaves the link that carries the address.
            case!(del_without_namespace_removes_the_link).reference_fails("still there"),
            case!(del_after_the_namespace_is_gone_frees_addresses),
            // Its masquerade is found by the addresses of a link, which is gone.
            case!(del_after_the_namespace_is_gone_removes_masquerade)
                .reference_fails("still there"),
            case!(del_after_the_link_is_gone_removes_masquerade).reference_fails("still there"),
            case!(del_with_another_configuration).reference_fails("still there"),
            // The chain of its rules is named by network and container, not by interface.
            case!(del_of_one_interface_keeps_the_masquerade_of_another).reference_fails("source"),
            case!(a_second_add_is_refused_and_the_first_stays),
            case!(an_interface_that_was_there_is_refused_and_stays),
            // It leaves the pair of links when IPAM refuses.
            case!(a_failed_add_leaves_nothing).reference_fails("still there"),
            case!(a_failed_add_frees_its_address),
            case!(an_exhausted_range_serves_again_after_del),
        ],
    )
}

fn masqueraded() -> Conflist {
    bridged(&json!({"ipMasq": true}))
}

/// A network with addresses for one container only.
fn for_one() -> Conflist {
    bridged(&json!({"ipMasq": true, "ipam": host_local(&["10.1.0.0/30"])}))
}

fn del_twice(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    for previous in [&result, &result, &Value::Null] {
        masqueraded().del(node, &pod, previous)?;
        nothing_left(node, std::slice::from_ref(&result))?;
    }
    del_by_name(&masqueraded(), node, &pod)
}

fn del_without_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    masqueraded().del(node, &pod, &Value::Null)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    nothing_left(node, &[result])
}

fn del_of_what_never_was(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let result = for_one().add(node, &pod)?;
    for_one().del(node, &other, &Value::Null)?;
    del_by_name(&for_one(), node, &other)?;
    equal("addresses", pod.addresses("eth0")?, addresses(&result))?;
    add_fails(&for_one(), node, &other).map(drop)
}

fn del_without_namespace_removes_the_link(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    del_by_name(&masqueraded(), node, &pod)?;
    nothing_left(node, &[result])
}

fn del_after_the_namespace_is_gone_frees_addresses(node: &Node) -> Result<()> {
    for name in ["a", "b", "c"] {
        let pod = node.pod(name)?;
        let result = for_one().add(node, &pod)?;
        pod.delete()?;
        gone(node, &host_end(&result)?)?;
        for_one().del(node, &pod, &Value::Null)?;
    }
    Ok(())
}

fn del_after_the_namespace_is_gone_removes_masquerade(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    pod.delete()?;
    gone(node, &host_end(&result)?)?;
    masqueraded().del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn del_after_the_link_is_gone_removes_masquerade(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    pod.ok(&["ip", "link", "delete", "eth0"])?;
    masqueraded().del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn del_with_another_configuration(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = masqueraded().add(node, &pod)?;
    let since =
        bridged(&json!({"bridge": "cni1", "ipMasq": false, "ipam": host_local(&["10.9.0.0/24"])}));
    since.del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn source_of(outside: &Outside<'_>, pod: &Pod<'_>) -> Result<String> {
    let seen = outside.source_seen_from(pod, Outside::IPV4)?;
    Ok(seen.map(|address| address.to_string()).unwrap_or_default())
}

fn del_of_one_interface_keeps_the_masquerade_of_another(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    let list = masqueraded();
    let second = list.interface("eth1");
    // The second interface is without default routes, so the first stays the way outside.
    let second = second.with("/plugins/0/ipam", host_local(&["10.1.0.0/24"]));
    let results = [list.add(node, &pod)?, second.add(node, &pod)?];
    equal("source", source_of(&outside, &pod)?, Outside::NODE_IPV4)?;
    second.del(node, &pod, &results[1])?;
    equal("source", source_of(&outside, &pod)?, Outside::NODE_IPV4)
}

fn a_second_add_is_refused_and_the_first_stays(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let result = for_one().add(node, &pod)?;
    add_fails(&for_one(), node, &pod)?;
    equal("addresses", pod.addresses("eth0")?, addresses(&result))?;
    ensure!(pod.reaches("10.1.0.1")?, "the gateway is not reached");
    // Its address is still its own.
    add_fails(&for_one(), node, &other).map(drop)
}

fn an_interface_that_was_there_is_refused_and_stays(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9",
    ])?;
    let before = pod.link("eth0")?["address"].clone();
    add_fails(&for_one(), node, &pod)?;
    same("address of eth0", &pod.link("eth0")?["address"], before)?;
    nothing_left(node, &[])?;
    // No address was lost over it.
    for_one().add(node, &other).map(drop)
}

fn a_failed_add_leaves_nothing(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let result = for_one().add(node, &pod)?;
    add_fails(&for_one(), node, &other)?;
    ensure!(!other.has_link("eth0")?, "eth0 is still there");
    for_one().del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn a_failed_add_frees_its_address(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    node.ok(&["ip", "link", "add", "cni0", "type", "bridge"])?;
    node.ok(&["ip", "address", "add", "10.1.0.2/30", "dev", "cni0"])?;
    add_fails(&for_one(), node, &pod)?;
    node.ok(&["ip", "address", "delete", "10.1.0.2/30", "dev", "cni0"])?;
    let result = for_one().add(node, &other)?;
    equal("addresses", addresses(&result), ["10.1.0.2/30"])
}

fn an_exhausted_range_serves_again_after_del(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let result = for_one().add(node, &pod)?;
    add_fails(&for_one(), node, &other)?;
    for_one().del(node, &other, &Value::Null)?;
    for_one().del(node, &pod, &result)?;
    let again = for_one().add(node, &other)?;
    equal("addresses", addresses(&again), addresses(&result))
}
