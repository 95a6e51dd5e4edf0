//! Conditions of host ports on a real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use nft_host_ports::{
    Server, World, answer, both, chain, chain_of, forward, no_answer, to_pod, wanted,
};
use plan::{Family, PacketCondition, PacketMatch, SourceNat, Transport, Undo};

fn condition(negated: bool, matches: PacketMatch) -> PacketCondition {
    PacketCondition {
        family: Family::Ipv4,
        negated,
        matches,
    }
}

fn source(network: &str) -> PacketMatch {
    PacketMatch::Source(network.parse().unwrap())
}

fn destination(network: &str) -> PacketMatch {
    PacketMatch::Destination(network.parse().unwrap())
}

fn input(name: &str) -> PacketMatch {
    PacketMatch::InputInterface(name.into())
}

/// Which of `outside`, `neighbour`, `other` and `host` reach the port by IPv4.
fn reached(world: &World) -> String {
    [
        ("outside", &world.outside),
        ("neighbour", &world.neighbour),
        ("other", &world.other),
        ("host", &world.host),
    ]
    .into_iter()
    .filter(|(_, from)| no_answer(from, Transport::Tcp, "192.0.2.1:8080").is_some())
    .map(|(name, _)| name)
    .collect::<Vec<_>>()
    .join(" ")
}

#[test]
fn only_what_meets_all_conditions_of_its_family_is_forwarded() {
    let Some(world) = World::new() else { return };
    let _server = Server::new(&world.pod, "[::]:80", "pod");
    for (conditions, expected) in [
        (
            vec![condition(false, source("192.0.2.0/24"))],
            "outside host",
        ),
        (
            vec![condition(true, source("192.0.2.0/24"))],
            "neighbour other",
        ),
        (vec![condition(false, source("10.1.0.3/32"))], "neighbour"),
        (
            vec![
                condition(true, source("10.1.0.0/16")),
                condition(true, source("192.0.2.2/32")),
            ],
            "other host",
        ),
        (
            vec![condition(false, destination("192.0.2.1/32"))],
            "outside neighbour other host",
        ),
        (vec![condition(true, destination("192.0.2.1/32"))], ""),
        (vec![condition(false, input("uplink"))], "outside"),
        (
            vec![condition(true, input("uplink"))],
            "neighbour other host",
        ),
        (vec![condition(false, input("c+"))], "neighbour"),
        (
            vec![condition(false, input("*"))],
            "outside neighbour other host",
        ),
        (
            vec![condition(
                false,
                PacketMatch::Mark {
                    value: 5,
                    mask: u32::MAX,
                },
            )],
            "neighbour",
        ),
        (
            vec![condition(true, PacketMatch::Mark { value: 4, mask: 6 })],
            "outside other host",
        ),
        (vec![condition(false, source("fd00::/8"))], ""),
    ] {
        // The whole mark is looked at, our own bit with it.
        world.host.nft(
            "add table inet others
             add chain inet others prerouting { type filter hook prerouting priority mangle; }
             flush chain inet others prerouting
             add rule inet others prerouting ip saddr 10.1.0.3 meta mark set 5",
        );
        let chain = chain(SourceNat::Local, &conditions);
        let steps = world.forward(&chain, &to_pod());
        assert_eq!(world.verify(&steps), [], "{conditions:?}");
        assert_eq!(reached(&world), expected, "{conditions:?}");
        // No condition for IPv6.
        let found = answer(&world.outside, Transport::Tcp, "[2001:db8::1]:8080");
        assert_eq!(found.as_deref(), Some("pod 2001:db8::2"), "{conditions:?}");
        world.undo(&Undo::ForgetPortForwards(wanted(&chain, &to_pod())));
    }
}

#[test]
fn a_networks_conditions_are_not_anothers() {
    let Some(world) = World::new() else { return };
    let _pod = Server::new(&world.pod, "[::]:80", "pod");
    let _neighbour = Server::new(&world.neighbour, "[::]:80", "neighbour");
    let narrow = [condition(false, source("203.0.113.0/24"))];
    world.forward(&chain_of("narrow", SourceNat::Local, &narrow), &to_pod());
    let open = chain_of("open", SourceNat::Local, &[]);
    world.forward(&open, &[forward(Transport::Tcp, None, 8081, "10.1.0.3:80")]);
    let ask = |to| no_answer(&world.outside, Transport::Tcp, to);
    assert_eq!(ask("192.0.2.1:8080"), None);
    assert_eq!(
        ask("192.0.2.1:8081").as_deref(),
        Some("neighbour 192.0.2.2")
    );
    // The same port of the same host in two ways: each for whom it is meant.
    world.forward(
        &open,
        &both([None, None], ["10.1.0.3:80", "[fd00:1::3]:80"]),
    );
    assert_eq!(
        ask("192.0.2.1:8080").as_deref(),
        Some("neighbour 192.0.2.2")
    );
    world.outside.ip("addr add 203.0.113.5/32 dev eth0");
    world.host.ip("route add 203.0.113.0/24 dev uplink");
    let found = nft_host_ports::answer_to(
        &world.outside,
        Transport::Udp,
        "203.0.113.5",
        "192.0.2.1:8080",
    );
    assert_eq!(found.as_deref(), Some("pod 203.0.113.5"));
}
