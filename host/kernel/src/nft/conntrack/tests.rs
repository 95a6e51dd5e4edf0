//! Against the kernel, in namespaces of their own.

use std::net::UdpSocket;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use super::*;

/// Runs a test in a namespace that tracks what its loopback carries; not at all where none can be made.
fn in_namespace(test: impl FnOnce(&mut Nft) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return;
        }
        for command in [
            "link set lo up",
            "addr add fd00::2/128 dev lo",
            "addr add fd00::3/128 dev lo",
        ] {
            let done = Command::new("ip").args(command.split(' ')).status();
            assert!(done.unwrap().success(), "{command}");
        }
        // Port 4001 is tracked in a zone.
        let rules = "add table inet test
            add chain inet test input { type filter hook input priority 0; }
            add rule inet test input ct state new accept
            add chain inet test output { type filter hook output priority raw; }
            add rule inet test output udp dport 4001 ct original zone set 7";
        let loaded = Command::new("nft").arg(rules).status();
        assert!(loaded.unwrap().success());
        test(&mut Nft::open().unwrap());
    });
    thread.join().unwrap();
}

fn send_from(source: &str) {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    for port in [4000, 4001] {
        socket.send_to(b"x", (source, port)).unwrap();
    }
}

/// How many connections of this address are tracked.
fn tracked(nft: &mut Nft, address: &str) -> usize {
    let [sent, _] = Selection::of_address(address.parse().unwrap());
    nft.tracked(&sent).unwrap().len()
}

#[test]
fn the_kernel_picks_what_is_forgotten() {
    in_namespace(|nft| {
        send_from("127.0.0.2");
        send_from("127.0.0.3");
        // By the kernel's filter alone: no fallback here.
        for selection in Selection::of_address("127.0.0.2".parse().unwrap()) {
            nft.flush(&selection).unwrap();
        }
        assert_eq!(tracked(nft, "127.0.0.2"), 0);
        assert_eq!(tracked(nft, "127.0.0.3"), 2);
    });
}

#[test]
fn older_kernels_are_asked_one_by_one() {
    in_namespace(|nft| {
        send_from("127.0.0.2");
        send_from("127.0.0.3");
        assert_eq!(tracked(nft, "127.0.0.2"), 2);
        for selection in Selection::of_address("127.0.0.2".parse().unwrap()) {
            nft.forget_one_by_one(&selection).unwrap();
        }
        assert_eq!(tracked(nft, "127.0.0.2"), 0);
        assert_eq!(tracked(nft, "127.0.0.3"), 2);
    });
}

#[test]
fn datagrams_of_ipv6_are_forgotten_in_whatever_zone() {
    in_namespace(|nft| {
        send_from("fd00::2");
        send_from("fd00::3");
        assert_eq!(tracked(nft, "fd00::2"), 2);
        nft.forget_datagrams(&["fd00::2".parse().unwrap()]).unwrap();
        assert_eq!(tracked(nft, "fd00::2"), 0);
        assert_eq!(tracked(nft, "fd00::3"), 2);
    });
}
