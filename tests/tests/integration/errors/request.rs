//! Requests that can't be served as they stand.

use anyhow::Result;
use wasm_cni_tests::{BIN_DIR, CniCall, CniFailure, Node, Outcome, Reply};

use super::network;

/// An ADD that has no configuration yet.
fn add(node: &Node) -> CniCall<'_> {
    CniCall::new(node, "wasm-cni", "ADD").attachment("a", "/run/netns/a", "eth0")
}

pub(super) fn a_verb_that_the_version_lacks(node: &Node) -> Result<CniFailure> {
    network().version("1.0.0").call(node, "STATUS").fail()
}

pub(super) fn a_key_that_is_not_known(node: &Node) -> Result<CniFailure> {
    let network = network().with("/link/brigde", "cni0");
    add(node).config(network.config()).fail()
}

pub(super) fn a_variable_that_is_missing(node: &Node) -> Result<CniFailure> {
    add(node).without("CNI_IFNAME").fail()
}

pub(super) fn an_input_that_can_not_be_read(node: &Node) -> Result<CniFailure> {
    let script = format!("exec {BIN_DIR}/wasm-cni <{BIN_DIR}");
    let mut command = node.command(&["sh", "-c", &script]);
    command
        .env("CNI_COMMAND", "ADD")
        .env("CNI_CONTAINERID", "a")
        .env("CNI_NETNS", "/run/netns/a")
        .env("CNI_IFNAME", "eth0");
    Reply(Outcome::of(&mut command, b"")?).failure()
}

pub(super) fn an_input_that_is_no_json(node: &Node) -> Result<CniFailure> {
    add(node).input("{\"name\": ").fail()
}

pub(super) fn a_value_that_is_wrong(node: &Node) -> Result<CniFailure> {
    let network = network().with("/ipam/plugin", "../host-local");
    add(node).config(network.config()).fail()
}
