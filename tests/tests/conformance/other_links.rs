//! Links that not every kernel has: what the plugins `ipvlan`, `vlan`, `dummy` and `tap` make.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod, link_kind, skip};

use crate::case::{Case, case, group};
use crate::judge::{addresses, attached, equal, has_flag, items, lan, node_link, same};
use crate::lists::{link, merged, pods};

const MAC: &str = "02:00:5e:10:00:01";

pub(crate) fn cases() -> Vec<Case> {
    let ipvlan = [
        case!(ipvlan_on_its_master),
        case!(ipvlan_mode_is_the_configured_one),
    ];
    let vlan = [case!(vlan_with_its_number_on_its_master)];
    let dummy = [case!(dummy_with_addresses)];
    let tap = [
        case!(tap_with_addresses),
        case!(tap_for_an_owner_and_a_group),
        case!(tap_of_the_runtimes_mac),
        case!(tap_of_several_queues),
        case!(tap_in_a_bridge_of_the_container),
    ];
    let groups = [
        group("ipvlan", &["host-local"], ipvlan),
        group("vlan", &["host-local"], vlan),
        group("dummy", &["host-local"], dummy),
        group("tap", &["host-local"], tap),
    ];
    groups.into_iter().flatten().collect()
}

fn info<'a>(link: &'a Value, key: &str) -> &'a Value {
    &link["linkinfo"]["info_data"][key]
}

/// One interface, `eth0`, with both addresses and up.
fn has_addresses(pod: &Pod<'_>, result: &Value) -> Result<Value> {
    let shown = pod.link("eth0")?;
    let interface = json!([{"name": "eth0", "mac": shown["address"], "sandbox": pod.netns()}]);
    same("interfaces", &result["interfaces"], interface)?;
    for ip in items(&result["ips"]) {
        same("ips[].interface", &ip["interface"], 0)?;
    }
    equal("addresses", pod.addresses("eth0")?, addresses(result))?;
    ensure!(has_flag(&shown, "UP"), "eth0 is down");
    Ok(shown)
}

fn on_master(plugin: &str, keys: &Value) -> Conflist {
    pods(&[link(plugin, &merged(&json!({"master": "eth0"}), keys))])
}

fn ipvlan_on_its_master(node: &Node) -> Result<()> {
    lan(node)?;
    if !link_kind(node, &["link", "eth0", "type", "ipvlan"])? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let master = node_link(node, "eth0")?["ifindex"].clone();
    attached(
        &on_master("ipvlan", &json!({"mtu": 1400})),
        node,
        &pod,
        |result| {
            let shown = has_addresses(&pod, result)?;
            same("parent", &shown["link_index"], master)?;
            same("MTU", &shown["mtu"], 1400)
        },
    )
}

fn ipvlan_mode_is_the_configured_one(node: &Node) -> Result<()> {
    lan(node)?;
    if !link_kind(node, &["link", "eth0", "type", "ipvlan"])? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    for (keys, mode) in [
        (json!({}), "l2"),
        (json!({"mode": "l3"}), "l3"),
        (json!({"mode": "l3s"}), "l3s"),
    ] {
        attached(&on_master("ipvlan", &keys), node, &pod, |_| {
            same("mode", info(&pod.link("eth0")?, "mode"), json!(mode))
        })?;
    }
    Ok(())
}

fn vlan_with_its_number_on_its_master(node: &Node) -> Result<()> {
    lan(node)?;
    if !link_kind(node, &["link", "eth0", "type", "vlan", "id", "5"])? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let master = node_link(node, "eth0")?["ifindex"].clone();
    attached(
        &on_master("vlan", &json!({"vlanId": 7})),
        node,
        &pod,
        |result| {
            let shown = has_addresses(&pod, result)?;
            same("number", info(&shown, "id"), 7)?;
            same("parent", &shown["link_index"], master)
        },
    )
}

fn dummy_with_addresses(node: &Node) -> Result<()> {
    if !link_kind(node, &["type", "dummy"])? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&pods(&[link("dummy", &json!({}))]), node, &pod, |result| {
        let shown = has_addresses(&pod, result)?;
        same("kind", &shown["linkinfo"]["info_kind"], "dummy")
    })
}

/// False, which has been told, where the kernel makes no taps.
fn has_tap(node: &Node) -> Result<bool> {
    if !node
        .run(&["ip", "tuntap", "add", "probe0", "mode", "tap"])?
        .success()
    {
        skip("this kernel offers no tap");
        return Ok(false);
    }
    node.ok(&["ip", "link", "delete", "probe0"]).map(|_| true)
}

fn tap(keys: &Value) -> Conflist {
    pods(&[link("tap", keys)])
}

fn tap_with_addresses(node: &Node) -> Result<()> {
    if !has_tap(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&tap(&json!({"mtu": 1400})), node, &pod, |result| {
        let shown = has_addresses(&pod, result)?;
        same("kind", &shown["linkinfo"]["info_kind"], "tun")?;
        same("type", info(&shown, "type"), "tap")?;
        same("persistent", info(&shown, "persist"), true)?;
        same("MTU", &shown["mtu"], 1400)
    })?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    Ok(())
}

/// Numbers that no user or group of the machine has, for `ip` would tell the name.
fn tap_for_an_owner_and_a_group(node: &Node) -> Result<()> {
    if !has_tap(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(
        &tap(&json!({"owner": 61_000, "group": 61_001})),
        node,
        &pod,
        |_| {
            let shown = pod.link("eth0")?;
            same("owner", info(&shown, "user"), 61_000)?;
            same("group", info(&shown, "group"), 61_001)
        },
    )
}

fn tap_of_the_runtimes_mac(node: &Node) -> Result<()> {
    if !has_tap(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = tap(&json!({"mac": "02:00:5e:10:00:99", "capabilities": {"mac": true}}))
        .capability("mac", MAC);
    attached(&list, node, &pod, |_| {
        same("mac", &pod.link("eth0")?["address"], json!(MAC))
    })
}

fn tap_of_several_queues(node: &Node) -> Result<()> {
    if !has_tap(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&tap(&json!({"multiQueue": true})), node, &pod, |_| {
        same(
            "several queues",
            info(&pod.link("eth0")?, "multi_queue"),
            json!(true),
        )
    })
}

fn tap_in_a_bridge_of_the_container(node: &Node) -> Result<()> {
    if !has_tap(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    pod.ok(&["ip", "link", "add", "br0", "type", "bridge"])?;
    attached(&tap(&json!({"bridge": "br0"})), node, &pod, |_| {
        same("master", &pod.link("eth0")?["master"], "br0")
    })
}
