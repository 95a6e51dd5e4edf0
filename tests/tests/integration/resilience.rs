//! Chains in awkward moments: a flush, a kill, lost state, many at once.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    CniFailure, Conflist, Node, Pod, Responder, Transport, is_silent, source_seen,
};

use crate::lists::{SUBNETS, full_chain};
use crate::{addresses, assert_nothing_left, lists, node};

const HOST_PORT_TAKEN: u64 = 117;

/// Do port, policy and queue hold?
fn works(node: &Node, pod: &Pod<'_>, result: &Value, neighbour: &Pod<'_>, port: u16) -> Result<()> {
    let _responders = [
        Responder::start(pod, Transport::Tcp, "[::]:80")?,
        Responder::start(pod, Transport::Tcp, "[::]:81")?,
    ];
    let target = format!("127.0.0.1:{port}");
    source_seen(node, Transport::Tcp, &target)?.context("the forwarded port")?;
    let own = &addresses(result)[0];
    source_seen(neighbour, Transport::Tcp, &format!("{own}:80"))?.context("the allowed port")?;
    ensure!(
        is_silent(neighbour, Transport::Tcp, &format!("{own}:81"))?,
        "the denied port"
    );
    Ok(())
}

#[test]
fn rules_that_were_flushed_come_back_with_the_next_add() -> Result<()> {
    let node = node!();
    let (pod, neighbour, next) = (node.pod("a")?, node.pod("b")?, node.pod("c")?);
    let result = full_chain(8000).add(&node, &pod)?;
    full_chain(8001).add(&node, &neighbour)?;
    works(&node, &pod, &result, &neighbour, 8000)?;
    node.ok(&["nft", "flush", "ruleset"])?;
    assert!(works(&node, &pod, &result, &neighbour, 8000).is_err());
    full_chain(8002).add(&node, &next)?;
    works(&node, &pod, &result, &neighbour, 8000)?;
    full_chain(8000).check(&node, &pod, &result)
}

#[test]
fn a_chain_killed_at_any_moment_leaves_nothing_that_del_does_not_find() -> Result<()> {
    let node = node!();
    let list = full_chain(8000);
    let resident = node.pod("resident")?;
    full_chain(8001).add(&node, &resident)?;
    let pod = node.pod("a")?;
    let before = (
        pod.sysctl("net/core/somaxconn")?,
        node.ok(&["tc", "qdisc", "show"])?,
    );
    for step in 1..=30_u32 {
        let delay = 0.000_5 * f64::from(step);
        list.entry(0, &node, &pod, "ADD", &Value::Null)?
            .killed_after(delay)
            .run()?;
        list.del(&node, &pod, &Value::Null)?;
        let after = (
            pod.sysctl("net/core/somaxconn")?,
            node.ok(&["tc", "qdisc", "show"])?,
        );
        ensure!(after == before, "killed after {delay} s: {after:?}");
        let records = node.ctl(&["attachment", "list"])?;
        assert_eq!(
            records.as_array().map(Vec::len),
            Some(1),
            "killed after {delay} s"
        );
        let rules = node.ruleset()?;
        ensure!(!rules.contains("8000"), "killed after {delay} s: {rules}");
    }
    // Whatever happened, the port is free and works.
    let result = list.add(&node, &pod)?;
    works(&node, &pod, &result, &resident, 8000)
}

#[test]
fn one_of_many_that_want_a_port_at_once_gets_it() -> Result<()> {
    let node = node!();
    let pods: Vec<_> = (0..6)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let list = full_chain(8000);
    let outcomes: Vec<Result<CniFailure>> = std::thread::scope(|scope| {
        let running: Vec<_> = pods
            .iter()
            .map(|pod| scope.spawn(|| list.refused(&node, pod)))
            .collect();
        running
            .into_iter()
            .map(|each| each.join().map_err(|_| anyhow!("a panic"))?)
            .collect()
    });
    let refused = outcomes.iter().flatten();
    for failure in refused.clone() {
        assert_eq!(failure.code, HOST_PORT_TAKEN, "{failure:?}");
    }
    assert_eq!(refused.count(), pods.len() - 1);
    Ok(())
}

#[test]
fn a_flow_that_was_open_to_the_former_holder_of_an_address_is_not_open_to_the_next() -> Result<()> {
    let node = node!();
    let (first, second, neighbour) = (node.pod("first")?, node.pod("second")?, node.pod("b")?);
    let link = || lists::bridge("cni0", &["10.1.0.0/24"]);
    let open = Conflist::new("pods", &[link()]);
    let stage = json!({"plugin": "flow-policy", "ingress": {"default": "drop"}});
    let closed = lists::chain("pods", link(), &[stage]).capability("ips", json!(["10.1.0.2/24"]));
    let result = open.add(&node, &first)?;
    open.add(&node, &neighbour)?;
    node.set_sysctl("net/bridge/bridge-nf-call-iptables", "1")?;
    let socket = neighbour.inside(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("10.1.0.2:80")?;
        socket.set_read_timeout(Some(std::time::Duration::from_millis(300)))?;
        Ok(socket)
    })?;
    let mut answer = [0; 64];
    let responder = Responder::start(&first, Transport::Udp, "[::]:80")?;
    socket.send(b"whence?")?;
    socket
        .recv(&mut answer)
        .context("the flow is open at first")?;
    drop(responder);
    open.del(&node, &first, &result)?;
    closed.add(&node, &second)?;
    // The neighbour forgets the Ethernet address that its next packet would go to.
    neighbour.ok(&["ip", "neighbour", "flush", "all"])?;
    let _responder = Responder::start(&second, Transport::Udp, "[::]:80")?;
    ensure!(
        is_silent(&neighbour, Transport::Udp, "10.1.0.2:80")?,
        "a new flow passes"
    );
    let _ = socket.send(b"whence?");
    ensure!(socket.recv(&mut answer).is_err(), "the old flow passes");
    Ok(())
}

#[test]
fn a_chain_of_a_point_to_point_link_works_too() -> Result<()> {
    let node = node!();
    let mut link = lists::bridge("unused", &SUBNETS);
    link["link"] = json!({"kind": "ptp", "ipMasq": true});
    link["ipam"]["routes"] = json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]);
    let of = |port: u16| {
        let list: Value = serde_json::from_str(&full_chain(port).text()).unwrap_or_default();
        let mut stages: Vec<_> = list["plugins"][0]["chain"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        // Without a bridge there is nothing that containers could have in common.
        stages[2] = json!({"plugin": "firewall"});
        lists::chain("pods", link.clone(), &stages)
            .capability("portMappings", json!([lists::mapping("tcp", port, 80)]))
    };
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let results = [of(8000).add(&node, &pod)?, of(8001).add(&node, &neighbour)?];
    works(&node, &pod, &results[0], &neighbour, 8000)?;
    of(8000).check(&node, &pod, &results[0])?;
    of(8000).del(&node, &pod, &results[0])?;
    of(8001).del(&node, &neighbour, &results[1])?;
    assert_nothing_left(&node, &results)
}
