mod allocation;
mod configuration;
mod property;
mod requests;

use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{Allocation, Attachment, Failure};

use crate::HostLocal;

fn pod(name: &str) -> Attachment {
    Attachment::new("pods", name, "eth0")
}

fn add(node: &Node, config: &str, attachment: &Attachment) -> Result<Allocation, Failure> {
    node.add::<HostLocal>(config, attachment, None)
}

/// The addresses of an answer as text, with their prefix lengths.
fn addresses(node: &Node, config: &str, attachment: &Attachment) -> Result<Vec<String>, Failure> {
    let answer = add(node, config, attachment)?;
    Ok(answer
        .addresses
        .iter()
        .map(|address| address.address.to_string())
        .collect())
}

/// A configuration with the one range 10.0.0.1–10.0.0.14 and these further keys of the range.
fn one_range(keys: &str) -> String {
    format!(r#"{{"type": "host-local", "ranges": [[{{"subnet": "10.0.0.0/28"{keys}}}]]}}"#)
}
