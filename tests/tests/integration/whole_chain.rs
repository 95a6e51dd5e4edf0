//! A Kubernetes-like chain in one entry, every effect of it, on a host that drops what it forwards.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wasm_cni_tests::{Conflist, Node, Outside, Place, Pod, Responder, Transport::Tcp, is_silent};

use crate::flows::{is_dropped, passes, set_bridge_hooks};
use crate::host_firewall::drop_what_is_forwarded;
use crate::ports::{aim_at_loopback, must_answer};
use crate::shaping::{self, RECEIVED, SENT};
use crate::{addresses, assert_nothing_left, lists, node};

const FORWARDED_TO_HOST: [&str; 4] = [
    "192.0.2.1:8080",
    "10.1.0.1:8080",
    "[2001:db8::1]:8080",
    "[fd00:1::1]:8080",
];

fn chain(name: &str, bridge: &str, subnets: &[&str]) -> Conflist {
    let stages = [
        json!({"plugin": "portmap"}),
        shaping::stage(),
        json!({"plugin": "firewall", "ingressPolicy": "same-bridge"}),
        json!({"plugin": "tuning", "mtu": 1400, "sysctl": {"net.core.somaxconn": "511"}}),
    ];
    lists::chain(name, lists::bridge(bridge, subnets), &stages)
}

/// Two pods of one network, of which the first has a port of the host, and one of another network.
struct Pods<'a> {
    web: Pod<'a>,
    neighbour: Pod<'a>,
    stranger: Pod<'a>,
}

fn a_forwarded_port_answers(node: &Node, outside: &Outside<'_>, pods: &Pods<'_>) -> Result<()> {
    let _responder = Responder::start(&pods.web, Tcp, "[::]:80")?;
    for target in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        must_answer(outside, "the outside", Tcp, target)?;
        ensure!(is_silent(&pods.stranger, Tcp, target)?, "apart: {target}");
    }
    let places: [(&str, &dyn Place); 3] = [
        ("the host", node),
        ("the pod", &pods.web),
        ("the neighbour", &pods.neighbour),
    ];
    for (who, place) in places {
        for target in FORWARDED_TO_HOST {
            must_answer(place, who, Tcp, target)?;
        }
    }
    must_answer(node, "the host", Tcp, "127.0.0.1:8080").map(drop)
}

fn nobody_else_reaches_loopback(node: &Node, outside: &Outside<'_>, pods: &Pods<'_>) -> Result<()> {
    aim_at_loopback(outside.pod(), Outside::NODE_IPV4)?;
    let _service = Responder::start(node, Tcp, "127.0.0.1:9000")?;
    let _responder = Responder::start(&pods.web, Tcp, "[::]:80")?;
    for target in ["127.0.0.1:9000", "127.0.0.1:8080"] {
        must_answer(node, "the host", Tcp, target)?;
        ensure!(is_silent(outside, Tcp, target)?, "the outside: {target}");
    }
    Ok(())
}

/// Pods of one network reach each other and the outside; those of another network don't reach them.
fn networks_are_apart(pods: &Pods<'_>, outside: &Outside<'_>, web: &[String]) -> Result<()> {
    let _responders = (
        Responder::start(&pods.web, Tcp, "[::]:81")?,
        Responder::start(outside, Tcp, "[::]:80")?,
    );
    for own in web {
        passes(&pods.neighbour, Tcp, own, 81)?;
        is_dropped(&pods.stranger, Tcp, own, 81)?;
    }
    for there in [Outside::IPV4, Outside::IPV6] {
        passes(&pods.web, Tcp, there, 80)?;
        passes(&pods.stranger, Tcp, there, 80)?;
    }
    Ok(())
}

fn every_effect(hooks: &str) -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    drop_what_is_forwarded(&node)?;
    set_bridge_hooks(&node, hooks)?;
    let (red, blue) = (
        chain("red", "red0", &["10.1.0.0/24", "fd00:1::/64"]),
        chain("blue", "blue0", &["10.2.0.0/24", "fd00:2::/64"]),
    );
    let pods = Pods {
        web: node.pod("web")?,
        neighbour: node.pod("neighbour")?,
        stranger: node.pod("stranger")?,
    };
    let with_port = red.capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]));
    let web = with_port.add(&node, &pods.web)?;
    // Without rates, so that what is measured is the pod's own.
    let link = lists::bridge("red0", &["10.1.0.0/24", "fd00:1::/64"]);
    let plain = lists::chain("red", link, &[json!({"plugin": "firewall"})]);
    let neighbour = plain.add(&node, &pods.neighbour)?;
    let stranger = blue.add(&node, &pods.stranger)?;

    a_forwarded_port_answers(&node, &outside, &pods)?;
    nobody_else_reaches_loopback(&node, &outside, &pods)?;
    networks_are_apart(&pods, &outside, &addresses(&web))?;
    shaping::holds(&pods.neighbour, &pods.web, &addresses(&web)[0], RECEIVED)?;
    shaping::holds(&pods.web, &outside, Outside::IPV4, SENT)?;
    assert_eq!(pods.web.sysctl("net/core/somaxconn")?, "511");
    assert_eq!(pods.web.link("eth0")?["mtu"], 1400);

    with_port.check(&node, &pods.web, &web)?;
    with_port.del(&node, &pods.web, &web)?;
    is_dropped(&outside, Tcp, Outside::NODE_IPV4, 8080)?;
    plain.del(&node, &pods.neighbour, &neighbour)?;
    blue.del(&node, &pods.stranger, &stranger)?;
    assert_nothing_left(&node, &[web, neighbour, stranger]).context("after DEL")
}

#[test]
fn every_effect_holds_on_a_host_that_drops_with_the_hooks_of_all_bridges() -> Result<()> {
    every_effect("1")
}

#[test]
fn every_effect_holds_on_a_host_that_drops_without_the_hooks_of_all_bridges() -> Result<()> {
    every_effect("0")
}
