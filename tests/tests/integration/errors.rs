//! Every code of docs/errors.md, provoked.

mod attachment;
mod availability;
mod plugin;
mod request;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use wasm_cni_tests::{CniFailure, Network, Node};

use crate::node;

const DOCUMENT: &str = include_str!("../../../docs/errors.md");
const LOG: &str = "/var/log/wasm-cni/wasm-cni.log";

/// What provokes a code on a node.
type Provoke = fn(&Node) -> Result<CniFailure>;

/// A test for each code, and the list of them. Behind the code stands how the message begins.
macro_rules! codes {
    ($($subject:ident::$name:ident: $code:literal, $place:literal;)*) => {
        const PROVOKED: &[u64] = &[$($code),*];
        $(
            #[test]
            fn $name() -> Result<()> {
                is_told(&node!(), $subject::$name, $code, $place)
            }
        )*
    };
}

codes! {
    request::a_verb_that_the_version_lacks: 1, "network pods, plugin bridge, phase request of STATUS: ";
    request::a_key_that_is_not_known: 2, "network pods, container a, interface eth0, plugin bridge, phase request of ADD: ";
    attachment::a_namespace_that_does_not_exist: 3, "network pods, container a, interface eth0, plugin bridge, phase namespace of ADD: ";
    request::a_variable_that_is_missing: 4, "container a, plugin wasm-cni, phase request of ADD: ";
    request::an_input_that_can_not_be_read: 5, "container a, interface eth0, plugin wasm-cni, phase request of ADD: ";
    request::an_input_that_is_no_json: 6, "container a, interface eth0, plugin wasm-cni, phase request of ADD: ";
    request::a_value_that_is_wrong: 7, "network pods, container a, interface eth0, plugin bridge, phase request of ADD: ";
    attachment::the_namespace_of_the_host: 8, "network pods, container a, interface eth0, plugin bridge, phase namespace of ADD: ";
    plugin::a_plugin_that_can_not_yet: 11, "network pods, container a, interface eth0, plugin demanding (chain[0]), phase amend of ADD: ";
    availability::a_status_without_addresses: 50, "network pods, plugin host-local, phase status of STATUS: ";
    availability::a_delegate_with_limited_connectivity: 51, "network pods, plugin limited, phase delegate of STATUS: ";
    availability::a_range_that_is_full: 100, "network pods, container b, interface eth0, plugin host-local, phase allocate of ADD: ";
    attachment::an_address_that_another_holds: 101, "network pods, container b, interface eth0, plugin host-local, phase allocate of ADD: ";
    plugin::a_plugin_that_denies: 102, "network pods, container a, interface eth0, plugin demanding (chain[0]), phase merge of ADD: ";
    plugin::a_plugin_without_end: 103, "network pods, container a, interface eth0, plugin demanding (chain[0]), phase amend of ADD: ";
    plugin::a_plugin_that_crashes: 104, "network pods, container a, interface eth0, plugin demanding (chain[0]), phase amend of ADD: ";
    plugin::an_answer_beyond_the_ranges: 105, "network pods, container a, interface eth0, plugin hostile, phase verify of ADD: ";
    plugin::a_plugin_that_is_not_installed: 106, "network pods, container a, interface eth0, plugin absent (chain[0]), phase load of ADD: ";
    plugin::a_grant_that_is_missing: 107, "network pods, container a, interface eth0, plugin demanding (chain[0]), phase start-up of ADD: ";
    attachment::a_sysctl_that_does_not_exist: 108, "network pods, container a, interface eth0, plugin bridge, phase kernel of ADD: ";
    attachment::an_interface_that_exists: 109, "network pods, container a, interface eth0, plugin bridge, phase kernel of ADD: ";
    availability::state_that_others_can_write: 110, "network pods, container a, interface eth0, plugin bridge, phase store of ADD: ";
    availability::a_delegate_that_says_nothing: 111, "network pods, container a, interface eth0, plugin silent, phase delegate of ADD: ";
    attachment::a_call_beside_one_that_hangs: 112, "network pods, container a, interface eth0, plugin bridge, phase lock of ADD: ";
    attachment::an_address_that_was_removed: 113, "network pods, container a, interface eth0, plugin bridge, phase compare of CHECK: ";
    attachment::a_sysctl_that_can_not_be_restored: 114, "network pods, container a, interface eth0, plugin bridge, phase clean-up of DEL: ";
    plugin::stages_that_disagree: 115, "network pods, container a, interface eth0, plugin tuning (chain[1]), phase merge of ADD: ";
    plugin::an_address_of_no_range: 116, "network pods, container a, interface eth0, plugin bridge, phase verify of ADD: ";
    attachment::a_host_port_that_another_has: 117, "network pods, container b, interface eth0, plugin bridge, phase store of ADD: ";
    attachment::a_device_that_another_has: 118, "network pods, container b, interface eth0, plugin host-device, phase store of ADD: ";
}

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24"])
}

/// The call fails with this code, says where and what to do, and the log says the same.
fn is_told(node: &Node, provoke: Provoke, code: u64, place: &str) -> Result<()> {
    let failure = provoke(node)?;
    ensure!(failure.code == code, "{code} expected: {failure:?}");
    ensure!(
        failure.text.starts_with(place),
        "{place:?} expected: {failure:?}"
    );
    ensure!(!failure.details.is_empty(), "no remedy: {failure:?}");
    let log = std::fs::read_to_string(node.path(LOG)).context("no log")?;
    let logged = |line: &&str| {
        line.contains(" level=error ")
            && line.contains(&format!(" code={code} "))
            && line.contains(&format!(" msg=\"{place}"))
    };
    ensure!(log.lines().any(|line| logged(&line)), "not logged: {log}");
    Ok(())
}

#[test]
fn each_code_of_the_document_is_provoked() {
    let first_cells = DOCUMENT
        .lines()
        .filter_map(|line| line.split('|').nth(1)?.trim().parse().ok());
    let documented: BTreeSet<u64> = first_cells.collect();
    assert_eq!(documented, PROVOKED.iter().copied().collect());
}
