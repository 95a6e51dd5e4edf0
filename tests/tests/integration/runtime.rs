//! A real runtime: containerd and runc start containers on our network.

use anyhow::Result;
use serde_json::json;
use wasm_cni_tests::{Containerd, Network, Outside};

use crate::{assert_nothing_left, node};

#[test]
fn containers_reach_each_other_and_the_outside_and_leave_nothing() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/16", "fd00:1::/64"]);
    node.write("/etc/cni/net.d/10-pods.conflist", network.conflist())?;
    let _outside = Outside::connect(&node)?;
    let Some(containerd) = Containerd::start(&node)? else {
        return Ok(());
    };
    let (first, second) = (containerd.run("first")?, containerd.run("second")?);
    assert_eq!(first.addresses()?, ["10.1.0.2/16", "fd00:1::2/64"]);
    for address in ["10.1.0.3", "fd00:1::3", Outside::IPV4, Outside::IPV6] {
        assert!(first.reaches(address)?, "{address}");
    }
    for address in ["10.1.0.2", "fd00:1::2", Outside::IPV4, Outside::IPV6] {
        assert!(second.reaches(address)?, "{address}");
    }
    let ips = json!([{"address": "10.1.0.2/16"}, {"address": "10.1.0.3/16"}, {"address": "fd00:1::2/64"}]);
    first.delete()?;
    assert!(second.reaches(Outside::IPV4)?);
    second.delete()?;
    assert_nothing_left(&node, &[json!({"ips": ips})])
}

#[test]
fn a_container_whose_network_fails_does_not_start() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/16"]).with("/ipam/plugin", "not-installed");
    node.write("/etc/cni/net.d/10-pods.conflist", network.conflist())?;
    let Some(containerd) = Containerd::start(&node)? else {
        return Ok(());
    };
    let error = containerd
        .run("first")
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(error.contains("not-installed"), "{error}");
    assert_nothing_left(&node, &[])
}
