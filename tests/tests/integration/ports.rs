//! Ports of the host that lead to a container: who reaches them, and who does not.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    Conflist, Node, Outside, Place, Pod, Responder, SctpWatch, Transport, is_silent,
    send_sctp_init, source_seen,
};

use crate::{assert_nothing_left, lists, node};

const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];

/// A bridge with portmap as its only stage.
pub(crate) fn forwarding(mappings: &[Value]) -> Conflist {
    list(json!({"plugin": "portmap"}), mappings)
}

fn list(stage: Value, mappings: &[Value]) -> Conflist {
    lists::chain("pods", lists::bridge("cni0", &SUBNETS), &[stage])
        .capability("portMappings", mappings)
}

pub(crate) fn must_answer(
    from: &dyn Place,
    who: &str,
    transport: Transport,
    target: &str,
) -> Result<IpAddr> {
    source_seen(from, transport, target)?
        .with_context(|| format!("{target} does not answer {who} over {transport:?}"))
}

#[test]
fn a_forwarded_port_answers_from_everywhere() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let network = forwarding(&[
        lists::mapping("tcp", 8080, 80),
        lists::mapping("udp", 8080, 80),
    ]);
    let result = network.add(&node, &pod)?;
    let other = network
        .capability("portMappings", json!([]))
        .add(&node, &neighbour)?;
    for transport in [Transport::Tcp, Transport::Udp] {
        let _responder = Responder::start(&pod, transport, "[::]:80")?;
        for (host, source) in [
            (Outside::NODE_IPV4, Outside::IPV4),
            ("[2001:db8::1]", Outside::IPV6),
        ] {
            let seen = must_answer(&outside, "the outside", transport, &format!("{host}:8080"))?;
            assert_eq!(seen, source.parse::<IpAddr>()?, "{transport:?} {host}");
        }
        let places: [(&str, &dyn Place); 3] = [
            ("the host", &node),
            ("the pod", &pod),
            ("the neighbour", &neighbour),
        ];
        for (who, place) in places {
            for host in [
                Outside::NODE_IPV4,
                "10.1.0.1",
                "[2001:db8::1]",
                "[fd00:1::1]",
            ] {
                must_answer(place, who, transport, &format!("{host}:8080"))?;
            }
        }
        must_answer(&node, "the host", transport, "127.0.0.1:8080")?;
    }
    network.check(&node, &pod, &result)?;
    network.del(&node, &pod, &result)?;
    for target in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        assert!(is_silent(&outside, Transport::Tcp, target)?);
    }
    network.del(&node, &neighbour, &other)?;
    assert_nothing_left(&node, &[result, other])
}

/// Makes packets to 127.0.0.0/8 leave a namespace, and answers from there acceptable.
pub(crate) fn aim_at_loopback(pod: &Pod<'_>, router: &str) -> Result<()> {
    // `lo` is down, so no local route is in the way.
    pod.ok(&["ip", "route", "add", "127.0.0.0/8", "via", router])?;
    pod.ok(&[
        "sh",
        "-c",
        "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet",
    ])
    .map(drop)
}

#[test]
fn nothing_but_the_host_reaches_its_loopback_addresses() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    aim_at_loopback(outside.pod(), Outside::NODE_IPV4)?;
    // As kube-proxy leaves it.
    node.set_sysctl("net/ipv4/conf/all/route_localnet", "1")?;
    let _service = Responder::start(&node, Transport::Tcp, "127.0.0.1:9000")?;
    must_answer(&outside, "the outside", Transport::Tcp, "127.0.0.1:9000")
        .context("the test's own attack fails")?;
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let network = forwarding(&[lists::mapping("tcp", 8080, 80)]);
    network.add(&node, &pod)?;
    network
        .capability("portMappings", json!([]))
        .add(&node, &neighbour)?;
    aim_at_loopback(&neighbour, "10.1.0.1")?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    for target in ["127.0.0.1:9000", "127.0.0.1:8080"] {
        must_answer(&node, "the host", Transport::Tcp, target)?;
        ensure!(
            is_silent(&outside, Transport::Tcp, target)?,
            "the outside reaches {target}"
        );
        ensure!(
            is_silent(&neighbour, Transport::Tcp, target)?,
            "a pod reaches {target}"
        );
    }
    Ok(())
}

#[test]
fn conditions_hold_for_their_own_network() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let network = |name: &str, bridge: &str, subnet: &str, stage: Value, port: u16| {
        lists::chain(name, lists::bridge(bridge, &[subnet]), &[stage])
            .capability("portMappings", json!([lists::mapping("tcp", port, 80)]))
    };
    let from_outside = json!({"plugin": "portmap", "conditionsV4": ["-s", "192.0.2.0/24"]});
    let from_elsewhere = json!({"plugin": "portmap", "conditionsV4": ["!", "-s", "192.0.2.0/24"]});
    let open = network("open", "br1", "10.1.0.0/24", from_outside, 8081);
    let closed = network("closed", "br2", "10.2.0.0/24", from_elsewhere, 8082);
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let results = [open.add(&node, &first)?, closed.add(&node, &second)?];
    let _responders = [
        Responder::start(&first, Transport::Tcp, "[::]:80")?,
        Responder::start(&second, Transport::Tcp, "[::]:80")?,
    ];
    must_answer(&outside, "the outside", Transport::Tcp, "192.0.2.1:8081")?;
    ensure!(is_silent(&outside, Transport::Tcp, "192.0.2.1:8082")?);
    // A source beyond the condition's network.
    outside
        .pod()
        .ok(&["ip", "address", "add", "198.51.100.7/32", "dev", "eth0"])?;
    outside.pod().ok(&[
        "ip",
        "route",
        "change",
        "192.0.2.0/24",
        "dev",
        "eth0",
        "src",
        "198.51.100.7",
    ])?;
    ensure!(is_silent(&outside, Transport::Tcp, "192.0.2.1:8081")?);
    must_answer(&outside, "the outside", Transport::Tcp, "192.0.2.1:8082")?;
    open.del(&node, &first, &results[0])?;
    must_answer(&outside, "the outside", Transport::Tcp, "192.0.2.1:8082")?;
    closed.del(&node, &second, &results[1])?;
    assert_nothing_left(&node, &results)
}

#[test]
fn whose_source_address_is_replaced_is_configurable() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let mappings = [lists::mapping("tcp", 8080, 80)];
    for (stage, seen, loopback) in [
        (json!({"plugin": "portmap"}), Outside::IPV4, true),
        (
            json!({"plugin": "portmap", "masqAll": true}),
            "10.1.0.1",
            true,
        ),
        (
            json!({"plugin": "portmap", "snat": false}),
            Outside::IPV4,
            false,
        ),
    ] {
        let network = list(stage.clone(), &mappings);
        let result = network.add(&node, &pod)?;
        let responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
        let source = must_answer(&outside, "the outside", Transport::Tcp, "192.0.2.1:8080")?;
        assert_eq!(source, seen.parse::<IpAddr>()?, "{stage}");
        let silent = is_silent(&node, Transport::Tcp, "127.0.0.1:8080")?;
        assert_eq!(silent, !loopback, "{stage}");
        drop(responder);
        network.del(&node, &pod, &result)?;
    }
    Ok(())
}

/// Asks again and again by one socket; the first answer.
fn insist(socket: &UdpSocket) -> Result<String> {
    let start = Instant::now();
    let mut answer = [0; 64];
    while start.elapsed() < Duration::from_secs(5) {
        socket.send(b"whence?").ok();
        if let Ok(length) = socket.recv(&mut answer) {
            return Ok(String::from_utf8_lossy(&answer[..length]).into_owned());
        }
    }
    anyhow::bail!("the tracked flow still goes elsewhere")
}

fn responder_and_network<'a>(node: &Node, pod: &Pod<'a>) -> Result<(Responder, Value)> {
    let network = forwarding(&[lists::mapping("udp", 8080, 80)]);
    let result = network.add(node, pod)?;
    Ok((Responder::start(pod, Transport::Udp, "[::]:80")?, result))
}

#[test]
fn datagrams_of_a_flow_that_was_there_before_reach_the_container() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let socket = outside.pod().inside(|| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:8080")?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        Ok(socket)
    })?;
    // A service of the host, so that the flow is known to connection tracking with its own destination.
    let service = Responder::start(&node, Transport::Udp, "0.0.0.0:8080")?;
    insist(&socket)?;
    drop(service);
    let (responder, result) = responder_and_network(&node, &first)?;
    insist(&socket)?;
    drop(responder);
    // The next holder has another address.
    let network = forwarding(&[]);
    network.del(&node, &first, &result)?;
    let (_responder, _) = responder_and_network(&node, &second)?;
    insist(&socket).map(drop)
}

#[test]
fn sctp_is_forwarded_with_its_checksum_right() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let network = forwarding(&[lists::mapping("sctp", 3868, 868)]);
    let result = network.add(&node, &pod)?;
    let watch = SctpWatch::start(&pod)?;
    let source: Ipv4Addr = Outside::IPV4.parse()?;
    send_sctp_init(
        &outside,
        (source, 5000),
        (Outside::NODE_IPV4.parse()?, 3868),
    )?;
    let container = Ipv4Addr::new(10, 1, 0, 2);
    assert_eq!(watch.next_to(container)?, Some((source, 868)));
    network.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}
