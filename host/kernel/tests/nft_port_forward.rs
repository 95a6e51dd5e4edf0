//! Host ports on a real kernel: who reaches a container by them, and with which source address.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use nft_host_ports::{Server, World, answer, both, chain, forward, no_answer, to_pod, wanted};
use plan::{SourceNat, Step, Transport, Undo};

const BOTH: [Transport; 2] = [Transport::Tcp, Transport::Udp];

fn server(world: &World) -> Server {
    Server::new(&world.pod, "[::]:80", "pod")
}

#[test]
fn a_port_answers_from_everywhere_and_only_near_sources_are_replaced() {
    let Some(world) = World::new() else { return };
    let _server = server(&world);
    // Masquerade of the network has no say in it.
    world.masquerade(&["10.1.0.2", "10.1.0.3", "fd00:1::2", "fd00:1::3"]);
    world.forward(&chain(SourceNat::Local, &[]), &to_pod());
    for bridged in [false, true] {
        world.filter_bridged(bridged);
        for transport in BOTH {
            for (from, to, seen) in [
                (&world.outside, "192.0.2.1:8080", "192.0.2.2"),
                (&world.outside, "192.0.2.9:8080", "192.0.2.2"),
                (&world.outside, "[2001:db8::1]:8080", "2001:db8::2"),
                (&world.host, "127.0.0.1:8080", "10.1.0.1"),
                (&world.host, "127.1.2.3:8080", "10.1.0.1"),
                (&world.host, "192.0.2.1:8080", "192.0.2.1"),
                (&world.host, "10.1.0.1:8080", "10.1.0.1"),
                (&world.host, "[2001:db8::1]:8080", "2001:db8::1"),
                (&world.host, "[fd00:1::1]:8080", "fd00:1::1"),
                (&world.other, "192.0.2.1:8080", "10.2.0.2"),
                (&world.other, "[2001:db8::1]:8080", "fd00:2::2"),
                (&world.neighbour, "192.0.2.1:8080", "10.1.0.1"),
                (&world.neighbour, "10.1.0.1:8080", "10.1.0.1"),
                (&world.neighbour, "[2001:db8::1]:8080", "fd00:1::1"),
                (&world.neighbour, "[fd00:1::1]:8080", "fd00:1::1"),
                (&world.pod, "192.0.2.1:8080", "10.1.0.1"),
                (&world.pod, "10.1.0.1:8080", "10.1.0.1"),
                (&world.pod, "[2001:db8::1]:8080", "fd00:1::1"),
                (&world.pod, "[fd00:1::1]:8080", "fd00:1::1"),
            ] {
                assert_eq!(
                    answer(from, transport, to),
                    Some(format!("pod {seen}")),
                    "{transport} to {to}, bridged packets filtered: {bridged}"
                );
            }
        }
    }
}

#[test]
fn nobodys_or_everybodys_source_is_replaced() {
    let Some(world) = World::new() else { return };
    let _server = server(&world);
    let never = chain(SourceNat::Never, &[]);
    world.forward(&never, &to_pod());
    let outside = &world.outside;
    let ask = |to| answer(outside, Transport::Tcp, to);
    assert_eq!(ask("192.0.2.1:8080").as_deref(), Some("pod 192.0.2.2"));
    assert_eq!(
        no_answer(&world.host, Transport::Tcp, "127.0.0.1:8080"),
        None
    );
    assert_eq!(
        no_answer(&world.pod, Transport::Tcp, "192.0.2.1:8080"),
        None
    );
    world.undo(&Undo::ForgetPortForwards(wanted(&never, &to_pod())));

    world.forward(&chain(SourceNat::Always, &[]), &to_pod());
    assert_eq!(ask("192.0.2.1:8080").as_deref(), Some("pod 10.1.0.1"));
    assert_eq!(ask("[2001:db8::1]:8080").as_deref(), Some("pod fd00:1::1"));
    for (from, to) in [
        (&world.host, "127.0.0.1:8080"),
        (&world.pod, "192.0.2.1:8080"),
    ] {
        let found = answer(from, Transport::Tcp, to);
        assert_eq!(found.as_deref(), Some("pod 10.1.0.1"));
    }
}

#[test]
fn forwarded_traffic_to_the_same_port_goes_where_it_wants() {
    let Some(world) = World::new() else { return };
    let _pod = server(&world);
    let _outside = Server::new(&world.outside, "[::]:8080", "outside");
    let _other = Server::new(&world.other, "[::]:8080", "other");
    world.forward(&chain(SourceNat::Local, &[]), &to_pod());
    for transport in BOTH {
        for (from, to, found) in [
            (&world.pod, "192.0.2.2:8080", "outside 10.1.0.2"),
            (&world.neighbour, "[2001:db8::2]:8080", "outside fd00:1::3"),
            (&world.outside, "10.2.0.2:8080", "other 192.0.2.2"),
            (&world.host, "192.0.2.2:8080", "outside 192.0.2.1"),
            (&world.host, "[fd00:2::2]:8080", "other fd00:2::1"),
        ] {
            assert_eq!(answer(from, transport, to).as_deref(), Some(found), "{to}");
        }
    }
}

#[test]
fn one_address_of_the_host_is_not_another() {
    let Some(world) = World::new() else { return };
    let _pod = server(&world);
    let _neighbour = Server::new(&world.neighbour, "[::]:80", "neighbour");
    let first = both(
        [Some("192.0.2.1"), Some("2001:db8::1")],
        ["10.1.0.2:80", "[fd00:1::2]:80"],
    );
    let second = both(
        [Some("192.0.2.9"), Some("2001:db8::9")],
        ["10.1.0.3:80", "[fd00:1::3]:80"],
    );
    world.forward(&chain(SourceNat::Local, &[]), &first);
    // Another way of forwarding on the same node.
    world.forward(&chain(SourceNat::Always, &[]), &second);
    for transport in BOTH {
        for (to, found) in [
            ("192.0.2.1:8080", Some("pod 192.0.2.2")),
            ("192.0.2.9:8080", Some("neighbour 10.1.0.1")),
            ("[2001:db8::1]:8080", Some("pod 2001:db8::2")),
            ("[2001:db8::9]:8080", Some("neighbour fd00:1::1")),
        ] {
            assert_eq!(
                answer(&world.outside, transport, to).as_deref(),
                found,
                "{to}"
            );
        }
        assert_eq!(no_answer(&world.host, transport, "127.0.0.1:8080"), None);
        assert_eq!(no_answer(&world.host, transport, "10.1.0.1:8080"), None);
    }
}

/// What kube-proxy does with a port is decided before.
#[test]
fn services_win() {
    let Some(world) = World::new() else { return };
    let _pod = server(&world);
    let _neighbour = Server::new(&world.neighbour, "[::]:80", "neighbour");
    world.forward(&chain(SourceNat::Local, &[]), &to_pod());
    world.host.nft(
        "add table ip services
         add chain ip services prerouting { type nat hook prerouting priority dstnat; }
         add rule ip services prerouting tcp dport 8080 dnat to 10.1.0.3:80",
    );
    let found = |transport| answer(&world.outside, transport, "192.0.2.1:8080");
    assert_eq!(
        found(Transport::Tcp).as_deref(),
        Some("neighbour 192.0.2.2")
    );
    assert_eq!(found(Transport::Udp).as_deref(), Some("pod 192.0.2.2"));
}

#[test]
fn the_mark_is_on_no_packet_that_leaves() {
    let Some(world) = World::new() else { return };
    let _pod = server(&world);
    let _outside = Server::new(&world.outside, "[::]:8080", "outside");
    let _other = Server::new(&world.other, "[::]:80", "other");
    world.masquerade(&["10.1.0.3"]);
    world.forward(&chain(SourceNat::Local, &[]), &to_pod());
    let always = chain(SourceNat::Always, &[]);
    world.forward(
        &always,
        &[forward(Transport::Tcp, None, 8081, "10.2.0.2:80")],
    );
    world.host.nft(
        "add table inet watch
         add counter inet watch between; add counter inet watch left; add counter inet watch every
         add chain inet watch forward { type filter hook forward priority 0; }
         add rule inet watch forward meta mark & 0x2000 != 0 counter name between
         add chain inet watch postrouting { type filter hook postrouting priority 300; }
         add rule inet watch postrouting meta mark & 0x2000 != 0 counter name left
         add rule inet watch postrouting counter name every",
    );
    for (from, to, found) in [
        (&world.neighbour, "192.0.2.1:8080", "pod 10.1.0.1"),
        (&world.host, "127.0.0.1:8080", "pod 10.1.0.1"),
        (&world.neighbour, "192.0.2.2:8080", "outside 192.0.2.1"),
        (&world.neighbour, "192.0.2.1:8081", "other 10.2.0.1"),
    ] {
        assert_eq!(answer(from, Transport::Tcp, to).as_deref(), Some(found));
    }
    let packets = |counter: &str| {
        let shown = world
            .host
            .nft(&format!("list counter inet watch {counter}"));
        let mut words = shown
            .split_whitespace()
            .skip_while(|word| *word != "packets");
        words.nth(1).unwrap().parse::<u32>().unwrap()
    };
    // The first packet of each of the neighbour's two, and no other.
    assert_eq!(packets("between"), 2);
    assert_eq!(packets("left"), 0);
    assert!(packets("every") > 10);
}

#[test]
fn a_link_without_a_bridge_answers_too() {
    let Some(world) = World::new() else { return };
    let _server = Server::new(&world.other, "[::]:80", "other");
    let mut chain = chain(SourceNat::Local, &[]);
    chain.subnets = ["10.2.0.0/24", "fd00:2::/64"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    let forwards = both([None, None], ["10.2.0.2:80", "[fd00:2::2]:80"]);
    world.perform(&[
        Step::RouteLocalnet {
            link: "other".into(),
        },
        Step::PortForwardChain(chain.clone()),
        Step::ConnectionZones {},
        Step::PortForwards(wanted(&chain, &forwards)),
    ]);
    for transport in BOTH {
        for (from, to, found) in [
            (&world.host, "127.0.0.1:8080", "other 10.2.0.1"),
            (&world.host, "[2001:db8::1]:8080", "other 2001:db8::1"),
            (&world.other, "192.0.2.1:8080", "other 10.2.0.1"),
            (&world.other, "[2001:db8::1]:8080", "other fd00:2::1"),
            (&world.pod, "192.0.2.1:8080", "other 10.1.0.2"),
        ] {
            assert_eq!(answer(from, transport, to).as_deref(), Some(found), "{to}");
        }
    }
}

#[test]
fn a_container_reaches_its_own_port_through_its_own_bridge_port() {
    let Some(world) = World::new() else { return };
    let _server = server(&world);
    world.forward(&chain(SourceNat::Local, &[]), &to_pod());
    world.filter_bridged(true);
    let step = [Step::Hairpin { port: "pod".into() }];
    assert_eq!(world.verify(&step), []);
    world.host.ip("link set pod type bridge_slave hairpin off");
    assert_eq!(world.verify(&step)[0].found, "off");
    for to in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        assert_eq!(no_answer(&world.pod, Transport::Tcp, to), None, "{to}");
    }
    world.perform(&step);
    for to in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
        assert!(answer(&world.pod, Transport::Tcp, to).is_some(), "{to}");
    }
    let not_a_port = [Step::Hairpin {
        port: "other".into(),
    }];
    assert_eq!(world.verify(&not_a_port)[0].found, "no port of a bridge");
}
