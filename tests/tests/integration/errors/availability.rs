//! What a node lacks: addresses, its state, another vendor's IPAM.

use anyhow::Result;
use serde_json::json;
use wasm_cni_tests::{CniFailure, Network, Node, install_script};

use super::network;

/// Room for one pod.
fn narrow() -> Network {
    Network::bridge("pods", &["10.1.0.0/30"]).version("1.1.0")
}

/// A network whose IPAM is this shell script.
pub(super) fn delegating(node: &Node, name: &str, script: &str) -> Result<Network> {
    install_script(node, name, script)?;
    let ipam = json!({"type": name});
    Ok(network().version("1.1.0").with("/ipam", ipam))
}

pub(super) fn a_range_that_is_full(node: &Node) -> Result<CniFailure> {
    narrow().add(node, &node.pod("a")?).succeed()?;
    narrow().add(node, &node.pod("b")?).fail()
}

pub(super) fn a_status_without_addresses(node: &Node) -> Result<CniFailure> {
    narrow().add(node, &node.pod("a")?).succeed()?;
    narrow().call(node, "STATUS").fail()
}

pub(super) fn a_delegate_with_limited_connectivity(node: &Node) -> Result<CniFailure> {
    let script = r#"echo '{"code": 51, "msg": "no route to the other nodes"}'; exit 1"#;
    delegating(node, "limited", script)?
        .call(node, "STATUS")
        .fail()
}

pub(super) fn a_delegate_that_says_nothing(node: &Node) -> Result<CniFailure> {
    delegating(node, "silent", "exit 1")?
        .add(node, &node.pod("a")?)
        .fail()
}

pub(super) fn state_that_others_can_write(node: &Node) -> Result<CniFailure> {
    node.ok(&["mkdir", "--mode=777", "/run/wasm-cni"])?;
    network().add(node, &node.pod("a")?).fail()
}
