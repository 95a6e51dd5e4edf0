//! Interfaces in VRFs of the container.

use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod, Snapshot, link_kind};

use crate::{assert_nothing_left, lists, node};

const KERNEL_STEP_FAILED: u64 = 108;

/// The ways in which a stage can be written.
type Form = fn(&str, Value, &[Value]) -> Conflist;
const FORMS: [(&str, Form); 3] = [
    ("one entry", lists::chain),
    ("entries", lists::entries),
    ("the reference plugin's name", lists::reference_entries),
];

fn has_vrfs(node: &Node) -> Result<bool> {
    link_kind(node, &["type", "vrf", "table", "77"])
}

/// A default gateway of both families.
fn bridge(number: u8) -> Value {
    let subnets = [format!("10.{number}.0.0/24"), format!("fd00:{number}::/64")];
    let mut link = lists::bridge(
        &format!("br{number}"),
        &subnets.each_ref().map(String::as_str),
    );
    link["link"]["ipMasq"] = false.into();
    link
}

fn network(form: Form, number: u8, vrf: &str) -> Conflist {
    let stage = json!({"plugin": "vrf", "vrfname": vrf});
    let list = form(&format!("net{number}"), bridge(number), &[stage]);
    list.interface(&format!("eth{number}"))
}

/// All that an interface has.
fn belongings(pod: &Pod<'_>, name: &str) -> Result<[String; 3]> {
    Ok([
        pod.addresses(name)?.join(" "),
        pod.ok(&["ip", "-4", "route", "show", "dev", name])?,
        pod.ok(&["ip", "-6", "route", "show", "dev", name])?,
    ])
}

#[test]
fn a_kernel_without_vrfs_is_told_and_nothing_is_left() -> Result<()> {
    let node = node!();
    node.drop_in("vrf")?;
    let probe = ["ip", "link", "add", "probe0", "type", "vrf", "table", "77"];
    if node.run(&probe)?.success() {
        return Ok(());
    }
    // What the node has once is there before.
    let resident = node.pod("resident")?;
    Conflist::new("net1", &[bridge(1)]).add(&node, &resident)?;
    let before = Snapshot::take(&node)?;
    let pod = node.pod("a")?;
    for (name, form) in FORMS {
        let list = network(form, 1, "red");
        let failure = list.refused(&node, &pod).context(name)?;
        ensure!(failure.code == KERNEL_STEP_FAILED, "{name}: {failure:?}");
        for word in [
            "net1",
            "vrf",
            "this kernel has no vrf links",
            "modprobe vrf",
        ] {
            ensure!(failure.text.contains(word), "{name}: {failure:?}");
        }
        ensure!(!pod.has_link("eth1")?, "{name}: eth1 is there");
        before.assert_unchanged(&node).context(name)?;
    }
    // A stage that fails leaves the interface as it is.
    let list = network(lists::reference_entries, 1, "red");
    let result = list.entry(0, &node, &pod, "ADD", &Value::Null)?.succeed()?;
    let had = belongings(&pod, "eth1")?;
    list.entry(1, &node, &pod, "ADD", &result)?.fail()?;
    ensure!(belongings(&pod, "eth1")? == had);
    ensure!(pod.reaches("10.1.0.1")?);
    list.del(&node, &pod, &Value::Null)?;
    before.assert_unchanged(&node)
}

fn table_of(pod: &Pod<'_>, vrf: &str) -> Result<String> {
    let table = pod.link(vrf)?["linkinfo"]["info_data"]["table"].clone();
    Ok(table.as_u64().context("no table")?.to_string())
}

/// The interface of this number is in the VRF, and its gateway is reached by the VRF's default route alone.
fn is_apart(pod: &Pod<'_>, number: u8, vrf: &str) -> Result<()> {
    let name = format!("eth{number}");
    ensure!(pod.link(&name)?["master"] == vrf, "{name} is not in {vrf}");
    let table = table_of(pod, vrf)?;
    for (family, gateway) in [
        ("-4", format!("10.{number}.0.1")),
        ("-6", format!("fd00:{number}::1")),
    ] {
        let routes = pod.ok(&["ip", family, "route", "show", "table", &table])?;
        let default = format!("default via {gateway} dev {name}");
        ensure!(
            routes.contains(&default) && routes.matches("default").count() == 1,
            "{routes}"
        );
        let main = pod.ok(&["ip", family, "route", "show"])?;
        ensure!(!main.contains(&name), "{main}");
        let ping = [
            "ping", "-n", "-q", "-c", "1", "-w", "5", "-I", vrf, &gateway,
        ];
        ensure!(pod.run(&ping)?.success(), "{gateway} by {vrf}");
    }
    Ok(())
}

#[test]
fn each_network_has_a_default_route_of_its_own() -> Result<()> {
    let node = node!();
    node.drop_in("vrf")?;
    if !has_vrfs(&node)? {
        return Ok(());
    }
    for (index, (name, form)) in FORMS.into_iter().enumerate() {
        let pod = node.pod(&format!("pod{index}"))?;
        let [red, blue] = [network(form, 1, "red"), network(form, 2, "blue")];
        let results = [red.add(&node, &pod)?, blue.add(&node, &pod)?];
        let look = || {
            is_apart(&pod, 1, "red")?;
            is_apart(&pod, 2, "blue")
        };
        look().context(name)?;
        red.check(&node, &pod, &results[0]).context(name)?;
        blue.check(&node, &pod, &results[1]).context(name)?;
        blue.del(&node, &pod, &results[1])?;
        ensure!(!pod.has_link("blue")?, "{name}: blue is there");
        is_apart(&pod, 1, "red").context(name)?;
        red.del(&node, &pod, &results[0])?;
        ensure!(!pod.has_link("red")?, "{name}: red is there");
        assert_nothing_left(&node, &results)?;
    }
    Ok(())
}

#[test]
fn attachments_that_come_and_go_at_once_share_a_vrf() -> Result<()> {
    const MOST: u8 = 4;
    let node = node!();
    if !has_vrfs(&node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let turn = |number: u8| {
        // Of several default routes in one table the first one's wins.
        let list = network(lists::chain, number, "red");
        let list = list.with("/plugins/0/link/isDefaultGateway", false);
        (0..6).try_for_each(|_| {
            let result = list.add(&node, &pod)?;
            let name = format!("eth{number}");
            ensure!(pod.link(&name)?["master"] == "red", "{name} is not in red");
            list.check(&node, &pod, &result)?;
            list.del(&node, &pod, &result)
        })
    };
    thread::scope(|scope| {
        let turns: Vec<_> = (1..=MOST)
            .map(|number| scope.spawn(move || turn(number)))
            .collect();
        turns
            .into_iter()
            .try_for_each(|each| each.join().map_err(|_| anyhow!("a panic"))?)
    })?;
    ensure!(!pod.has_link("red")?, "red is still there");
    assert_nothing_left(&node, &[])
}

#[test]
fn what_fails_after_the_interface_joined_takes_it_out_again() -> Result<()> {
    let node = node!();
    if !has_vrfs(&node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let resident = node.pod("resident")?;
    Conflist::new("net1", &[bridge(1)]).add(&node, &resident)?;
    let before = Snapshot::take(&node)?;
    let stages = [
        json!({"plugin": "vrf", "vrfname": "red"}),
        json!({"plugin": "tuning", "sysctl": {"net.ipv4.conf.eth0.rp_filter": "nonsense"}}),
    ];
    let list = lists::chain("net1", bridge(1), &stages);
    let failure = list.refused(&node, &pod)?;
    ensure!(failure.code == KERNEL_STEP_FAILED, "{failure:?}");
    ensure!(!pod.has_link("red")? && !pod.has_link("eth0")?);
    before.assert_unchanged(&node)?;
    // By itself: a route that can't be.
    let list = network(lists::entries, 1, "red");
    let result = list.entry(0, &node, &pod, "ADD", &Value::Null)?.succeed()?;
    let had = belongings(&pod, "eth1")?;
    let mut previous = result.clone();
    previous["routes"] = json!([{"dst": "192.0.2.0/24", "gw": "203.0.113.1"}]);
    let failure = list.entry(1, &node, &pod, "ADD", &previous)?.fail()?;
    ensure!(failure.code == KERNEL_STEP_FAILED, "{failure:?}");
    ensure!(!pod.has_link("red")?, "red is still there");
    ensure!(belongings(&pod, "eth1")? == had);
    ensure!(pod.reaches("10.1.0.1")?);
    list.del(&node, &pod, &result)?;
    before.assert_unchanged(&node)
}
