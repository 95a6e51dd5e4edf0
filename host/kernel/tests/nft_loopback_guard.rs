//! The guard of the host's loopback on a real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use std::net::UdpSocket;
use std::time::Duration;

use nft_host_ports::{Server, World, answer};
use nft_namespaces::Namespace;
use plan::{Step, Transport};

/// Does a datagram from there arrive at a socket of the host?
fn arrives(world: &World, from: &Namespace, source: &str, to: &str) -> bool {
    let receiver = world.host.run(|| UdpSocket::bind(to).unwrap());
    receiver
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    from.run(|| {
        let sender = UdpSocket::bind((source, 0)).unwrap();
        sender.send_to(b"hello", to).unwrap();
    });
    receiver.recv_from(&mut [0; 16]).is_ok()
}

/// What an attacker does to send to, or as, another's loopback.
fn route_loopback(namespace: &Namespace, gateway: &str) {
    for local in ["local 127.0.0.0/8", "local 127.0.0.1"] {
        namespace.ip(&format!("route del {local} dev lo table local"));
    }
    namespace.sysctl("ipv4/conf/all/route_localnet", "1");
    namespace.ip("addr add 127.0.0.7/32 dev eth0");
    namespace.ip(&format!("route add 127.0.0.0/8 via {gateway}"));
}

#[test]
fn nobody_else_reaches_loopback_or_speaks_for_it() {
    let Some(world) = World::new() else { return };
    let guard = [Step::RouteLocalnet {
        link: "cni0".into(),
    }];
    let attacks = [
        (&world.neighbour, "10.1.0.3", "127.0.0.1:9000"),
        (&world.neighbour, "127.0.0.7", "10.1.0.1:9000"),
        (&world.outside, "192.0.2.2", "127.0.0.1:9000"),
        (&world.outside, "127.0.0.7", "192.0.2.1:9000"),
    ];
    route_loopback(&world.neighbour, "10.1.0.1");
    route_loopback(&world.outside, "192.0.2.1");
    world.perform(&guard);
    assert_eq!(world.verify(&guard), []);
    // As others may have set it.
    world.host.sysctl("ipv4/conf/uplink/route_localnet", "1");
    for bridged in [false, true] {
        world.filter_bridged(bridged);
        for (from, source, to) in attacks {
            assert!(!arrives(&world, from, source, to), "{source} to {to}");
        }
    }
    let _server = Server::new(&world.host, "127.0.0.1:9001", "host");
    for transport in [Transport::Tcp, Transport::Udp] {
        let found = answer(&world.host, transport, "127.0.0.1:9001");
        assert_eq!(found.as_deref(), Some("host 127.0.0.1"));
    }
    // That it is the guard that stopped them.
    world.host.nft("flush chain inet wasm-cni loopback-guard");
    assert_ne!(world.verify(&guard), []);
    for (from, source, to) in attacks {
        assert!(arrives(&world, from, source, to), "{source} to {to}");
    }
    assert!(world.perform(&guard)[0].firewall_recreated);
    for (from, source, to) in attacks {
        assert!(!arrives(&world, from, source, to), "{source} to {to}");
    }
    world.host.sysctl("ipv4/conf/cni0/route_localnet", "0");
    assert_eq!(world.verify(&guard)[0].object, "route_localnet of cni0");
}
