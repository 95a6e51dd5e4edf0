mod configuration;
mod pools;
mod stickiness;

use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{Attachment, Failure, Pod};

use crate::PoolByNamespace;

/// Three pools of two addresses each: gold for team-a, silver for whoever asks, common for the rest.
const POOLS: &str = r#""ranges": [[{"subnet": "10.1.0.0/24", "gateway": "10.1.0.254"}]],
    "pools": {"gold": [{"rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.11"}], "silver": [{"subnet": "10.1.0.20/31"}],
        "common": [{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.30", "rangeEnd": "10.1.0.31"}]},
    "namespaces": {"team-a": "gold"}"#;

fn config(keys: &str) -> String {
    format!(r#"{{"type": "wasm-cni", "plugin": "pool-by-namespace", {POOLS}{keys}}}"#)
}

fn of(pod: Pod) -> Attachment {
    let id = format!("id-{}-{}", pod.namespace, pod.name);
    Attachment::new("pods", id, "eth0").of_pod(pod)
}

fn pod(namespace: &str, name: &str) -> Attachment {
    of(Pod::new(namespace, name))
}

/// The addresses that an ADD gives.
fn add(node: &Node, config: &str, attachment: &Attachment) -> Result<String, Failure> {
    let answer = node.add::<PoolByNamespace>(config, attachment, None)?;
    let addresses: Vec<String> = answer
        .addresses
        .iter()
        .map(|address| address.address.addr().to_string())
        .collect();
    Ok(addresses.join(" "))
}

fn denied<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
    match answer {
        Err(Failure::Denied(text)) => text,
        other => panic!("{other:?}"),
    }
}
