//! STATUS, which Debian's release of the reference plugins does not know.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Network, Node};

use crate::case::{Case, case, group};
use crate::judge::equal;
use crate::lists::{bridge, host_local, merged};

pub(crate) fn cases() -> Vec<Case> {
    let all = [
        case!(status_of_a_ready_network),
        case!(status_of_an_exhausted_range),
        case!(status_of_a_missing_ipam_plugin),
        case!(status_before_1_1_0_is_refused),
    ];
    group(
        "bridge",
        &["host-local"],
        all.map(|case| case.reference_left_out()),
    )
}

fn network(keys: &Value) -> Network {
    Network::new(
        "pods",
        merged(&bridge(&json!({"cniVersion": "1.1.0"})), keys),
    )
}

fn status<'a>(node: &'a Node, keys: &Value) -> CniCall<'a> {
    network(keys).call(node, "STATUS")
}

fn status_of_a_ready_network(node: &Node) -> Result<()> {
    let answer = status(node, &json!({})).succeed()?;
    ensure!(answer.is_null(), "STATUS prints {answer}");
    Ok(())
}

fn status_of_an_exhausted_range(node: &Node) -> Result<()> {
    let keys = json!({"ipam": host_local(&["10.1.0.0/30"])});
    status(node, &keys).succeed()?;
    let pod = node.pod("a")?;
    network(&keys).add(node, &pod).succeed()?;
    equal("code", status(node, &keys).run()?.error()?.code, 50_u64)?;
    network(&keys).del(node, &pod, &Value::Null).succeed()?;
    status(node, &keys).succeed().map(drop)
}

fn status_of_a_missing_ipam_plugin(node: &Node) -> Result<()> {
    let error = status(node, &json!({"ipam": {"type": "acme-ipam"}}))
        .run()?
        .error()?;
    ensure!(error.text.contains("acme-ipam"), "{}", error.text);
    Ok(())
}

fn status_before_1_1_0_is_refused(node: &Node) -> Result<()> {
    let error = status(node, &json!({"cniVersion": "1.0.0"}))
        .run()?
        .error()?;
    equal("code", error.code, 1_u64)
}
