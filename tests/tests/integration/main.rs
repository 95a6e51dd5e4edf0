//! The built executables against a real kernel. Each test has a private node; nothing outlives it.

#![allow(
    clippy::indexing_slicing,
    reason = "test code reads JSON; a panic is a failed test"
)]

mod addresses_alone;
mod artifacts;
mod attach;
mod checks;
mod concurrency;
mod delegation;
mod devices;
mod doctor;
mod drop_in;
mod errors;
mod examples;
mod exhaustion;
mod flows;
mod guests;
mod healing;
mod host_firewall;
mod identity;
mod import;
mod input;
mod kill_points;
mod links;
mod lists;
mod log;
mod lost_state;
mod mutations;
mod plan_command;
mod port_claims;
mod ports;
mod purge;
mod random_kills;
mod reboot;
mod reference;
mod refusals;
mod removal;
mod resilience;
mod rollback;
mod runtime;
mod settings;
mod shaping;
mod stages;
mod status;
mod tenants;
mod verbs;
mod vrf;
mod whole_chain;

use wasm_cni_tests::Node;

/// The test's node; where it must be skipped, the test ends here.
macro_rules! node {
    () => {
        match wasm_cni_tests::Node::start()? {
            Some(node) => node,
            None => return Ok(()),
        }
    };
}
pub(crate) use node;

/// Fails if anything of the deleted attachments, whose ADDs printed `results`, is still there.
pub(crate) fn assert_nothing_left(
    node: &Node,
    results: &[serde_json::Value],
) -> anyhow::Result<()> {
    let found = node.leftovers(results)?;
    anyhow::ensure!(found.is_empty(), "still there: {found:#?}");
    Ok(())
}

/// The addresses that a result tells, without prefix lengths.
pub(crate) fn addresses(result: &serde_json::Value) -> Vec<String> {
    let ips = result["ips"].as_array().into_iter().flatten();
    let texts = ips.filter_map(|ip| ip["address"].as_str());
    texts
        .filter_map(|text| text.split('/').next())
        .map(str::to_owned)
        .collect()
}

/// Does this kernel have the links that the example is of? False after telling that it is skipped.
pub(crate) fn has_kind_of(node: &Node, example: &std::path::Path) -> anyhow::Result<bool> {
    let name = example.file_stem().and_then(|name| name.to_str());
    let words: &[&str] = match name {
        Some("macvlan") => &["link", "eth0", "type", "macvlan"],
        Some("ipvlan") => &["link", "eth0", "type", "ipvlan"],
        Some("vlan") => &["link", "eth0", "type", "vlan", "id", "9"],
        Some("dummy") => &["type", "dummy"],
        Some("vrf") => &["type", "vrf", "table", "77"],
        _ => return Ok(true),
    };
    wasm_cni_tests::link_kind(node, words)
}

/// Gives the node an `eth0` for macvlans to sit on.
pub(crate) fn lan(node: &Node) -> anyhow::Result<()> {
    node.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ])?;
    node.ok(&["ip", "link", "set", "eth1", "up"])?;
    node.ok(&["ip", "link", "set", "eth0", "up"])?;
    Ok(())
}
