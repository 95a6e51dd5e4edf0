//! What the plugin `macvlan` makes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, link_kind};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, addresses, attached, check_notices, del_by_name, equal, has_flag, items, lan,
    nothing_left, same,
};
use crate::lists::{host_local, link, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    let all = [
        case!(result_tells_the_container),
        case!(mode_is_the_configured_one),
        case!(pods_reach_each_other_in_mode_bridge),
        case!(the_default_master_has_the_default_route),
        case!(mtu_is_the_configured_one),
        case!(more_mtu_than_the_master_is_refused),
        case!(mac_of_the_runtime_wins),
        case!(a_master_that_is_not_there_is_refused),
        case!(layer_two_only),
        // It puts its own empty object in place of what IPAM said.
        case!(dns_of_ipam_is_in_the_result).reference_fails("nameservers"),
        case!(del_twice),
        // It frees the address and leaves the link that carries it.
        case!(del_without_namespace_removes_the_link).reference_fails("still there"),
        // It looks for the master before anything else.
        case!(del_after_the_master_is_gone_frees_the_address).reference_fails("Link not found"),
        // The error of IPAM is not the one that its clean-up looks at.
        case!(a_failed_add_leaves_nothing).reference_fails("eth0 is still there"),
        case!(check_notices_a_missing_address),
        case!(check_notices_another_mode),
    ];
    group("macvlan", &["host-local"], all)
}

fn macvlan(keys: &Value) -> Conflist {
    let base = json!({"master": "eth0", "ipam": host_local(&["10.1.0.0/24", "fd00:1::/64"])});
    pods(&[link("macvlan", &merged(&base, keys))])
}

/// False, which has been told, where the kernel has no macvlan.
fn has_macvlan(node: &Node) -> Result<bool> {
    lan(node)?;
    link_kind(node, &["link", "eth0", "type", "macvlan"])
}

fn result_tells_the_container(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&macvlan(&json!({})), node, &pod, |result| {
        let interface =
            json!({"name": "eth0", "mac": pod.link("eth0")?["address"], "sandbox": pod.netns()});
        same("interfaces", &result["interfaces"], json!([interface]))?;
        for ip in items(&result["ips"]) {
            same("ips[].interface", &ip["interface"], 0)?;
        }
        equal("addresses", pod.addresses("eth0")?, addresses(result))?;
        ensure!(has_flag(&pod.link("eth0")?, "UP"), "eth0 is down");
        Ok(())
    })
}

fn mode_is_the_configured_one(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    for (keys, mode) in [
        (json!({}), "bridge"),
        (json!({"mode": "bridge"}), "bridge"),
        (json!({"mode": "private"}), "private"),
        (json!({"mode": "vepa"}), "vepa"),
        (json!({"mode": "passthru"}), "passthru"),
    ] {
        attached(&macvlan(&keys), node, &pod, |_| {
            same(
                "mode",
                &pod.link("eth0")?["linkinfo"]["info_data"]["mode"],
                mode,
            )
        })?;
    }
    add_fails(&macvlan(&json!({"mode": "hub"})), node, &pod).map(drop)
}

fn pods_reach_each_other_in_mode_bridge(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let (first, second) = (node.pod("a")?, node.pod("b")?);
    for (mode, reached) in [("bridge", true), ("private", false)] {
        let list = macvlan(&json!({"mode": mode}));
        attached(&list, node, &first, |_| {
            attached(&list, node, &second, |result| {
                let address = addresses(result)[0].replace("/24", "");
                equal(mode, first.reaches(&address)?, reached)
            })
        })?;
    }
    Ok(())
}

fn the_default_master_has_the_default_route(node: &Node) -> Result<()> {
    let _outside = Outside::connect(node)?;
    if !link_kind(node, &["link", "uplink0", "type", "macvlan"])? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let uplink = crate::judge::node_link(node, "uplink0")?["ifindex"].clone();
    attached(&macvlan(&json!({"master": ""})), node, &pod, |_| {
        same("parent", &pod.link("eth0")?["link_index"], uplink)
    })
}

fn mtu_is_the_configured_one(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&macvlan(&json!({"mtu": 1400})), node, &pod, |_| {
        same("MTU", &pod.link("eth0")?["mtu"], 1400)
    })
}

fn more_mtu_than_the_master_is_refused(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    add_fails(&macvlan(&json!({"mtu": 9000})), node, &pod)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is there");
    Ok(())
}

fn mac_of_the_runtime_wins(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = macvlan(&json!({"capabilities": {"mac": true}}))
        .arguments("IgnoreUnknown=1;MAC=02:00:5e:10:00:01");
    attached(&list, node, &pod, |_| {
        same(
            "mac of CNI_ARGS",
            &pod.link("eth0")?["address"],
            "02:00:5e:10:00:01",
        )
    })?;
    let list = list.capability("mac", "02:00:5e:10:00:02");
    attached(&list, node, &pod, |_| {
        same(
            "mac of the runtime",
            &pod.link("eth0")?["address"],
            "02:00:5e:10:00:02",
        )
    })
}

fn a_master_that_is_not_there_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(&macvlan(&json!({"master": "eth7"})), node, &pod).map(drop)
}

fn layer_two_only(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&macvlan(&json!({"ipam": {}})), node, &pod, |result| {
        equal("ips", addresses(result), [""; 0])?;
        ensure!(has_flag(&pod.link("eth0")?, "UP"), "eth0 is down");
        Ok(())
    })
}

fn dns_of_ipam_is_in_the_result(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    node.write("/run/pods.resolv.conf", "nameserver 192.0.2.53\n")?;
    let ipam = merged(
        &host_local(&["10.1.0.0/24"]),
        &json!({"resolvConf": "/run/pods.resolv.conf"}),
    );
    let result = macvlan(&json!({"ipam": ipam})).add(node, &pod)?;
    same(
        "nameservers",
        &result["dns"]["nameservers"],
        json!(["192.0.2.53"]),
    )
}

fn del_twice(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = macvlan(&json!({}));
    let result = list.add(node, &pod)?;
    list.del(node, &pod, &result)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    list.del(node, &pod, &Value::Null)?;
    del_by_name(&list, node, &pod)
}

fn del_without_namespace_removes_the_link(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = macvlan(&json!({}));
    list.add(node, &pod)?;
    del_by_name(&list, node, &pod)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    Ok(())
}

fn del_after_the_master_is_gone_frees_the_address(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let list = macvlan(&json!({"ipam": host_local(&["10.1.0.0/30"])}));
    let result = list.add(node, &pod)?;
    node.ok(&["ip", "link", "delete", "eth0"])?;
    list.del(node, &pod, &result)?;
    lan(node)?;
    list.add(node, &other).map(drop)
}

fn a_failed_add_leaves_nothing(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let list = macvlan(&json!({"ipam": host_local(&["10.1.0.0/30"])}));
    let result = list.add(node, &pod)?;
    add_fails(&list, node, &other)?;
    ensure!(!other.has_link("eth0")?, "eth0 is still there");
    list.del(node, &pod, &result)?;
    nothing_left(node, &[result])?;
    list.add(node, &other)
        .context("the address was lost")
        .map(drop)
}

fn check_notices_a_missing_address(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = macvlan(&json!({}));
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || {
        pod.ok(&["ip", "address", "delete", "10.1.0.2/24", "dev", "eth0"])
            .map(drop)
    })
}

fn check_notices_another_mode(node: &Node) -> Result<()> {
    if !has_macvlan(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = macvlan(&json!({}));
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || {
        pod.ok(&[
            "ip", "link", "set", "eth0", "type", "macvlan", "mode", "private",
        ])
        .map(drop)
    })
}
