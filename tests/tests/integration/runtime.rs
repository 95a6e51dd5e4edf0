//! A real runtime: containerd and runc start containers on our network.

use anyhow::{Context, Result};
use serde_json::json;
use wasm_cni_tests::{Containerd, Network, Outside, Responder, Transport, is_silent, source_seen};

use crate::{assert_nothing_left, lists, node};

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

#[test]
fn a_port_of_a_container_answers_while_it_runs() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let stages = [
        json!({"plugin": "portmap"}),
        json!({"plugin": "firewall"}),
        json!({"plugin": "tuning", "mtu": 1380}),
    ];
    let link = lists::bridge("cni0", &["10.1.0.0/16", "fd00:1::/64"]);
    // `ctr` passes no ports; what stands in the list already goes the same way.
    let list = lists::chain("pods", link, &stages).with(
        "/plugins/0/runtimeConfig",
        json!({"portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}]}),
    );
    node.write("/etc/cni/net.d/10-pods.conflist", list.text())?;
    let Some(containerd) = Containerd::start(&node)? else {
        return Ok(());
    };
    let container = containerd.run("first")?;
    let responder = Responder::start(&container, Transport::Tcp, "[::]:80")?;
    for target in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        source_seen(&outside, Transport::Tcp, target)?.context(target)?;
    }
    source_seen(&node, Transport::Tcp, "127.0.0.1:8080")?.context("from the host")?;
    assert!(container.reaches(Outside::IPV4)? && container.reaches(Outside::IPV6)?);
    drop(responder);
    container.delete()?;
    assert!(is_silent(&outside, Transport::Tcp, "192.0.2.1:8080")?);
    assert_nothing_left(
        &node,
        &[json!({"ips": [{"address": "10.1.0.2/16"}, {"address": "fd00:1::2/64"}]})],
    )
}
