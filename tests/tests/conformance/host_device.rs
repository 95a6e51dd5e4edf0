//! What the plugin `host-device` does with a veth that stands for a device of the host.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, addresses, attached, check_notices, del_by_name, equal, gone, has_flag, items, lan,
    node_link, same,
};
use crate::lists::{host_local, link, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "host-device",
        &["host-local"],
        [
            case!(the_device_moves_and_comes_back),
            case!(the_device_is_found_by_its_address),
            case!(it_gets_addresses),
            case!(without_ipam),
            case!(a_device_that_is_not_there_is_refused),
            case!(none_or_two_ways_to_name_a_device_are_refused),
            case!(check_notices_that_the_device_is_gone),
            // It looks for the device that the first one has moved.
            case!(del_twice).reference_fails("failed to find \\\"net1\\\""),
            // It returns at once without a namespace.
            case!(del_without_namespace_brings_the_device_back)
                .reference_fails("the node has no link eth0"),
            // It fails before it calls IPAM.
            case!(del_after_the_namespace_is_gone_frees_the_address)
                .reference_fails("failed to open netns"),
            // The device stays in the container under its new name.
            case!(a_failed_add_leaves_the_device_where_it_was)
                .reference_fails("the node has no link eth0"),
        ],
    )
}

fn device(keys: &Value) -> Conflist {
    let base = json!({"device": "eth0", "ipam": host_local(&["10.1.0.0/24", "fd00:1::/64"])});
    pods(&[link("host-device", &merged(&base, keys))]).interface("net1")
}

fn for_one() -> Conflist {
    device(&json!({"ipam": host_local(&["10.1.0.0/30"])}))
}

fn the_device_moves_and_comes_back(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let mac = node_link(node, "eth0")?["address"].clone();
    attached(&device(&json!({})), node, &pod, |result| {
        let moved = pod.link("net1")?;
        equal("address", &moved["address"], &mac)?;
        ensure!(has_flag(&moved, "UP"), "net1 is down");
        ensure!(
            node_link(node, "eth0").is_err(),
            "eth0 is still on the node"
        );
        let interface = json!({"name": "net1", "mac": mac, "sandbox": pod.netns()});
        same("interfaces", &result["interfaces"], json!([interface]))
    })?;
    same("address", &node_link(node, "eth0")?["address"], mac)
}

fn the_device_is_found_by_its_address(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let mac = node_link(node, "eth0")?["address"].clone();
    let list = device(&json!({"device": "", "hwaddr": mac}));
    attached(&list, node, &pod, |_| {
        equal("address", &pod.link("net1")?["address"], &mac)
    })
}

fn it_gets_addresses(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    attached(&device(&json!({})), node, &pod, |result| {
        equal("addresses", pod.addresses("net1")?, addresses(result))?;
        equal(
            "addresses told",
            addresses(result),
            ["10.1.0.2/24", "fd00:1::2/64"],
        )?;
        for ip in items(&result["ips"]) {
            same("ips[].interface", &ip["interface"], 0)?;
        }
        Ok(())
    })
}

fn without_ipam(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    attached(&device(&json!({"ipam": {}})), node, &pod, |result| {
        equal("ips", addresses(result), [""; 0])?;
        ensure!(pod.has_link("net1")?, "net1 is not there");
        Ok(())
    })
}

fn a_device_that_is_not_there_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(&for_one(), node, &pod)?;
    lan(node)?;
    for_one()
        .add(node, &pod)
        .context("the address was lost")
        .map(drop)
}

fn none_or_two_ways_to_name_a_device_are_refused(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    add_fails(&device(&json!({"device": ""})), node, &pod)?;
    same("name", &node_link(node, "eth0")?["ifname"], "eth0")
}

fn check_notices_that_the_device_is_gone(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let list = device(&json!({}));
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || {
        pod.ok(&["ip", "link", "delete", "net1"]).map(drop)
    })
}

fn del_twice(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let list = device(&json!({}));
    let result = list.add(node, &pod)?;
    list.del(node, &pod, &result)?;
    list.del(node, &pod, &Value::Null)?;
    del_by_name(&list, node, &pod)?;
    same("name", &node_link(node, "eth0")?["ifname"], "eth0")
}

fn del_without_namespace_brings_the_device_back(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let list = device(&json!({}));
    list.add(node, &pod)?;
    del_by_name(&list, node, &pod)?;
    node_link(node, "eth0").map(drop)
}

fn del_after_the_namespace_is_gone_frees_the_address(node: &Node) -> Result<()> {
    lan(node)?;
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let result = for_one().add(node, &pod)?;
    pod.delete()?;
    for_one().del(node, &pod, &result)?;
    // A veth goes with its namespace; a real device would have come back by itself.
    gone(node, "eth1")?;
    lan(node)?;
    for_one().add(node, &other).map(drop)
}

fn a_failed_add_leaves_the_device_where_it_was(node: &Node) -> Result<()> {
    lan(node)?;
    let pod = node.pod("a")?;
    let list = device(&json!({"ipam": host_local(&["10.1.0.0/31"])}));
    add_fails(&list, node, &pod)?;
    node_link(node, "eth0").map(drop)
}
