//! Masquerade on a real kernel: what happens to packets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_namespaces;
mod nft_networks;
mod nft_traffic;

use std::net::{IpAddr, Ipv4Addr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use kernel::nft::{Base, Firewall};
use nft_namespaces::{Namespace, connect};
use nft_networks::{address, ensure, lines, network, open, pods, sources};
use nft_traffic::{Protocol, source_seen};
use plan::MasqueradeSources;

/// A container, the host that it is on, and the world outside.
struct World {
    pod: Namespace,
    host: Namespace,
    outside: Namespace,
}

impl World {
    fn new() -> Option<Self> {
        let world = Self {
            pod: Namespace::new()?,
            host: Namespace::new()?,
            outside: Namespace::new()?,
        };
        let World { pod, host, outside } = &world;
        connect(host, "pod", pod, "eth0");
        connect(host, "uplink", outside, "eth0");
        for (namespace, link, addresses) in [
            (pod, "eth0", ["10.1.0.2/16", "fd00:1::2/64"]),
            (host, "pod", ["10.1.0.1/16", "fd00:1::1/64"]),
            (host, "uplink", ["192.0.2.1/24", "2001:db8::1/64"]),
            (outside, "eth0", ["192.0.2.2/24", "2001:db8::2/64"]),
            // Part of the network elsewhere, and what the operator excludes.
            (outside, "lo", ["10.2.0.7/32", "fd00:2::7/128"]),
            (outside, "lo", ["198.51.100.7/32", "2001:db8:51::7/128"]),
        ] {
            for address in addresses {
                let flags = if address.contains(':') { " nodad" } else { "" };
                namespace.ip(&format!("addr add {address} dev {link}{flags}"));
            }
        }
        for (namespace, gateways) in [
            (pod, ["10.1.0.1", "fd00:1::1"]),
            (host, ["192.0.2.2", "2001:db8::2"]),
            (outside, ["192.0.2.1", "2001:db8::1"]),
        ] {
            for gateway in gateways {
                namespace.ip(&format!("route add default via {gateway}"));
            }
        }
        host.sysctl("ipv4/ip_forward", "1");
        host.sysctl("ipv6/conf/all/forwarding", "1");
        Some(world)
    }

    fn seen(&self, protocol: Protocol, destination: &str) -> IpAddr {
        let destination = address(destination);
        let source = if destination.is_ipv4() {
            address("10.1.0.2")
        } else {
            address("fd00:1::2")
        };
        source_seen(protocol, &self.pod, source, &self.outside, destination)
    }
}

#[test]
fn sources_leave_with_the_hosts_address_except_to_the_network_and_to_exclusions() {
    let Some(world) = World::new() else { return };
    let mut nft = open(&world.host);
    let network = pods();
    let wanted = sources(&network, &["10.1.0.2", "fd00:1::2"]);
    ensure(&mut nft, &network);
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("10.1.0.2"));
    nft.add_masquerade(&wanted).unwrap();
    for protocol in [Protocol::Udp, Protocol::Tcp, Protocol::Icmp] {
        for (destination, seen) in [
            ("192.0.2.2", "192.0.2.1"),
            ("10.2.0.7", "10.1.0.2"),
            ("198.51.100.7", "10.1.0.2"),
            ("2001:db8::2", "2001:db8::1"),
            ("fd00:2::7", "fd00:1::2"),
            ("2001:db8:51::7", "fd00:1::2"),
        ] {
            let found = world.seen(protocol, destination);
            assert_eq!(found, address(seen), "{protocol:?} to {destination}");
        }
    }
    assert!(
        nft.forget_masquerade(network.network, &wanted.sources)
            .unwrap()
    );
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("10.1.0.2"));
    assert_eq!(
        world.seen(Protocol::Udp, "2001:db8::2"),
        address("fd00:1::2")
    );
}

#[test]
fn a_changed_exclusion_holds_for_new_connections_and_subnets_only_grow() {
    let Some(world) = World::new() else { return };
    let mut nft = open(&world.host);
    let mut network = pods();
    ensure(&mut nft, &network);
    nft.add_masquerade(&sources(&network, &["10.1.0.2", "fd00:1::2"]))
        .unwrap();
    network.exclude = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/64".parse().unwrap(),
    ];
    network.subnets = vec!["10.3.0.0/16".parse().unwrap()];
    assert_eq!(
        nft.ensure_masquerade_network(&network).unwrap(),
        Base::Present
    );
    assert_eq!(nft.verify_masquerade_network(&network).unwrap(), []);
    // Attachments that were made before the change are not broken by it.
    assert_eq!(nft.verify_masquerade_network(&pods()).unwrap(), []);
    for (destination, seen) in [
        ("192.0.2.2", "10.1.0.2"),
        ("198.51.100.7", "192.0.2.1"),
        ("10.2.0.7", "10.1.0.2"),
        ("2001:db8::2", "fd00:1::2"),
        ("2001:db8:51::7", "2001:db8::1"),
        ("fd00:2::7", "fd00:1::2"),
    ] {
        assert_eq!(
            world.seen(Protocol::Udp, destination),
            address(seen),
            "{destination}"
        );
    }
    let local = world.host.nft(&format!(
        "list set inet wasm-cni local4-{}",
        network.network
    ));
    assert!(local.contains("10.1.0.0-10.3.255.255"), "{local}");
}

/// The sources with which datagrams to a group of each family arrive; `sources` are the host's own, on its uplink.
fn multicast_sources(world: &World, sources: (&str, &str)) -> [IpAddr; 2] {
    let index = |namespace: &Namespace, name: &str| {
        let shown = namespace.ip(&format!("-o link show {name}"));
        shown.split(':').next().unwrap().parse::<u32>().unwrap()
    };
    let inside = index(&world.outside, "eth0");
    let uplink = index(&world.host, "uplink");
    let (group, group6) = (Ipv4Addr::new(239, 1, 1, 1), "ff02::4242".parse().unwrap());
    let [receiver, receiver6] = world
        .outside
        .run(|| ["0.0.0.0:4000", "[::]:4001"].map(|address| UdpSocket::bind(address).unwrap()));
    receiver
        .join_multicast_v4(&group, &Ipv4Addr::new(192, 0, 2, 2))
        .unwrap();
    receiver6.join_multicast_v6(&group6, inside).unwrap();
    world.host.run(|| {
        let sender = UdpSocket::bind((sources.0, 0)).unwrap();
        sender.send_to(b"hello", (group, 4000)).unwrap();
        let source = SocketAddrV6::new(sources.1.parse().unwrap(), 0, 0, uplink);
        let sender = UdpSocket::bind(source).unwrap();
        let group = SocketAddrV6::new(group6, 4001, 0, uplink);
        sender.send_to(b"hello", group).unwrap();
    });
    [receiver, receiver6].map(|receiver| {
        let patience = Some(Duration::from_secs(5));
        receiver.set_read_timeout(patience).unwrap();
        nft_traffic::sender_of_next(&receiver)
    })
}

#[test]
fn multicast_keeps_its_source() {
    let Some(world) = World::new() else { return };
    let mut nft = open(&world.host);
    let network = pods();
    let tag = network.network;
    ensure(&mut nft, &network);
    let own = ["10.1.0.9", "fd00:1::9"];
    nft.add_masquerade(&sources(&network, &own)).unwrap();
    world.host.ip("addr add 10.1.0.9/32 dev uplink");
    world.host.ip("addr add fd00:1::9/128 dev uplink nodad");
    let seen = || multicast_sources(&world, (own[0], own[1]));
    assert_eq!(seen(), own.map(address));
    // That the rule for multicast does it: without any but the last ones the sources change.
    world.host.nft(&format!(
        "flush chain inet wasm-cni masq-{tag}
         add rule inet wasm-cni masq-{tag} ip saddr @pods4-{tag} masquerade
         add rule inet wasm-cni masq-{tag} ip6 saddr @pods6-{tag} masquerade"
    ));
    assert!(
        seen()
            .iter()
            .zip(own)
            .all(|(seen, own)| *seen != address(own))
    );
}

#[test]
fn networks_do_not_touch_each_other() {
    let Some(world) = World::new() else { return };
    let mut nft = open(&world.host);
    let (pods, others) = (
        pods(),
        network("others", &["10.9.0.0/16"], &["192.0.2.0/24"]),
    );
    ensure(&mut nft, &pods);
    ensure(&mut nft, &others);
    nft.add_masquerade(&sources(&pods, &["10.1.0.2"])).unwrap();
    nft.add_masquerade(&sources(&others, &["10.9.0.2"]))
        .unwrap();
    // The other network's exclusion of 192.0.2.0/24 is not this one's.
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("192.0.2.1"));
    let strangers = [address("10.1.0.2")];
    assert!(!nft.forget_masquerade(others.network, &strangers).unwrap());
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("192.0.2.1"));
    assert_eq!(nft.ensure_masquerade_network(&pods).unwrap(), Base::Present);
    assert_eq!(lines(&world.host, "jump masq-"), 2);
}

#[test]
fn a_flush_is_told_until_every_source_is_restored() {
    let Some(world) = World::new() else { return };
    let mut nft = open(&world.host);
    let (network, second) = (pods(), network("second", &["10.9.0.0/16"], &[]));
    for network in [&network, &second] {
        ensure(&mut nft, network);
    }
    let wanted = sources(&network, &["10.1.0.2", "fd00:1::2"]);
    nft.add_masquerade(&wanted).unwrap();
    world.host.nft("flush ruleset");
    assert!(
        nft.add_masquerade(&wanted)
            .unwrap_err()
            .to_string()
            .contains("next ADD")
    );

    assert_eq!(
        nft.ensure_masquerade_network(&network).unwrap(),
        Base::Created
    );
    // As if the first one had died before it restored.
    assert_eq!(
        open(&world.host)
            .ensure_masquerade_network(&network)
            .unwrap(),
        Base::Created
    );
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("10.1.0.2"));
    let other_sources: Vec<IpAddr> = (0..3000_u32)
        .map(|n| IpAddr::from((0x0a09_0000 + n).to_be_bytes()))
        .collect();
    let all = Firewall {
        masquerade: vec![
            (network.clone(), wanted.sources.clone()),
            (second.clone(), other_sources.clone()),
        ],
        ..Firewall::default()
    };
    nft.restore(&all).unwrap();
    assert_eq!(
        nft.ensure_masquerade_network(&network).unwrap(),
        Base::Present
    );
    assert_eq!(
        nft.ensure_masquerade_network(&second).unwrap(),
        Base::Present
    );
    assert_eq!(nft.verify_masquerade(&wanted).unwrap(), []);
    let others = MasqueradeSources {
        network: second.network,
        sources: other_sources,
    };
    assert_eq!(nft.verify_masquerade(&others).unwrap(), []);
    assert_eq!(world.seen(Protocol::Udp, "192.0.2.2"), address("192.0.2.1"));
}
