//! Which container a port of the host belongs to.

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_cni_tests::{Outside, Responder, Transport, is_silent};

use crate::ports::{forwarding, must_answer};
use crate::{assert_nothing_left, lists, node};

const HOST_PORT_TAKEN: u64 = 117;

#[test]
fn one_port_on_two_addresses_of_the_host_leads_to_two_pods() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    node.ok(&["ip", "address", "add", "192.0.2.10/24", "dev", "uplink0"])?;
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let on = |address: &str, container_port: u16| {
        let mut mapping = lists::mapping("tcp", 8080, container_port);
        mapping["hostIP"] = address.into();
        forwarding(&[mapping])
    };
    let (one, two) = (on(Outside::NODE_IPV4, 81), on("192.0.2.10", 82));
    let results = [one.add(&node, &first)?, two.add(&node, &second)?];
    let _first = Responder::start(&first, Transport::Tcp, "[::]:81")?;
    let _second = Responder::start(&second, Transport::Tcp, "[::]:82")?;
    for target in ["192.0.2.1:8080", "192.0.2.10:8080"] {
        must_answer(&outside, "the outside", Transport::Tcp, target)?;
    }
    ensure!(is_silent(&node, Transport::Tcp, "127.0.0.1:8080")?);
    one.del(&node, &first, &results[0])?;
    ensure!(is_silent(&outside, Transport::Tcp, "192.0.2.1:8080")?);
    must_answer(&outside, "the outside", Transport::Tcp, "192.0.2.10:8080")?;
    two.del(&node, &second, &results[1])?;
    assert_nothing_left(&node, &results)
}

#[test]
fn a_port_that_is_held_is_refused_with_the_holder_named() -> Result<()> {
    let node = node!();
    let (holder, pod) = (node.pod("holder")?, node.pod("a")?);
    let network = forwarding(&[lists::mapping("tcp", 8080, 80)]);
    network.add(&node, &holder)?;
    let mut narrow = lists::mapping("tcp", 8080, 80);
    narrow["hostIP"] = "10.1.0.1".into();
    let other = lists::chain(
        "other",
        lists::bridge("cni1", &["10.2.0.0/24"]),
        &[json!({"plugin": "portmap"})],
    );
    for refused in [
        network.clone(),
        forwarding(&[narrow]),
        other.capability("portMappings", json!([lists::mapping("tcp", 8080, 80)])),
    ] {
        let failure = refused.refused(&node, &pod)?;
        assert_eq!(failure.code, HOST_PORT_TAKEN, "{failure:?}");
        for word in ["8080", "holder"] {
            ensure!(
                failure.text.contains(word),
                "no word of {word}: {failure:?}"
            );
        }
    }
    // Another protocol is another port.
    let datagrams = forwarding(&[lists::mapping("udp", 8080, 80)]);
    let result = datagrams.add(&node, &pod)?;
    datagrams.del(&node, &pod, &result)?;
    let _responder = Responder::start(&holder, Transport::Tcp, "[::]:80")?;
    must_answer(&node, "the host", Transport::Tcp, "127.0.0.1:8080")?;
    Ok(())
}

#[test]
fn a_dead_holder_loses_its_port() -> Result<()> {
    let node = node!();
    let (dead, pod) = (node.pod("dead")?, node.pod("a")?);
    let network = forwarding(&[lists::mapping("tcp", 8080, 80)]);
    let lost = network.add(&node, &dead)?;
    dead.ok(&["ip", "link", "delete", "eth0"])?;
    let result = network.add(&node, &pod)?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    must_answer(&node, "the host", Transport::Tcp, "127.0.0.1:8080")?;
    // The late DEL of the dead one takes nothing from the new holder.
    network.del(&node, &dead, &lost)?;
    must_answer(&node, "the host", Transport::Tcp, "127.0.0.1:8080")?;
    network.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}
