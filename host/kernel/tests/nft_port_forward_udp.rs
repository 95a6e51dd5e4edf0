//! Datagrams to host ports: they go where the port leads now, whoever had it when their sender began.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use kernel::{Kernel, Linux, Presence, Undone};
use nft_host_ports::{Server, World, both, chain, forward, in_zone, wanted};
use nft_namespaces::{Namespace, connect};
use plan::{SourceNat, Step, Transport, Undo};

/// "Message too long"
const EMSGSIZE: i32 = 90;
/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// One sender that keeps its port, as those do whose connections are tracked.
struct Peer {
    socket: UdpSocket,
    to: &'static str,
}

impl Peer {
    fn new(from: &Namespace, to: &'static str) -> Self {
        let any = if to.starts_with('[') {
            "[::]:0"
        } else {
            "0.0.0.0:0"
        };
        let socket = from.run(|| UdpSocket::bind(any).unwrap());
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, to }
    }

    /// The first word of the answer: who gave it.
    fn ask(&self) -> io::Result<String> {
        let mut buffer = [0; 64];
        // A refusal of before may be told now.
        let sent = self.socket.send(b"who?");
        sent.or_else(|_| self.socket.send(b"who?"))?;
        let length = receive(&self.socket, &mut buffer)?;
        let answer = String::from_utf8_lossy(&buffer[..length]);
        Ok(answer.split(' ').next().unwrap_or_default().to_owned())
    }
}

/// Waits on, whatever signal comes.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received,
        }
    }
}

/// From outside, from the host itself and from a neighbour, in both families.
fn peers(world: &World) -> Vec<Peer> {
    let peer = |from, to| Peer::new(from, to);
    vec![
        peer(&world.outside, "192.0.2.1:8080"),
        peer(&world.outside, "[2001:db8::1]:8080"),
        peer(&world.host, "127.0.0.1:8080"),
        peer(&world.host, "192.0.2.1:8080"),
        peer(&world.host, "[2001:db8::1]:8080"),
        peer(&world.neighbour, "10.1.0.1:8080"),
        peer(&world.neighbour, "192.0.2.1:8080"),
        peer(&world.neighbour, "[fd00:1::1]:8080"),
    ]
}

fn assert_all_reach(peers: &[Peer], who: &str, when: &str) {
    // Twice: what begins a connection, and what goes on with it.
    for round in 0..2 {
        for peer in peers {
            let answer = peer.ask();
            let is_theirs = answer.as_ref().is_ok_and(|answer| answer == who);
            assert!(is_theirs, "{when}, {}, {round}: {answer:?}", peer.to);
        }
    }
}

/// Everybody keeps sending while the port goes from hand to hand.
fn pass_the_port_on(world: &World, peers: &[Peer], hosts: [Option<&'static str>; 2]) {
    let _pod = Server::new(&world.pod, "[::]:80", "pod");
    let _other = Server::new(&world.other, "[::]:80", "other");
    let chain = chain(SourceNat::Local, &[]);
    let to_pod = |zone| in_zone(zone, &both(hosts, ["10.1.0.2:80", "[fd00:1::2]:80"]));
    let to_other = in_zone(2, &both(hosts, ["10.2.0.2:80", "[fd00:2::2]:80"]));
    world.perform(&[Step::RouteLocalnet {
        link: "other".into(),
    }]);
    let of_the_host = |when| {
        // Each answers from the address that it was asked at.
        let _servers: Vec<_> = peers
            .iter()
            .map(|peer| peer.to)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|address| Server::new(&world.host, address, "host"))
            .collect();
        assert_all_reach(peers, "host", when);
    };
    of_the_host("before it is forwarded");
    for (forwards, who, when) in [
        (to_pod(1), "pod", "forwarded"),
        (to_other, "other", "of another container"),
        // Replies are those of the first time: the kernel has to give the connections other ports.
        (
            to_pod(3),
            "pod",
            "of a container with the first one's address",
        ),
    ] {
        let steps = world.forward(&chain, &forwards);
        assert_all_reach(peers, who, when);
        assert_eq!(world.verify(&steps), [], "{when}");
        let undo = Undo::ForgetPortForwards(wanted(&chain, &forwards));
        assert_eq!(world.undo(&undo), Undone::Done, "{when}");
        let presence = world
            .host
            .run(|| Linux::host().unwrap().presence(&undo).unwrap());
        assert_eq!(presence, Presence::Gone, "{when}");
    }
    of_the_host("forwarded no more");
}

#[test]
fn senders_reach_whoever_has_the_port() {
    let Some(world) = World::new() else { return };
    let peers = peers(&world);
    pass_the_port_on(&world, &peers, [None, None]);
}

#[test]
fn senders_to_one_address_reach_whoever_has_its_port() {
    let Some(world) = World::new() else { return };
    let mut peers = peers(&world);
    peers.retain(|peer| ["192.0.2.1:8080", "[2001:db8::1]:8080"].contains(&peer.to));
    assert_eq!(peers.len(), 5);
    pass_the_port_on(&world, &peers, [Some("192.0.2.1"), Some("2001:db8::1")]);
}

/// What `conntrack` lists of the host's namespace.
fn tracked(world: &World, words: &str) -> Vec<String> {
    let listed = world.host.tool(
        "conntrack",
        &["-L"]
            .into_iter()
            .chain(words.split(' '))
            .collect::<Vec<_>>(),
    );
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn replies_and_other_ports_are_in_the_default_zone() {
    let Some(world) = World::new() else { return };
    let _pod = Server::new(&world.pod, "[::]:80", "pod");
    world.forward(
        &chain(SourceNat::Local, &[]),
        &in_zone(77, &nft_host_ports::to_pod()),
    );
    let peer = Peer::new(&world.outside, "192.0.2.1:8080");
    assert_eq!(peer.ask().unwrap(), "pod");
    let found = tracked(&world, "-p udp --orig-port-dst 8080");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].matches("zone").count(), 1, "{found:?}");
    assert!(
        found[0].contains("dport=8080 zone-orig=77 src=10.1.0.2"),
        "{found:?}"
    );
    // By TCP, to another port, and through the host to the same port of another.
    nft_host_ports::answer(&world.outside, Transport::Tcp, "192.0.2.1:8080").unwrap();
    let _other = Server::new(&world.other, "[::]:8080", "other");
    let _host = Server::new(&world.host, "[::]:8081", "host");
    for to in ["10.2.0.2:8080", "192.0.2.1:8081"] {
        Peer::new(&world.outside, to).ask().unwrap();
    }
    assert_eq!(tracked(&world, "-p tcp --orig-port-dst 8080").len(), 1);
    assert_eq!(tracked(&world, "-p udp").len(), 3);
    for words in [
        "-p tcp",
        "-p udp --orig-dst 10.2.0.2",
        "-p udp --orig-port-dst 8081",
    ] {
        let found = tracked(&world, words);
        assert!(!found.concat().contains("zone"), "{found:?}");
    }
}

/// A container that has been asked by a peer, and answers it by a socket that hears of errors.
fn asked(world: &World, port: u16, peer: &UdpSocket, to: &str) -> UdpSocket {
    let socket = world.pod.run(|| UdpSocket::bind(("::", port)).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.send_to(b"who?", to).unwrap();
    let from = loop {
        match socket.recv_from(&mut [0; 16]) {
            Ok((_, from)) => break from,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
        }
    };
    socket.connect(from).unwrap();
    socket
}

fn any_port(from: &Namespace, to: &str) -> UdpSocket {
    let to: SocketAddr = to.parse().unwrap();
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    from.run(|| UdpSocket::bind(any).unwrap())
}

/// Sends to a peer that has closed its socket; programs that other tests begin may keep it for a moment.
fn is_refused(container: &UdpSocket) -> bool {
    container
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let sent = container.send(b"late");
        let told = sent.and_then(|_| receive(container, &mut [0; 16]));
        if told.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
    }
    false
}

#[test]
fn a_container_hears_that_nobody_wants_its_answer() {
    let Some(world) = World::new() else { return };
    for namespace in [&world.outside, &world.host, &world.neighbour] {
        namespace.sysctl("ipv4/icmp_ratelimit", "0");
        namespace.sysctl("ipv6/icmp/ratelimit", "0");
    }
    let askers = [
        (&world.outside, "192.0.2.1"),
        (&world.outside, "[2001:db8::1]"),
        (&world.host, "192.0.2.1"),
        (&world.host, "127.0.0.1"),
        (&world.host, "[2001:db8::1]"),
        (&world.neighbour, "192.0.2.1"),
        (&world.neighbour, "[2001:db8::1]"),
    ];
    let mut port = 1000;
    for of_one_address in [false, true] {
        for (from, host) in askers {
            port += 1;
            let is_v6 = host.starts_with('[');
            let target = if is_v6 { "[fd00:1::2]" } else { "10.1.0.2" };
            let target = format!("{target}:{port}");
            let host_address = of_one_address.then(|| host.trim_matches(['[', ']']));
            let forwards = [forward(Transport::Udp, host_address, port, &target)];
            world.forward(&chain(SourceNat::Local, &[]), &forwards);
            let to = format!("{host}:{port}");
            let peer = any_port(from, &to);
            let container = asked(&world, port, &peer, &to);
            drop(peer);
            assert!(is_refused(&container), "{to}, {of_one_address}");
        }
    }
}

#[test]
fn a_container_hears_what_is_too_large_on_the_way() {
    let Some(world) = World::new() else { return };
    let Some(far) = Namespace::new() else { return };
    // Where what is bridged passes the hooks, the kernel puts fragments of IPv6 together for good.
    world.filter_bridged(false);
    // Behind `outside`, which is a router with a narrow link.
    connect(&world.outside, "far", &far, "eth0");
    for (namespace, link, addresses) in [
        (
            &world.outside,
            "far",
            ["203.0.113.1/24", "2001:db8:1::1/64"],
        ),
        (&far, "eth0", ["203.0.113.2/24", "2001:db8:1::2/64"]),
    ] {
        namespace.ip(&format!("link set {link} mtu 1280"));
        for address in addresses {
            let flags = if address.contains(':') { " nodad" } else { "" };
            namespace.ip(&format!("addr add {address} dev {link}{flags}"));
        }
    }
    world.outside.sysctl("ipv4/ip_forward", "1");
    world.outside.sysctl("ipv6/conf/all/forwarding", "1");
    for (network, router) in [
        ("203.0.113.0/24", "192.0.2.2"),
        ("2001:db8:1::/64", "2001:db8::2"),
    ] {
        world.host.ip(&format!("route add {network} via {router}"));
    }
    for gateway in ["203.0.113.1", "2001:db8:1::1"] {
        far.ip(&format!("route add default via {gateway}"));
    }
    for (port, to, target, peer_address) in [
        (81, "192.0.2.1:81", "10.1.0.2:81", "203.0.113.2"),
        (82, "[2001:db8::1]:82", "[fd00:1::2]:82", "2001:db8:1::2"),
    ] {
        let forwards = [forward(Transport::Udp, None, port, target)];
        world.forward(&chain(SourceNat::Local, &[]), &forwards);
        let peer = any_port(&far, to);
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let container = asked(&world, port, &peer, to);
        container.send(&[0; 1400]).unwrap();
        let told = receive(&container, &mut [0; 16]);
        let told = told.map_err(|error| error.raw_os_error());
        assert_eq!(told, Err(Some(EMSGSIZE)), "{to}");
        let route = world.pod.ip(&format!("route get {peer_address}"));
        assert!(route.contains("mtu 1280"), "{to}: {route}");
        container.send(&[0; 1400]).unwrap();
        assert_eq!(receive(&peer, &mut [0; 2000]).ok(), Some(1400), "{to}");
    }
}
