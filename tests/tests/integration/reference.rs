//! The support itself, tried on the reference plugins.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use wasm_cni_tests::{Containerd, Network, Outside};

use crate::{assert_nothing_left, node};

fn bridge() -> Network {
    let ipam = json!({
        "type": "host-local",
        "ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    });
    let plugin = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": ipam});
    Network::new("pods", plugin)
}

#[test]
fn pods_of_the_reference_bridge_reach_each_other() -> Result<()> {
    let node = node!();
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let results = [
        bridge().add(&node, &first).succeed()?,
        bridge().add(&node, &second).succeed()?,
    ];
    assert!(first.reaches("10.1.0.3")? && first.reaches("fd00:1::3")?);
    assert!(!node.leftovers(&results)?.is_empty());
    bridge().del(&node, &first, &results[0]).succeed()?;
    bridge().del(&node, &second, &results[1]).succeed()?;
    assert_nothing_left(&node, &results)
}

#[test]
fn containers_of_the_reference_bridge_reach_the_outside() -> Result<()> {
    let node = node!();
    node.write("/etc/cni/net.d/10-pods.conflist", bridge().conflist())?;
    let _outside = Outside::connect(&node)?;
    let Some(containerd) = Containerd::start(&node)? else {
        return Ok(());
    };
    let (first, second) = (containerd.run("first")?, containerd.run("second")?);
    assert!(first.reaches("10.1.0.3")? && second.reaches("fd00:1::2")?);
    assert!(first.reaches(Outside::IPV4)? && first.reaches(Outside::IPV6)?);
    first.delete()?;
    second.delete()?;
    // The reference plugin's DEL without a namespace leaves its links to the kernel, which takes its time.
    while !node
        .link_names("veth")?
        .iter()
        .all(|name| name == "uplink0")
    {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
