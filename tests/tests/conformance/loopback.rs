//! What the plugin `loopback` does.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node};

use crate::case::{Case, case, group};
use crate::judge::{addresses, check_notices, del_by_name, equal, has_flag, same};
use crate::lists::{bridge, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "loopback",
        &[],
        [
            case!(lo_is_up_until_del),
            case!(any_interface_name_will_do),
            case!(result_tells_lo_and_its_addresses),
            case!(what_came_before_passes_through).with(&["bridge", "host-local"]),
            case!(check_notices_that_lo_is_down),
            case!(del_after_the_namespace_is_gone),
        ],
    )
}

fn loopback() -> Conflist {
    pods(&[json!({"type": "loopback"})]).interface("lo")
}

fn lo_is_up_until_del(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    ensure!(!has_flag(&pod.link("lo")?, "UP"), "lo is up before");
    let result = loopback().add(node, &pod)?;
    ensure!(has_flag(&pod.link("lo")?, "UP"), "lo is down");
    ensure!(
        pod.reaches("127.0.0.1")? && pod.reaches("::1")?,
        "lo answers nothing"
    );
    loopback().check(node, &pod, &result)?;
    loopback().del(node, &pod, &result)?;
    ensure!(!has_flag(&pod.link("lo")?, "UP"), "lo is still up");
    loopback().del(node, &pod, &Value::Null)
}

fn any_interface_name_will_do(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = loopback().interface("eth0").add(node, &pod)?;
    same("name", &result["interfaces"][0]["name"], "lo")?;
    ensure!(has_flag(&pod.link("lo")?, "UP"), "lo is down");
    Ok(())
}

fn result_tells_lo_and_its_addresses(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = loopback().add(node, &pod)?;
    let interface = json!({"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": pod.netns()});
    same("interfaces", &result["interfaces"], json!([interface]))?;
    equal("addresses", addresses(&result), ["127.0.0.1/8", "::1/128"])
}

fn what_came_before_passes_through(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let alone = pods(&[bridge(&json!({}))]);
    let list = alone.with_entry(json!({"type": "loopback"}));
    let result = list.add(node, &pod)?;
    equal(
        "addresses",
        addresses(&result),
        ["10.1.0.2/24", "fd00:1::2/64"],
    )?;
    ensure!(has_flag(&pod.link("lo")?, "UP"), "lo is down");
    list.check(node, &pod, &result)?;
    check_notices(&list, node, &pod, &result, || {
        pod.ok(&["ip", "link", "set", "lo", "down"]).map(drop)
    })?;
    pod.ok(&["ip", "link", "set", "lo", "up"])?;
    // Its own DEL, repeated, is about lo alone.
    for _ in 0..2 {
        list.del_entry(1, node, &pod, &result)?;
        ensure!(!has_flag(&pod.link("lo")?, "UP"), "lo is still up");
        ensure!(pod.reaches("10.1.0.1")?, "the bridge's interface is gone");
        alone.check(node, &pod, &result)?;
    }
    alone.del(node, &pod, &result)?;
    ensure!(!pod.has_link("eth0")?, "the bridge's interface is left");
    list.del(node, &pod, &result)
}

fn check_notices_that_lo_is_down(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = loopback().add(node, &pod)?;
    check_notices(&loopback(), node, &pod, &result, || {
        pod.ok(&["ip", "link", "set", "lo", "down"]).map(drop)
    })
}

fn del_after_the_namespace_is_gone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = loopback().add(node, &pod)?;
    pod.delete()?;
    loopback().del(node, &pod, &result)?;
    del_by_name(&loopback(), node, &pod)
}
