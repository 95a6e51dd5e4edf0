//! Beside rules of others: a host that drops what it forwards, tools that flush and restore, the reference portmap.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Responder, Transport::Tcp};

use crate::flows::{is_dropped, passes, respond, set_bridge_hooks};
use crate::{addresses, lists, node};

const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];

/// What `iptables -P FORWARD DROP` makes of a host.
pub(crate) fn drop_what_is_forwarded(node: &Node) -> Result<()> {
    for program in ["iptables-nft", "ip6tables-nft"] {
        node.ok(&[program, "-P", "FORWARD", "DROP"])?;
    }
    Ok(())
}

#[test]
fn the_firewall_stage_passes_a_host_that_drops_what_it_forwards() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    drop_what_is_forwarded(&node)?;
    set_bridge_hooks(&node, "1")?;
    let ports = json!({"plugin": "portmap"});
    let link = || lists::bridge("cni0", &SUBNETS);
    let closed = lists::chain("pods", link(), std::slice::from_ref(&ports))
        .capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]));
    let open = lists::chain(
        "pods",
        link(),
        &[ports, policy_of_port_81(), json!({"plugin": "firewall"})],
    )
    .capability(
        "portMappings",
        json!([
            lists::mapping("tcp", 8090, 80),
            lists::mapping("tcp", 8091, 81)
        ]),
    );
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    closed.add(&node, &first)?;
    let result = open.add(&node, &second)?;
    let _responders = (respond(&first)?, respond(&second)?, respond(&outside)?);
    for (node_address, there) in [
        (Outside::NODE_IPV4, Outside::IPV4),
        (Outside::NODE_IPV6, Outside::IPV6),
    ] {
        is_dropped(&first, Tcp, there, 80).context("the test's own firewall")?;
        is_dropped(&outside, Tcp, node_address, 8080).context("the test's own firewall")?;
        passes(&second, Tcp, there, 80)?;
        passes(&outside, Tcp, node_address, 8090)?;
        is_dropped(&outside, Tcp, node_address, 8091)?;
    }
    open.check(&node, &second, &result)?;
    open.del(&node, &second, &result)?;
    is_dropped(&outside, Tcp, Outside::NODE_IPV4, 8090)
}

fn policy_of_port_81() -> Value {
    json!({"plugin": "flow-policy", "ingress": {"deny": [{"protocol": "tcp", "ports": [81]}]}})
}

#[test]
fn pods_of_one_bridge_reach_each_other_past_a_host_that_drops() -> Result<()> {
    let node = node!();
    drop_what_is_forwarded(&node)?;
    set_bridge_hooks(&node, "1")?;
    let list = lists::chain(
        "pods",
        lists::bridge("cni0", &SUBNETS),
        &[json!({"plugin": "firewall"})],
    );
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    list.add(&node, &first)?;
    let result = list.add(&node, &second)?;
    let _responders = respond(&second)?;
    for address in &addresses(&result) {
        passes(&first, Tcp, address, 80)?;
    }
    Ok(())
}

#[test]
fn passage_survives_save_and_restore_and_comes_back_after_a_flush() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    drop_what_is_forwarded(&node)?;
    let stage = json!({"plugin": "firewall"});
    let list = lists::chain("pods", lists::bridge("cni0", &SUBNETS), &[stage]);
    let plain = Conflist::new("plain", &[lists::bridge("cni1", &["10.2.0.0/24"])]);
    let (pod, next, stranger) = (node.pod("a")?, node.pod("b")?, node.pod("stranger")?);
    let result = list.add(&node, &pod)?;
    plain.add(&node, &stranger)?;
    let _responders = respond(&outside)?;
    passes(&pod, Tcp, Outside::IPV4, 80)?;
    let restore =
        "iptables-nft-save >/run/rules; iptables-nft -F; iptables-nft-restore </run/rules";
    node.ok(&["sh", "-c", restore])?;
    passes(&pod, Tcp, Outside::IPV4, 80)?;
    is_dropped(&stranger, Tcp, Outside::IPV4, 80).context("the host is open")?;
    node.ok(&["iptables-nft", "-F"])?;
    is_dropped(&pod, Tcp, Outside::IPV4, 80)?;
    ensure!(
        list.check(&node, &pod, &result).is_err(),
        "CHECK does not miss the rule"
    );
    list.add(&node, &next)?;
    passes(&pod, Tcp, Outside::IPV4, 80)?;
    list.check(&node, &pod, &result)
}

#[test]
fn our_ports_and_those_of_the_reference_portmap_work_side_by_side() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let portmap = [json!({"plugin": "portmap"})];
    let mut link = lists::reference_bridge("cni1", &["10.2.0.0/24"]);
    // Its own container reaches a port of the reference portmap only so.
    link["hairpinMode"] = true.into();
    let theirs = lists::reference_entries("theirs", link, &portmap)
        .capability("portMappings", json!([lists::mapping("tcp", 8081, 80)]));
    let ours = lists::chain("pods", lists::bridge("cni0", &SUBNETS), &portmap)
        .capability("portMappings", json!([lists::mapping("tcp", 8080, 80)]));
    let (result, other_result) = (ours.add(&node, &pod)?, theirs.add(&node, &other)?);
    let _responders = [
        Responder::start(&pod, Tcp, "[::]:80")?,
        Responder::start(&other, Tcp, "[::]:80")?,
    ];
    for port in [8080, 8081] {
        passes(&outside, Tcp, Outside::NODE_IPV4, port)?;
        passes(&node, Tcp, "127.0.0.1", port)?;
        passes(&pod, Tcp, Outside::NODE_IPV4, port)?;
        passes(&other, Tcp, Outside::NODE_IPV4, port)?;
    }
    theirs.del(&node, &other, &other_result)?;
    passes(&outside, Tcp, Outside::NODE_IPV4, 8080)?;
    let again = theirs.add(&node, &other)?;
    ours.del(&node, &pod, &result)?;
    passes(&outside, Tcp, Outside::NODE_IPV4, 8081)?;
    is_dropped(&outside, Tcp, Outside::NODE_IPV4, 8080)?;
    theirs.del(&node, &other, &again)
}
