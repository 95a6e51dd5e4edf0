//! Plugins that refuse, break a rule, or can't be run.

use anyhow::Result;
use serde_json::{Value, json};
use wasm_cni_tests::{CniFailure, DEMANDING_GRANTS, Node, guest, install_plugin};

use super::network;

/// ADD with this chain fails.
fn chain(node: &Node, stages: Value) -> Result<CniFailure> {
    let network = network().with("/chain", stages);
    network.add(node, &node.pod("a")?).fail()
}

/// ADD with a stage that wants this fails.
fn demanding(node: &Node, want: &str, grants: &[&str]) -> Result<CniFailure> {
    install_plugin(node, "demanding", &guest("demanding")?)?;
    let stage = json!({"plugin": "demanding", "wants": [want], "grants": grants});
    chain(node, json!([stage]))
}

pub(super) fn a_plugin_that_can_not_yet(node: &Node) -> Result<CniFailure> {
    demanding(node, "later", &DEMANDING_GRANTS)
}

pub(super) fn a_plugin_that_denies(node: &Node) -> Result<CniFailure> {
    demanding(node, "deny", &DEMANDING_GRANTS)
}

pub(super) fn a_plugin_without_end(node: &Node) -> Result<CniFailure> {
    demanding(node, "loop", &DEMANDING_GRANTS)
}

pub(super) fn a_plugin_that_crashes(node: &Node) -> Result<CniFailure> {
    demanding(node, "trap", &DEMANDING_GRANTS)
}

pub(super) fn an_address_of_no_range(node: &Node) -> Result<CniFailure> {
    demanding(node, "address", &DEMANDING_GRANTS)
}

pub(super) fn a_grant_that_is_missing(node: &Node) -> Result<CniFailure> {
    demanding(node, "mtu", &["deny"])
}

pub(super) fn a_plugin_that_is_not_installed(node: &Node) -> Result<CniFailure> {
    chain(node, json!([{"plugin": "absent"}]))
}

pub(super) fn stages_that_disagree(node: &Node) -> Result<CniFailure> {
    let mtu = |mtu: u32| json!({"plugin": "tuning", "mtu": mtu});
    chain(node, json!([mtu(1400), mtu(1380)]))
}

pub(super) fn an_answer_beyond_the_ranges(node: &Node) -> Result<CniFailure> {
    install_plugin(node, "hostile", &guest("hostile")?)?;
    let ipam = json!({
        "type": "wasm-cni", "plugin": "hostile", "mode": "outside", "ranges": [[{"subnet": "10.1.0.0/24"}]],
    });
    let network = network().with("/ipam", ipam);
    network.add(node, &node.pod("a")?).fail()
}
