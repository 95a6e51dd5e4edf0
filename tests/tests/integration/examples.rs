//! Every network in `examples/conflists` works as it stands.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wasm_cni_tests::workspace;

use crate::{assert_nothing_left, has_kind_of, lan, node};

/// What a Kubernetes runtime passes; networks take what they declare.
const PASSED: [&str; 6] = [
    "--args",
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=payments;K8S_POD_NAME=web-0",
    "--cap",
    r#"portMappings=[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]"#,
    "--cap",
    r#"bandwidth={"ingressRate": 10000000, "ingressBurst": 1000000}"#,
];

#[test]
fn every_example_attaches_checks_and_detaches() -> Result<()> {
    let node = node!();
    lan(&node)?;
    let mut count = 0;
    for entry in std::fs::read_dir(workspace().join("examples/conflists"))? {
        let path = entry?.path();
        let path = path.to_str().context("a path that is not UTF-8")?;
        if !has_kind_of(&node, std::path::Path::new(path))? {
            continue;
        }
        count += 1;
        let pod = node.pod(&format!("pod{count}"))?;
        node.ctl(&[&["net", "add", path, pod.name()], PASSED.as_slice()].concat())
            .with_context(|| path.to_owned())?;
        ensure!(!pod.addresses("eth0")?.is_empty(), "{path}: no address");
        node.ctl(&["net", "check", path, pod.name()])
            .with_context(|| path.to_owned())?;
        node.ctl(&["net", "del", path, pod.name()])
            .with_context(|| path.to_owned())?;
        assert_nothing_left(&node, &[Value::Null]).with_context(|| path.to_owned())?;
    }
    ensure!(count > 0, "there is no example");
    Ok(())
}
