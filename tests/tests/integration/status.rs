//! STATUS: could ADD be served now?

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_cni_tests::{Network, Node, install_script};

use crate::node;

const NOT_AVAILABLE: u64 = 50;

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24"]).version("1.1.0")
}

fn is_refused(node: &Node, network: &Network, code: u64, word: &str) -> Result<()> {
    let failure = network.call(node, "STATUS").fail()?;
    ensure!(
        failure.code == code && failure.text.contains(word),
        "{code} with {word:?} expected: {failure:?}"
    );
    Ok(())
}

#[test]
fn whatever_keeps_the_node_from_serving_is_told_by_one_code() -> Result<()> {
    let node = node!();
    network().call(&node, "STATUS").succeed()?;
    let absent = network().with("/chain", json!([{"plugin": "absent"}]));
    is_refused(&node, &absent, NOT_AVAILABLE, "absent")?;
    let nowhere = network().with("/ipam", json!({"type": "nowhere"}));
    is_refused(&node, &nowhere, NOT_AVAILABLE, "nowhere")?;
    install_script(&node, "silent", "exit 1")?;
    let silent = network().with("/ipam", json!({"type": "silent"}));
    is_refused(&node, &silent, NOT_AVAILABLE, "silent")?;
    node.ok(&["chmod", "777", "/run/wasm-cni"])?;
    is_refused(&node, &network(), NOT_AVAILABLE, "/run/wasm-cni")?;
    node.ok(&["chmod", "700", "/run/wasm-cni"])?;
    network().call(&node, "STATUS").succeed()?;
    Ok(())
}

#[test]
fn a_delegate_that_does_not_answer_is_not_waited_for() -> Result<()> {
    let node = node!();
    // Longer than the test's own limit on a call.
    install_script(&node, "hanging", "exec sleep 600")?;
    let hanging = network().with("/ipam", json!({"type": "hanging"}));
    is_refused(&node, &hanging, NOT_AVAILABLE, "did not answer STATUS")?;
    ensure!(!node.run(&["pgrep", "-x", "sleep"])?.success());
    Ok(())
}

#[test]
fn a_request_that_is_wrong_is_no_matter_of_the_node() -> Result<()> {
    let node = node!();
    let wrong = network().with("/ipam/ranges", json!([[{"subnet": "10.1.0.0/33"}]]));
    is_refused(&node, &wrong, 7, "10.1.0.0/33")?;
    let unknown = network().with("/link/brigde", "cni0");
    is_refused(&node, &unknown, 2, "brigde")
}

#[test]
fn a_delegates_own_word_is_passed_on() -> Result<()> {
    let node = node!();
    for code in [50, 51, 99] {
        let script = format!(r#"echo '{{"code": {code}, "msg": "not now"}}'; exit 1"#);
        install_script(&node, "telling", &script)?;
        let telling = network().with("/ipam", json!({"type": "telling"}));
        is_refused(&node, &telling, code, "not now")?;
    }
    Ok(())
}
