//! Attachments whose DEL never comes: their addresses are free when their containers are provably gone, and not before.

use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Conflist, Node, Pod, Reply, link_kind};

use crate::identity::{inhabit, leave};
use crate::lists::{self, full_chain};
use crate::{assert_nothing_left, lan, node};

const EXHAUSTED: u64 = 100;
/// Once in this time a call looks after others.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// A plugin that can be added and not be deleted.
const STUBBORN: &str = r#"#!/bin/sh
cat >/dev/null
if [ "$CNI_COMMAND" = DEL ]; then
    echo '{"cniVersion": "1.0.0", "code": 123, "msg": "not today"}'
    exit 1
fi
echo '{"cniVersion": "1.0.0"}'
"#;

fn install(node: &Node, name: &str, script: &str) -> Result<()> {
    let path = format!("{BIN_DIR}/{name}");
    node.write(&path, script)?;
    let executable = std::fs::Permissions::from_mode(0o755);
    Ok(std::fs::set_permissions(node.path(&path), executable)?)
}

/// IPAM of ours with two addresses: 10.1.0.2 and 10.1.0.3.
fn two_addresses() -> Value {
    let range = json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"});
    json!({"type": "wasm-cni", "plugin": "host-local", "ranges": [[range]]})
}

/// A list whose last plugin can't be deleted, and whose first gives two addresses.
fn undeletable(mut link: Value) -> Conflist {
    link["ipam"] = two_addresses();
    Conflist::new("pods", &[link, json!({"type": "stubborn"})])
}

/// Waits until the kernel has taken down the links of a namespace that is gone, which it does in its own time.
fn wait_until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..1_000 {
        if done()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("it does not happen")
}

/// Deletes the pod with the only veth of the node.
fn gone(node: &Node, pod: &Pod<'_>) -> Result<()> {
    pod.delete()?;
    wait_until(|| Ok(node.link_names("veth")?.is_empty()))
}

/// Says the reply that no address is left? Another vendor's plugin hands our error on in its own form.
fn is_exhausted(reply: &Reply) -> Result<bool> {
    let text = &reply.0.stdout;
    let answer: Value = serde_json::from_str(text).with_context(|| text.clone())?;
    Ok(answer["code"] == EXHAUSTED)
}

/// ADD by the first entry, as soon as there is an address.
fn add_when_free(list: &Conflist, node: &Node, pod: &Pod<'_>) -> Result<()> {
    wait_until(|| {
        let add = list.entry(0, node, pod, "ADD", &Value::Null)?;
        let reply = add.run()?;
        if reply.0.success() {
            return Ok(true);
        }
        list.del_entry(0, node, pod, &Value::Null)?;
        ensure!(is_exhausted(&reply)?, "{reply:?}");
        Ok(false)
    })
}

fn attachments(node: &Node) -> Result<usize> {
    let list = node.ctl(&["attachment", "list"])?;
    Ok(list.as_array().map_or(0, Vec::len))
}

/// The first entry finds no address.
fn is_refused(list: &Conflist, node: &Node, pod: &Pod<'_>) -> Result<()> {
    let reply = list.entry(0, node, pod, "ADD", &Value::Null)?.run()?;
    list.del_entry(0, node, pod, &Value::Null)?;
    ensure!(is_exhausted(&reply)?, "{reply:?}");
    Ok(())
}

fn heals(node: &Node, link: Value) -> Result<()> {
    install(node, "stubborn", STUBBORN)?;
    let list = undeletable(link);
    let (lost, other, late) = (node.pod("lost")?, node.pod("other")?, node.pod("late")?);
    let first = list.add(node, &lost).map(|_| lost.addresses("eth0"))??;
    ensure!(
        list.del(node, &lost, &Value::Null).is_err(),
        "the plugin can be deleted"
    );
    list.add(node, &other)?;
    // It lives, and is looked at by each of these.
    for _ in 0..3 {
        is_refused(&list, node, &late)?;
    }
    ensure!(lost.addresses("eth0")? == first, "its address is gone");
    lost.delete()?;
    add_when_free(&list, node, &late)?;
    ensure!(late.addresses("eth0")? == first, "another address");
    ensure!(attachments(node)? == 2, "its record is still there");
    for pod in [&other, &late] {
        list.del_entry(0, node, pod, &Value::Null)?;
    }
    ensure!(attachments(node)? == 0, "records are still there");
    Ok(())
}

#[test]
fn our_link_heals_where_another_plugin_refuses_del() -> Result<()> {
    let node = node!();
    heals(&node, lists::bridge("cni0", &[]))?;
    assert_nothing_left(&node, &[])
}

#[test]
fn our_ipam_under_the_reference_bridge_heals_where_another_plugin_refuses_del() -> Result<()> {
    let node = node!();
    heals(
        &node,
        json!({"type": "bridge", "bridge": "cni0", "isGateway": true}),
    )
}

#[test]
fn our_ipam_under_the_reference_ptp_heals_where_another_plugin_refuses_del() -> Result<()> {
    let node = node!();
    heals(&node, json!({"type": "ptp"}))
}

#[test]
fn our_ipam_under_the_reference_macvlan_heals_where_another_plugin_refuses_del() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    heals(&node, json!({"type": "macvlan", "master": "eth0"}))
}

#[test]
fn a_container_of_another_vendors_link_keeps_its_address_without_a_path() -> Result<()> {
    let node = node!();
    let link = json!({"type": "ptp", "ipam": two_addresses()});
    let list = Conflist::new("pods", &[link]);
    let (hidden, other, late) = (node.pod("hidden")?, node.pod("other")?, node.pod("late")?);
    list.add(&node, &hidden)?;
    let address = hidden.addresses("eth0")?;
    let sleeper = inhabit(&node, &hidden)?;
    hidden.delete()?;
    list.add(&node, &other)?;
    is_refused(&list, &node, &late)?;
    // Another container has the path by now, and the hidden one lives.
    let successor = node.pod("hidden")?;
    is_refused(&list, &node, &late)?;
    leave(&node, sleeper)?;
    add_when_free(&list, &node, &late)?;
    assert_eq!(late.addresses("eth0")?, address);
    successor.delete()
}

#[test]
fn a_call_looks_after_others_whose_del_was_lost() -> Result<()> {
    let node = node!();
    let list = full_chain(8000);
    let (lost, other) = (node.pod("lost")?, node.pod("other")?);
    let result = list.add(&node, &lost)?;
    gone(&node, &lost)?;
    thread::sleep(BETWEEN_SWEEPS);
    // Neither its addresses nor its port are wanted by this one.
    let other_result = full_chain(8001).add(&node, &other)?;
    let records = node.ctl(&["attachment", "list"])?;
    ensure!(records[1].is_null(), "{records}");
    full_chain(8001).del(&node, &other, &other_result)?;
    assert_nothing_left(&node, &[result, other_result])
}

/// An IPAM plugin that keeps its addresses as files.
const FILES: &str = r#"#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
ADD) : >"/run/leases-$CNI_CONTAINERID"; echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.7/24"}]}' ;;
DEL) rm -f "/run/leases-$CNI_CONTAINERID" ;;
esac
"#;

#[test]
fn another_vendors_ipam_hears_of_an_attachment_whose_del_was_lost() -> Result<()> {
    let node = node!();
    install(&node, "files", FILES)?;
    let mut link = lists::bridge("cni0", &[]);
    link["link"] = json!({"kind": "bridge"});
    link["ipam"] = json!({"type": "files"});
    let list = Conflist::new("pods", &[link]);
    let (lost, other) = (node.pod("lost")?, node.pod("other")?);
    list.add(&node, &lost)?;
    ensure!(node.path("/run/leases-lost").exists(), "it gave no address");
    gone(&node, &lost)?;
    thread::sleep(BETWEEN_SWEEPS);
    // This one knows by its CNI_PATH where the plugin is.
    list.add(&node, &other)?;
    ensure!(
        !node.path("/run/leases-lost").exists(),
        "the plugin was not told"
    );
    ensure!(attachments(&node)? == 1, "the record is still there");
    list.del(&node, &other, &Value::Null)
        .context("the other one")?;
    assert_nothing_left(&node, &[])
}
