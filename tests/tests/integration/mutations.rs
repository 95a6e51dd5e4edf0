//! Every value of a large network replaced by values that make no sense there.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, Pod, Snapshot};

use crate::{assert_nothing_left, lists, node};

/// A bridge with each built-in stage and much of what each may be told.
fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"])
        .with("/link/bridge", "cni0")
        .with("/link/masqExclude", json!(["10.0.0.0/8"]))
        .with("/link/mtu", 1400)
        .with(
            "/ipam/routes",
            json!([{"dst": "172.31.0.0/16", "gw": "10.1.0.1", "mtu": 1300}]),
        )
        .with("/ipam/limits", json!({"fuel": 100_000_000, "memoryMiB": 8}))
        .with("/ipam/coolDownSeconds", 1)
        .with(
            "/dns",
            json!({"nameservers": ["10.1.0.1"], "search": ["a.test"]}),
        )
        .with(
            "/chain",
            json!([
                {"plugin": "portmap", "snat": true, "conditionsV4": ["-s", "10.0.0.0/8"]},
                {"plugin": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 800_000},
                {"plugin": "tuning", "sysctl": {"net.core.somaxconn": "500"}, "promisc": true},
                {"plugin": "firewall", "ingressPolicy": "same-bridge"},
                {"plugin": "flow-policy", "ingress": {"default": "drop", "allow": [
                    {"cidrs": ["10.9.0.0/16"], "protocol": "tcp", "ports": [80, "8000-8010"]},
                ]}},
                {"plugin": "quota", "maxAttachments": 9, "onMissingNamespace": "allow"},
            ]),
        )
        .with(
            "/runtimeConfig",
            json!({
                "portMappings": [lists::mapping("tcp", 8080, 80)],
                "ips": ["10.1.0.9/24"],
                "mac": "02:00:5e:10:00:01",
            }),
        )
}

fn nonsense() -> [Value; 7] {
    [
        Value::Null,
        json!(true),
        json!(-1),
        json!(""),
        json!("\u{0}/../%d \u{1b}[2J"),
        json!("x".repeat(70_000)),
        json!({"": {"a": []}}),
    ]
}

/// The JSON pointers of everything below a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(place, value)| (place.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let pointer = format!("{at}/{key}");
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

/// The configurations, each with what was replaced.
fn mutations() -> Result<Vec<(String, Value)>> {
    let mut places = Vec::new();
    pointers(network().config(), "", &mut places);
    ensure!(places.len() > 50, "{places:?}");
    let mut all = Vec::new();
    for place in places {
        for value in nonsense() {
            let text = format!("{place} = {:.80}", value.to_string());
            let mut config = network().config().clone();
            *config.pointer_mut(&place).context("no such place")? = value;
            all.push((text, config));
        }
    }
    Ok(all)
}

#[test]
fn any_value_in_any_place_is_served_or_refused_and_leaves_nothing() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let (mut results, mut refused, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (text, config) in mutations()? {
        match served(&node, &pod, &config) {
            Ok(Some(result)) => results.push(result),
            Ok(None) => refused.push((text, config)),
            Err(error) => wrong.push(format!("{text}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(refused.len() > 100 && results.len() > 10);
    assert_nothing_left(&node, &results)?;
    refused_without_a_trace(refused)
}

/// What was refused on one node is refused on another one, and changes nothing there.
fn refused_without_a_trace(refused: Vec<(String, Value)>) -> Result<()> {
    let node = node!();
    let (neighbour, pod) = (node.pod("neighbour")?, node.pod("a")?);
    // It keeps what attachments share, and is there to be harmed.
    let shared = network().with("/runtimeConfig", json!({}));
    shared.add(&node, &neighbour).succeed()?;
    let good = network().add(&node, &pod).succeed()?;
    network().del(&node, &pod, &good).succeed()?;
    let before = Snapshot::take(&node)?;
    for (text, config) in &refused {
        let result = served(&node, &pod, config).with_context(|| text.clone())?;
        ensure!(result.is_none(), "{text}: served here");
    }
    before.assert_unchanged(&node)
}

/// The result of an ADD that was served, and undone again; None where it was refused as it should be.
fn served(node: &Node, pod: &Pod<'_>, config: &Value) -> Result<Option<Value>> {
    let reply = network().add(node, pod).config(config).run()?;
    if reply.0.success() {
        let result = reply.result()?;
        let del = network().call(node, "DEL").pod(pod);
        del.config(config).succeed()?;
        return Ok(Some(result));
    }
    let failure = reply.failure()?;
    ensure!(
        failure.code > 0 && !failure.details.is_empty(),
        "{failure:?}"
    );
    ensure!(failure.text.len() < 20_000, "{} bytes", failure.text.len());
    ensure!(!failure.text.contains(['\u{0}', '\u{1b}']), "{failure:?}");
    Ok(None)
}
