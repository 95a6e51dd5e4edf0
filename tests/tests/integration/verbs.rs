//! CHECK, GC, STATUS, VERSION.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Network, Node, Pod};

use crate::{assert_nothing_left, node};

const DIFFERS: u64 = 113;

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]).version("1.1.0")
}

/// What CHECK must notice: a name, a shell command inside the pod, a shell command on the node ($1: the host's end).
const DAMAGE: [(&str, &str, &str); 8] = [
    (
        "an IPv4 address removed",
        "ip -4 address flush dev eth0",
        "",
    ),
    (
        "an IPv6 address removed",
        "ip -6 address flush dev eth0 scope global",
        "",
    ),
    ("the default route removed", "ip route delete default", ""),
    (
        "the IPv6 default route removed",
        "ip -6 route delete default",
        "",
    ),
    ("the link set down", "ip link set eth0 down", ""),
    ("the link deleted", "ip link delete eth0", ""),
    (
        "the port taken off its bridge",
        "",
        "ip link set \"$1\" nomaster",
    ),
    ("the rules flushed", "", "nft flush ruleset"),
];

#[test]
fn check_succeeds_until_something_is_damaged() -> Result<()> {
    let node = node!();
    for (number, (name, inside, outside)) in DAMAGE.iter().enumerate() {
        let pod = node.pod(&format!("pod{number}"))?;
        let result = network().add(&node, &pod).succeed()?;
        network()
            .check(&node, &pod, &result)
            .succeed()
            .context(*name)?;
        pod.ok(&["sh", "-c", inside])?;
        let host = result["interfaces"][1]["name"].as_str().unwrap_or_default();
        node.ok(&["sh", "-c", outside, "sh", host])?;
        let failure = network()
            .check(&node, &pod, &result)
            .fail()
            .context(*name)?;
        assert_eq!(failure.code, DIFFERS, "{name}: {failure:?}");
        network().del(&node, &pod, &result).succeed()?;
    }
    Ok(())
}

#[test]
fn check_allows_what_a_later_plugin_changed() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let mut result = network().add(&node, &pod).succeed()?;
    pod.ok(&["ip", "route", "add", "198.51.100.0/24", "via", "10.1.0.1"])?;
    result["routes"] = json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "198.51.100.0/24"}]);
    network().check(&node, &pod, &result).succeed()?;
    Ok(())
}

fn valid(config: &Network, pods: &[&Pod<'_>]) -> Value {
    let list: Vec<_> = pods
        .iter()
        .map(|pod| json!({"containerID": pod.name(), "ifname": "eth0"}))
        .collect();
    let mut config = config.config().clone();
    config["cni.dev/valid-attachments"] = list.into();
    config
}

fn collect<'a>(node: &'a Node, config: &Value) -> CniCall<'a> {
    CniCall::new(node, "wasm-cni", "GC").config(config)
}

#[test]
fn gc_removes_what_is_not_valid_and_keeps_the_rest() -> Result<()> {
    let node = node!();
    let (kept, stale, gone) = (node.pod("kept")?, node.pod("stale")?, node.pod("gone")?);
    let other = Network::bridge("others", &["10.2.0.0/24"]).with("/link/bridge", "cni1");
    let bystander = node.pod("bystander")?;
    other.add(&node, &bystander).succeed()?;
    let mut results = Vec::new();
    for pod in [&kept, &stale, &gone] {
        results.push(network().add(&node, pod).succeed()?);
    }
    gone.delete()?;
    collect(&node, &valid(&network(), &[&kept])).succeed()?;
    assert!(kept.reaches("10.1.0.1")? && bystander.reaches("10.2.0.1")?);
    assert!(!stale.has_link("eth0")?);
    assert_eq!(
        node.ctl(&["attachment", "list"])?.as_array().map(Vec::len),
        Some(2)
    );
    collect(&node, &valid(&network(), &[])).succeed()?;
    other.del(&node, &bystander, &Value::Null).succeed()?;
    assert_nothing_left(&node, &results)
}

#[test]
fn gc_without_the_list_of_valid_attachments_is_refused() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    network().add(&node, &pod).succeed()?;
    assert_eq!(collect(&node, network().config()).fail()?.code, 7);
    assert!(pod.reaches("10.1.0.1")?);
    Ok(())
}

#[test]
fn verbs_need_the_version_that_brought_them() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let result = network().add(&node, &pod).succeed()?;
    let old = network().version("0.3.1");
    assert_eq!(old.check(&node, &pod, &result).fail()?.code, 1);
    let gc = collect(&node, &valid(&network().version("1.0.0"), &[]));
    assert_eq!(gc.fail()?.code, 1);
    assert_eq!(
        network()
            .version("1.0.0")
            .call(&node, "STATUS")
            .fail()?
            .code,
        1
    );
    assert!(pod.reaches("10.1.0.1")?);
    Ok(())
}

#[test]
fn version_needs_nothing_at_all() -> Result<()> {
    let node = node!();
    let report = CniCall::new(&node, "wasm-cni", "VERSION")
        .without("CNI_PATH")
        .succeed()?;
    let versions = [
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ];
    assert_eq!(report["supportedVersions"], json!(versions));
    // libcni's probe.
    let probe = CniCall::new(&node, "wasm-cni", "VERSION")
        .attachment("dummy", "dummy", "dummy")
        .config(&json!({"cniVersion": "0.4.0"}));
    assert_eq!(probe.succeed()?["cniVersion"], "0.4.0");
    Ok(())
}

#[test]
fn results_are_in_the_version_of_the_configuration() -> Result<()> {
    let node = node!();
    for (number, version) in [
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ]
    .iter()
    .enumerate()
    {
        let pod = node.pod(&format!("pod{number}"))?;
        let network = network().version(version);
        let result = network.add(&node, &pod).succeed().context(*version)?;
        assert_eq!(&result["cniVersion"], version);
        let single = version.starts_with("0.1") || version.starts_with("0.2");
        if single {
            assert!(
                result["ip4"]["ip"].is_string() && result["ip6"]["ip"].is_string(),
                "{result}"
            );
        } else {
            assert_eq!(
                result["ips"][0]["version"] == "4",
                version.starts_with('0'),
                "{result}"
            );
            assert_eq!(result["interfaces"][2]["sandbox"], pod.netns(), "{result}");
        }
        assert_eq!(
            result["interfaces"][2]["mtu"].is_number(),
            *version == "1.1.0",
            "{result}"
        );
        network
            .del(&node, &pod, &result)
            .succeed()
            .context(*version)?;
        assert_nothing_left(&node, &[result])?;
    }
    Ok(())
}
