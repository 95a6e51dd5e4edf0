//! How the plugin `vrf` puts an interface into a routing domain of its own, where the kernel has any.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod, link_kind};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, addresses, attached, del_by_name, equal, same};
use crate::lists::{behind_bridge, bridge, host_local, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "vrf",
        &["bridge", "host-local"],
        [
            case!(the_interface_is_in_the_vrf_with_its_addresses),
            case!(its_table_is_the_configured_one),
            // Since 1.5.
            case!(routes_are_in_its_table).reference_left_out(),
            // It moves what the main table has, where another interface's default route is.
            case!(two_networks_have_default_routes_of_their_own).reference_left_out(),
            case!(the_last_member_takes_it_along),
            case!(another_table_than_it_has_is_refused),
            // Its CHECK says that all is well.
            case!(check_notices_an_interface_that_left).reference_left_out(),
            // It looks for the interface first.
            case!(del_after_the_interface_is_gone).reference_left_out(),
            case!(del_twice_and_after_the_namespace_is_gone),
            case!(without_a_name_it_is_refused),
            case!(without_what_came_before_it_is_refused).with(&["vrf"]),
        ],
    )
}

/// The reference's CHECK of `bridge` looks for gateways in the main table.
pub(crate) fn in_vrf(keys: &Value) -> Conflist {
    behind_bridge(&red(keys)).unchecked()
}

fn red(keys: &Value) -> Value {
    merged(&json!({"type": "vrf", "vrfname": "red"}), keys)
}

fn another(keys: &Value) -> Conflist {
    let link = bridge(&json!({"bridge": "cni1", "ipam": host_local(&["10.2.0.0/24"])}));
    let list = pods(&[link, red(keys)]);
    list.with("/name", "others").interface("eth1")
}

fn has_vrfs(node: &Node) -> Result<bool> {
    link_kind(node, &["type", "vrf", "table", "77"])
}

fn table_of(pod: &Pod<'_>, vrf: &str) -> Result<String> {
    let link = pod.link(vrf)?;
    same("kind", &link["linkinfo"]["info_kind"], "vrf")?;
    let table = &link["linkinfo"]["info_data"]["table"];
    Ok(table.as_u64().context("no table")?.to_string())
}

fn the_interface_is_in_the_vrf_with_its_addresses(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&in_vrf(&json!({})), node, &pod, |result| {
        same("master", &pod.link("eth0")?["master"], "red")?;
        equal("addresses", pod.addresses("eth0")?, addresses(result))?;
        equal("table", table_of(&pod, "red")?, "1")
    })?;
    ensure!(!pod.has_link("red")?, "the VRF is still there");
    Ok(())
}

fn its_table_is_the_configured_one(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&in_vrf(&json!({"table": 42})), node, &pod, |_| {
        equal("table", table_of(&pod, "red")?, "42")
    })
}

fn routes_are_in_its_table(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = behind_bridge(&red(&json!({"table": 42})));
    attached(&list, node, &pod, |_| {
        for (family, gateway) in [("-4", "10.1.0.1"), ("-6", "fd00:1::1")] {
            let routes = pod.ok(&["ip", family, "route", "show", "table", "42"])?;
            let default = format!("default via {gateway} dev eth0");
            ensure!(routes.contains(&default), "no {default}: {routes}");
            let main = pod.ok(&["ip", family, "route", "show"])?;
            ensure!(!main.contains("eth0"), "in the main table: {main}");
            let ping = [
                "ping", "-n", "-q", "-c", "1", "-w", "5", "-I", "red", gateway,
            ];
            ensure!(pod.run(&ping)?.success(), "{gateway} is not reached");
        }
        Ok(())
    })
}

fn two_networks_have_default_routes_of_their_own(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let without_vrf = pods(&[bridge(&json!({}))]);
    let second = another(&json!({"vrfname": "blue", "table": 43}))
        .with("/plugins/0/ipam/routes", json!([{"dst": "0.0.0.0/0"}]));
    attached(&without_vrf, node, &pod, |_| {
        attached(&second, node, &pod, |_| {
            let main = pod.ok(&["ip", "route", "show", "default"])?;
            ensure!(
                main.contains("via 10.1.0.1") && !main.contains("eth1"),
                "{main}"
            );
            let blue = pod.ok(&["ip", "route", "show", "table", "43"])?;
            ensure!(blue.contains("default via 10.2.0.1 dev eth1"), "{blue}");
            Ok(())
        })
    })
}

fn the_last_member_takes_it_along(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let (first, second) = (in_vrf(&json!({})), another(&json!({})));
    let results = [first.add(node, &pod)?, second.add(node, &pod)?];
    for name in ["eth0", "eth1"] {
        same("master", &pod.link(name)?["master"], "red")?;
    }
    first.del(node, &pod, &results[0])?;
    same("master", &pod.link("eth1")?["master"], "red")?;
    second.del(node, &pod, &results[1])?;
    ensure!(!pod.has_link("red")?, "the VRF is still there");
    Ok(())
}

fn another_table_than_it_has_is_refused(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    attached(&in_vrf(&json!({"table": 42})), node, &pod, |_| {
        let other = another(&json!({"table": 43}));
        let failure = add_fails(&other, node, &pod)?;
        ensure!(failure.text.contains("42"), "{failure:?}");
        other.del(node, &pod, &Value::Null)?;
        same("master", &pod.link("eth0")?["master"], "red")
    })
}

fn check_notices_an_interface_that_left(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = in_vrf(&json!({}));
    let result = list.add(node, &pod)?;
    let check = list.entry(1, node, &pod, "CHECK", &result)?;
    check.succeed().context("CHECK of what is whole")?;
    pod.ok(&["ip", "link", "set", "eth0", "nomaster"])?;
    ensure!(!check.run()?.0.success(), "CHECK does not notice");
    list.del(node, &pod, &result)
}

fn del_after_the_interface_is_gone(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = in_vrf(&json!({}));
    let result = list.add(node, &pod)?;
    pod.ok(&["ip", "link", "delete", "eth0"])?;
    list.del(node, &pod, &result)?;
    ensure!(!pod.has_link("red")?, "the VRF is still there");
    Ok(())
}

fn del_twice_and_after_the_namespace_is_gone(node: &Node) -> Result<()> {
    if !has_vrfs(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = in_vrf(&json!({}));
    let result = list.add(node, &pod)?;
    list.del(node, &pod, &result)?;
    list.del(node, &pod, &result)?;
    let result = list.add(node, &pod)?;
    pod.delete()?;
    list.del(node, &pod, &result)?;
    del_by_name(&list, node, &pod)
}

fn without_a_name_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let failure = add_fails(&behind_bridge(&json!({"type": "vrf"})), node, &pod)?;
    ensure!(failure.text.contains("vrf"), "{failure:?}");
    Ok(())
}

fn without_what_came_before_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let alone = pods(&[json!({"type": "vrf", "vrfname": "red"})]);
    add_fails(&alone, node, &pod).map(drop)
}
