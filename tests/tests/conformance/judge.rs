//! What cases look at.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniFailure, Conflist, Node, Pod};

/// Fails, with both values, unless they are equal.
pub(crate) fn equal<T: PartialEq<U> + Debug, U: Debug>(
    what: &str,
    found: T,
    expected: U,
) -> Result<()> {
    ensure!(found == expected, "{what}: {found:?}, not {expected:?}");
    Ok(())
}

/// As [`equal`], for a value of a JSON document.
pub(crate) fn same(what: &str, found: &Value, expected: impl Into<Value>) -> Result<()> {
    equal(what, found, &expected.into())
}

/// Fails unless a chained plugin's result is what came before. No `dns` and an empty one are the same.
pub(crate) fn passed_through(result: &Value, before: &Value) -> Result<()> {
    let without_empty_dns = |result: &Value| {
        let mut result = result.clone();
        if let Some(object) = result.as_object_mut() {
            object.retain(|key, value| key != "dns" || *value != json!({}));
        }
        result
    };
    equal(
        "result",
        without_empty_dns(result),
        without_empty_dns(before),
    )
}

/// The items of a list, none if it is no list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// `ips[].address` of a result of version 0.3.0 and later.
pub(crate) fn addresses(result: &Value) -> Vec<String> {
    let texts = items(&result["ips"]).filter_map(|ip| ip["address"].as_str());
    texts.map(str::to_owned).collect()
}

/// The host's end of a veth that a bridge's or ptp's result tells.
pub(crate) fn host_end(result: &Value) -> Result<String> {
    let mut outside = items(&result["interfaces"]).filter(|interface| {
        interface["sandbox"].as_str().unwrap_or_default().is_empty() && interface["name"] != "cni0"
    });
    let name = outside
        .next()
        .and_then(|interface| interface["name"].as_str());
    name.map(str::to_owned)
        .with_context(|| format!("no end on the host: {result}"))
}

/// A link of the node's own namespace: `ip -j -d link`.
pub(crate) fn node_link(node: &Node, name: &str) -> Result<Value> {
    let links = node.links()?;
    let found = links.into_iter().find(|link| link["ifname"] == name);
    found.with_context(|| format!("the node has no link {name}"))
}

/// A sysctl of the node; the name with slashes.
pub(crate) fn node_sysctl(node: &Node, name: &str) -> Result<String> {
    let path = format!("/proc/sys/{name}");
    Ok(node.ok(&["cat", &path])?.trim_end().to_owned())
}

/// Does a link, as `ip -j` shows it, carry this flag?
pub(crate) fn has_flag(link: &Value, flag: &str) -> bool {
    items(&link["flags"]).any(|known| known == flag)
}

/// The gateways of a pod's default routes, IPv4 first.
pub(crate) fn default_gateways(pod: &Pod<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let routes = pod.routes(family)?;
        let defaults = routes.iter().filter(|route| route["dst"] == "default");
        found.extend(defaults.filter_map(|route| route["gateway"].as_str().map(str::to_owned)));
    }
    Ok(found)
}

/// ADD that must fail at some entry with an error object. DEL is left to the case.
pub(crate) fn add_fails(list: &Conflist, node: &Node, pod: &Pod<'_>) -> Result<CniFailure> {
    let mut previous = Value::Null;
    for index in 0..list.len() {
        let reply = list.entry(index, node, pod, "ADD", &previous)?.run()?;
        if !reply.0.success() {
            return reply.error();
        }
        previous = reply.result()?;
    }
    bail!("ADD succeeds: {previous}")
}

/// CHECK must pass now, and fail at some entry after the damage.
pub(crate) fn check_notices(
    list: &Conflist,
    node: &Node,
    pod: &Pod<'_>,
    result: &Value,
    damage: impl FnOnce() -> Result<()>,
) -> Result<()> {
    list.check(node, pod, result)
        .context("CHECK of what is whole")?;
    damage()?;
    for index in 0..list.len() {
        let reply = list.entry(index, node, pod, "CHECK", result)?.run()?;
        if !reply.0.success() {
            reply.error()?;
            return Ok(());
        }
    }
    bail!("CHECK does not notice")
}

/// DEL of every entry, last first, with nothing but container id and interface name.
pub(crate) fn del_by_name(list: &Conflist, node: &Node, pod: &Pod<'_>) -> Result<()> {
    for index in (0..list.len()).rev() {
        let call = list.entry(index, node, pod, "DEL", &Value::Null)?;
        call.variable("CNI_NETNS", "").succeed()?;
    }
    Ok(())
}

/// Fails if the kernel has anything left of deleted attachments, whose ADDs printed `results`.
pub(crate) fn nothing_left(node: &Node, results: &[Value]) -> Result<()> {
    let found = node.leftovers(results)?;
    ensure!(found.is_empty(), "still there: {found:?}");
    Ok(())
}

/// ADD, CHECK and DEL, after which nothing is left; what `look` sees in between. May be nested.
pub(crate) fn attached<T>(
    list: &Conflist,
    node: &Node,
    pod: &Pod<'_>,
    look: impl FnOnce(&Value) -> Result<T>,
) -> Result<T> {
    attached_unchecked(list, node, pod, |result| {
        let seen = look(result)?;
        list.check(node, pod, result).context("CHECK")?;
        Ok(seen)
    })
}

/// As [`attached`] without CHECK, for lists of which the reference plugins' CHECK says that all is wrong.
pub(crate) fn attached_unchecked<T>(
    list: &Conflist,
    node: &Node,
    pod: &Pod<'_>,
    look: impl FnOnce(&Value) -> Result<T>,
) -> Result<T> {
    let before = node.leftovers(&[])?;
    let result = list.add(node, pod)?;
    let seen = look(&result)?;
    list.del(node, pod, &result)?;
    let mut found = node.leftovers(&[result])?;
    found.retain(|left| !before.contains(left));
    ensure!(found.is_empty(), "still there: {found:?}");
    Ok(seen)
}

/// Waits until the kernel has removed a link whose namespace, or whose other end's, is gone.
pub(crate) fn gone(node: &Node, name: &str) -> Result<()> {
    let start = Instant::now();
    while node_link(node, name).is_ok() {
        ensure!(
            start.elapsed() < Duration::from_secs(10),
            "{name} is still there"
        );
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A mapping as runtimes pass it.
pub(crate) fn mapping(protocol: &str, host_port: u16, container_port: u16) -> Value {
    json!({"hostPort": host_port, "containerPort": container_port, "protocol": protocol})
}

/// Gives the node an `eth0` with a far end that is up.
pub(crate) fn lan(node: &Node) -> Result<()> {
    node.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ])?;
    for name in ["eth1", "eth0"] {
        node.ok(&["ip", "link", "set", name, "up"])?;
    }
    Ok(())
}
