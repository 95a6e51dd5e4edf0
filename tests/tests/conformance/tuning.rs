//! What the plugin `tuning` sets.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, attached, check_notices, equal, has_flag, same};
use crate::lists::{behind_bridge, merged, pods};

const SOMAXCONN: &str = "net/core/somaxconn";
const MAC: &str = "02:00:5e:10:00:01";

pub(crate) fn cases() -> Vec<Case> {
    group(
        "tuning",
        &["bridge", "host-local"],
        [
            case!(sysctls_of_the_namespace),
            case!(sysctls_of_the_interface),
            // Its CHECK does not put the interface's name in.
            case!(sysctls_of_the_interface_are_checked).reference_fails("CHECK"),
            case!(mtu_and_flags_until_del),
            case!(mac_is_in_the_result),
            case!(mac_of_the_runtime_and_of_args),
            case!(args_win_over_the_config),
            // It writes into a map that is not there.
            case!(sysctls_of_args_alone).reference_fails("panic"),
            // It keeps no record of them.
            case!(del_gives_sysctls_back).reference_fails(SOMAXCONN),
            case!(del_of_the_entry_gives_the_interface_its_settings_back),
            case!(sysctls_outside_net_are_refused),
            case!(a_way_out_of_net_is_refused),
            case!(a_sysctl_that_is_not_there_is_refused),
            case!(without_what_came_before_it_is_refused).with(&["tuning"]),
            case!(del_twice_and_without_namespace),
            case!(check_notices_another_sysctl),
            case!(check_notices_another_mtu),
            case!(check_notices_another_mac),
        ],
    )
}

fn tuned(keys: &Value) -> Conflist {
    behind_bridge(&merged(
        &json!({"type": "tuning", "capabilities": {"mac": true}}),
        keys,
    ))
}

fn sysctls_of_the_namespace(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let keys = json!({"sysctl": {"net.core.somaxconn": "511", "net.ipv4.ip_local_port_range": "20000\t29999"}});
    attached(&tuned(&keys), node, &pod, |_| {
        equal(SOMAXCONN, pod.sysctl(SOMAXCONN)?, "511")?;
        equal(
            "ports",
            pod.sysctl("net/ipv4/ip_local_port_range")?,
            "20000\t29999",
        )
    })
}

fn of_interface() -> Conflist {
    tuned(&json!({"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}))
}

fn sysctls_of_the_interface(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    of_interface().add(node, &pod)?;
    equal(
        "arp_filter",
        pod.sysctl("net/ipv4/conf/eth0/arp_filter")?,
        "1",
    )
}

fn sysctls_of_the_interface_are_checked(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&of_interface(), node, &pod, |_| Ok(()))
}

fn mtu_and_flags_until_del(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(
        &tuned(&json!({"mtu": 1380, "promisc": true, "allmulti": true})),
        node,
        &pod,
        |_| {
            let link = pod.link("eth0")?;
            same("MTU", &link["mtu"], 1380)?;
            for flag in ["PROMISC", "ALLMULTI", "UP"] {
                ensure!(has_flag(&link, flag), "no {flag}: {link}");
            }
            Ok(())
        },
    )
}

fn carries(pod: &Pod<'_>, result: &Value, mac: &str) -> Result<()> {
    same("mac", &pod.link("eth0")?["address"], mac)?;
    same("mac told", &result["interfaces"][2]["mac"], mac)?;
    ensure!(pod.reaches("10.1.0.1")?, "the gateway is not reached");
    Ok(())
}

fn mac_is_in_the_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&tuned(&json!({"mac": MAC})), node, &pod, |result| {
        carries(&pod, result, MAC)
    })
}

fn mac_of_the_runtime_and_of_args(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = tuned(&json!({"mac": "02:00:5e:10:00:99"})).capability("mac", MAC);
    attached(&list, node, &pod, |result| carries(&pod, result, MAC)).context("runtime")?;
    let list =
        tuned(&json!({"args": {"cni": {"mac": MAC}}})).capability("mac", "02:00:5e:10:00:99");
    attached(&list, node, &pod, |result| carries(&pod, result, MAC)).context("args")
}

fn args_win_over_the_config(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let keys = json!({
        "mtu": 1400, "sysctl": {"net.core.somaxconn": "99"},
        "args": {"cni": {"mtu": 1380, "promisc": true, "sysctl": {"net.core.somaxconn": "511"}}},
    });
    attached(&tuned(&keys), node, &pod, |_| {
        let link = pod.link("eth0")?;
        same("MTU", &link["mtu"], 1380)?;
        ensure!(has_flag(&link, "PROMISC"), "{link}");
        equal(SOMAXCONN, pod.sysctl(SOMAXCONN)?, "511")
    })
}

fn sysctls_of_args_alone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let keys = json!({"args": {"cni": {"sysctl": {"net.core.somaxconn": "511"}}}});
    attached(&tuned(&keys), node, &pod, |_| {
        equal(SOMAXCONN, pod.sysctl(SOMAXCONN)?, "511")
    })
}

fn del_gives_sysctls_back(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let before = pod.sysctl(SOMAXCONN)?;
    attached(
        &tuned(&json!({"sysctl": {"net.core.somaxconn": "511"}})),
        node,
        &pod,
        |_| Ok(()),
    )?;
    equal(SOMAXCONN, pod.sysctl(SOMAXCONN)?, before)
}

fn del_of_the_entry_gives_the_interface_its_settings_back(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = tuned(&json!({"mtu": 1380, "mac": MAC, "promisc": true, "allmulti": true}));
    let first = list.entry(0, node, &pod, "ADD", &Value::Null)?.succeed()?;
    let before = pod.link("eth0")?;
    let result = list.entry(1, node, &pod, "ADD", &first)?.succeed()?;
    list.del_entry(1, node, &pod, &result)?;
    let after = pod.link("eth0")?;
    for key in ["mtu", "address", "flags"] {
        equal(key, &after[key], &before[key])?;
    }
    list.del_entry(0, node, &pod, &result)
}

fn refused(node: &Node, name: &str) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(&tuned(&json!({"sysctl": {name: "1"}})), node, &pod)?;
    tuned(&json!({})).del(node, &pod, &Value::Null)
}

fn sysctls_outside_net_are_refused(node: &Node) -> Result<()> {
    let before = node.ok(&["cat", "/proc/sys/kernel/panic"])?;
    refused(node, "kernel.panic")?;
    equal(
        "kernel.panic",
        node.ok(&["cat", "/proc/sys/kernel/panic"])?,
        before,
    )
}

fn a_way_out_of_net_is_refused(node: &Node) -> Result<()> {
    refused(node, "net/../kernel/panic")
}

fn a_sysctl_that_is_not_there_is_refused(node: &Node) -> Result<()> {
    refused(node, "net.ipv4.no_such_thing")
}

fn without_what_came_before_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(&pods(&[json!({"type": "tuning", "mtu": 1380})]), node, &pod).map(drop)
}

fn del_twice_and_without_namespace(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = tuned(&json!({"mtu": 1380}));
    let result = list.add(node, &pod)?;
    list.del(node, &pod, &result)?;
    list.del_entry(1, node, &pod, &result)?;
    list.entry(1, node, &pod, "DEL", &Value::Null)?
        .variable("CNI_NETNS", "")
        .succeed()?;
    pod.delete()?;
    list.del_entry(1, node, &pod, &result)
}

fn noticed(node: &Node, keys: &Value, damage: &[&str]) -> Result<()> {
    let pod = node.pod("a")?;
    let list = tuned(keys);
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || pod.ok(damage).map(drop))
}

fn check_notices_another_sysctl(node: &Node) -> Result<()> {
    let damage = ["sh", "-c", "echo 99 >/proc/sys/net/core/somaxconn"];
    noticed(
        node,
        &json!({"sysctl": {"net.core.somaxconn": "511"}}),
        &damage,
    )
}

fn check_notices_another_mtu(node: &Node) -> Result<()> {
    noticed(
        node,
        &json!({"mtu": 1380}),
        &["ip", "link", "set", "eth0", "mtu", "1400"],
    )
}

fn check_notices_another_mac(node: &Node) -> Result<()> {
    noticed(
        node,
        &json!({"mac": MAC}),
        &["ip", "link", "set", "eth0", "address", "02:00:5e:10:00:66"],
    )
}
