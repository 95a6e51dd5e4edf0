//! Host ports and what the kernel tracks of connections.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use kernel::{Presence, Undone};
use nft_host_ports::{Server, World, both, chain, forward, to_pod, wanted};
use plan::{PortForward, SourceNat, Step, Transport, Undo};

/// One peer that keeps its port, as those do whose packets are tracked.
struct Peer(UdpSocket);

impl Peer {
    fn new(world: &World, to: &str) -> Self {
        world.outside.run(|| {
            let any = if to.starts_with('[') {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            };
            let socket = UdpSocket::bind(any).unwrap();
            socket.connect(to).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(400)))
                .unwrap();
            Self(socket)
        })
    }

    fn ask(&self) -> Option<String> {
        let mut buffer = [0; 64];
        // A refusal of before may be told now.
        let _ = self.0.send(b"who?").or_else(|_| self.0.send(b"who?"));
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }
}

fn presence(world: &World, undo: &Undo) -> Presence {
    use kernel::{Kernel, Linux};
    world
        .host
        .run(|| Linux::host().unwrap().presence(undo).unwrap())
}

#[test]
fn peers_that_sent_before_a_port_was_forwarded_are_forwarded_too() {
    let Some(world) = World::new() else { return };
    let _pod = Server::new(&world.pod, "[::]:80", "pod");
    let _neighbour = Server::new(&world.neighbour, "[::]:80", "neighbour");
    let chain = chain(SourceNat::Local, &[]);
    world.perform(&[Step::PortForwardChain(chain.clone())]);
    let peers = ["192.0.2.1:8080", "[2001:db8::1]:8080"].map(|to| Peer::new(&world, to));
    let ask = || peers.each_ref().map(Peer::ask);
    let stranger = Peer::new(&world, "192.0.2.1:8080");
    assert_eq!(ask(), [None, None]);
    assert_eq!(stranger.ask(), None);

    let forwards = to_pod();
    let add = Step::PortForwards(wanted(&chain, &forwards));
    let forget = Step::ForgetConnections(wanted(&chain, &forwards));
    world.perform(&[add]);
    // The old way is remembered: what the step is for.
    assert_eq!(ask(), [None, None]);
    world.perform(&[forget]);
    let pod = ["pod 192.0.2.2", "pod 2001:db8::2"].map(|text| Some(text.to_owned()));
    assert_eq!(ask(), pod);

    // Another container gets the port: peers of the old one reach it.
    let undo = Undo::ForgetConnections(wanted(&chain, &forwards));
    assert_eq!(presence(&world, &undo), Presence::Present);
    world.undo(&Undo::ForgetPortForwards(wanted(&chain, &forwards)));
    let forwards = both([None, None], ["10.1.0.3:80", "[fd00:1::3]:80"]);
    world.perform(&[Step::PortForwards(wanted(&chain, &forwards))]);
    assert_eq!(ask(), pod);
    assert_eq!(world.undo(&undo), Undone::Done);
    assert_eq!(presence(&world, &undo), Presence::Gone);
    assert_eq!(
        ask(),
        ["neighbour 192.0.2.2", "neighbour 2001:db8::2"].map(|text| Some(text.to_owned()))
    );
    assert_eq!(world.undo(&undo), Undone::Done);
}

/// What is tracked in the host's namespace, as `conntrack` lists it.
fn tracked(world: &World, words: &str) -> usize {
    let listed = world.host.run(|| {
        let words = format!("-L {words}");
        let output = std::process::Command::new("conntrack")
            .args(words.split(' '))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    });
    listed.lines().count()
}

#[test]
fn only_connections_of_the_port_are_forgotten() {
    let Some(world) = World::new() else { return };
    let _pod = Server::new(&world.pod, "[::]:80", "pod");
    let chain = chain(SourceNat::Local, &[]);
    world.forward(&chain, &to_pod());
    for to in [
        "192.0.2.1:8080",
        "192.0.2.1:8081",
        "192.0.2.9:8080",
        "[2001:db8::1]:8080",
        "[2001:db8::9]:8080",
    ] {
        Peer::new(&world, to).ask();
    }
    nft_host_ports::answer(&world.outside, Transport::Tcp, "192.0.2.1:8080").unwrap();
    let one = |transport| -> Vec<PortForward> {
        vec![forward(transport, Some("192.0.2.1"), 8080, "10.1.0.2:80")]
    };
    let udp = "-p udp --orig-port-dst 8080 --orig-dst 192.0.2.1";
    let tcp = "-p tcp --orig-port-dst 8080";
    assert_eq!((tracked(&world, udp), tracked(&world, tcp)), (1, 1));
    // Streams are left alone.
    world.perform(&[Step::ForgetConnections(wanted(
        &chain,
        &one(Transport::Tcp),
    ))]);
    assert_eq!((tracked(&world, udp), tracked(&world, tcp)), (1, 1));
    world.perform(&[Step::ForgetConnections(wanted(
        &chain,
        &one(Transport::Udp),
    ))]);
    assert_eq!((tracked(&world, udp), tracked(&world, tcp)), (0, 1));
    assert_eq!(tracked(&world, "-f ipv4 -p udp"), 2);
    let v6 = |address| format!("-f ipv6 -p udp --orig-dst {address}");
    let count = |address| tracked(&world, &v6(address));
    assert_eq!((count("2001:db8::1"), count("2001:db8::9")), (1, 1));
    let one = forward(Transport::Udp, Some("2001:db8::1"), 8080, "[fd00:1::2]:80");
    world.perform(&[Step::ForgetConnections(wanted(&chain, &[one]))]);
    assert_eq!((count("2001:db8::1"), count("2001:db8::9")), (0, 1));
}

/// What it costs to forget beside 0 and 100,000 tracked connections: `--ignored --nocapture` shows it.
#[test]
#[ignore = "a measurement"]
fn cost_of_forgetting() {
    let Some(world) = World::new() else { return };
    let chain = chain(SourceNat::Local, &[]);
    world.forward(&chain, &to_pod());
    let all = wanted(&chain, &to_pod());
    let mut nft = world.host.run(|| kernel::nft::Nft::open().unwrap());
    let median = |work: &mut dyn FnMut()| {
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                let start = std::time::Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    for count in [0_u32, 1000, 10_000, 100_000] {
        world.host.run(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            for number in 0..count {
                let [_, high, low, last] = number.to_be_bytes();
                let _ = socket.send_to(b"x", (Ipv4Addr::new(127, 1 + high, low, last), 9));
            }
        });
        let path = "/proc/sys/net/netfilter/nf_conntrack_count";
        let tracked = world.host.run(|| std::fs::read_to_string(path).unwrap());
        let mut cost = |tracked| median(&mut || nft.forget_connections(&all, tracked).unwrap());
        println!(
            "beside {}: at ADD {:?}, at DEL {:?} (one port, both families)",
            tracked.trim(),
            cost(kernel::nft::Tracked::ToPort),
            cost(kernel::nft::Tracked::ToTarget)
        );
    }
}
