//! Against the kernel, in namespaces of their own.

use std::net::{IpAddr, UdpSocket};

use nix::sched::{CloneFlags, unshare};
use plan::{ForwardTag, SourceNat};

use super::*;

fn forwards(host: Option<IpAddr>, port: u16) -> PortForwards {
    PortForwards {
        tag: ForwardTag::of("pods", SourceNat::Local, 13, &[]),
        forwards: vec![PortForward {
            transport: Transport::Udp,
            host_address: host,
            host_port: port,
            target: "127.0.0.9:5353".parse().unwrap(),
        }],
    }
}

/// Runs a test in a namespace that tracks what its loopback carries; not at all where none can be made.
fn in_namespace(test: impl FnOnce(&mut Nft) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return;
        }
        let up = std::process::Command::new("ip")
            .args("link set lo up".split(' '))
            .status();
        assert!(up.unwrap().success());
        let rules = "add table inet test
            add chain inet test input { type filter hook input priority 0; }
            add rule inet test input ct state new accept";
        let loaded = std::process::Command::new("nft").arg(rules).status();
        assert!(loaded.unwrap().success());
        test(&mut Nft::open().unwrap());
    });
    thread.join().unwrap();
}

fn send(address: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"x", address).unwrap();
}

fn is_tracked(nft: &mut Nft, host: Option<&str>, port: u16) -> bool {
    let host = host.map(|text| text.parse().unwrap());
    nft.has_connections(&forwards(host, port), Tracked::ToPort)
        .unwrap()
}

fn send_to_all() {
    for target in ["127.0.0.1:4000", "127.0.0.2:4000", "127.0.0.1:4001"] {
        send(target);
    }
}

#[test]
fn the_kernel_picks_what_is_forgotten() {
    in_namespace(|nft| {
        send_to_all();
        let one = forwards(Some("127.0.0.2".parse().unwrap()), 4000);
        // By the kernel's filter alone: no fallback here.
        let selection = selections(&one, Tracked::ToPort).next().unwrap();
        nft.flush(&selection).unwrap();
        assert!(!is_tracked(nft, Some("127.0.0.2"), 4000));
        assert!(is_tracked(nft, Some("127.0.0.1"), 4000));
        nft.forget_connections(&forwards(None, 4000), Tracked::ToPort)
            .unwrap();
        assert!(!is_tracked(nft, None, 4000));
        assert!(is_tracked(nft, None, 4001));
    });
}

#[test]
fn older_kernels_are_asked_one_by_one() {
    in_namespace(|nft| {
        send_to_all();
        let all = forwards(None, 4000);
        let selection = selections(&all, Tracked::ToPort).next().unwrap();
        assert_eq!(nft.tracked(&selection).unwrap().len(), 2);
        nft.forget_one_by_one(&selection).unwrap();
        assert!(!is_tracked(nft, None, 4000));
        assert!(is_tracked(nft, None, 4001));
    });
}

#[test]
fn what_leads_elsewhere_is_not_the_targets() {
    in_namespace(|nft| {
        send_to_all();
        let all = forwards(None, 4000);
        assert!(!nft.has_connections(&all, Tracked::ToTarget).unwrap());
        nft.forget_connections(&all, Tracked::ToTarget).unwrap();
        assert!(is_tracked(nft, None, 4000));
    });
}
