//! The spoof check on a real kernel: what passes a bridge, and what a bridge learns.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_namespaces;

use std::net::UdpSocket;
use std::time::Duration;

use kernel::nft::{Base, Firewall, Nft};
use nft_namespaces::{Namespace, connect};
use plan::{MacAddress, SpoofCheck};

const FORGED: &str = "02:00:00:00:00:99";

fn firewall(checks: &[SpoofCheck]) -> Firewall {
    Firewall {
        spoof_checks: checks.to_vec(),
        ..Firewall::default()
    }
}

/// Two containers at a bridge.
struct Bridged {
    host: Namespace,
    first: Namespace,
    second: Namespace,
}

impl Bridged {
    /// `None`, with the reason printed, where namespaces or the bridge family are missing.
    fn new() -> Option<Self> {
        let bridged = Self {
            host: Namespace::new()?,
            first: Namespace::new()?,
            second: Namespace::new()?,
        };
        bridged.host.ip("link add br0 type bridge");
        bridged.host.ip("link set br0 up");
        for (number, guest) in [(1, &bridged.first), (2, &bridged.second)] {
            // Nobody but the test sends anything.
            guest.sysctl("ipv6/conf/default/disable_ipv6", "1");
            connect(&bridged.host, &format!("port{number}"), guest, "eth0");
            bridged
                .host
                .ip(&format!("link set port{number} master br0"));
            guest.ip(&format!("link set eth0 address 02:00:00:00:00:0{number}"));
            guest.ip(&format!("addr add 10.9.0.{number}/24 dev eth0"));
        }
        Some(bridged)
    }

    fn checked() -> Option<(Self, Nft)> {
        let bridged = Self::new()?;
        let mut nft = bridged.host.run(|| Nft::open().unwrap());
        match nft.ensure_spoof_check() {
            Ok(_) => nft.restore(&firewall(&[check()])).unwrap(),
            Err(error) if error.to_string().contains("CONFIG_NF_TABLES_BRIDGE") => {
                println!("skipped: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        }
        Some((bridged, nft))
    }

    /// Does a datagram from the first container reach the second one? With ARP, as nothing is remembered.
    fn passes(&self) -> bool {
        self.first.ip("neigh flush all");
        self.second.ip("neigh flush all");
        let receiver = self
            .second
            .run(|| UdpSocket::bind("10.9.0.2:4000").unwrap());
        receiver
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        self.send("10.9.0.2:4000");
        receiver.recv_from(&mut [0; 16]).is_ok()
    }

    fn send(&self, to: &str) {
        self.first.run(|| {
            let sender = UdpSocket::bind("10.9.0.1:0").unwrap();
            sender.send_to(b"hello", to).unwrap();
        });
    }

    /// Sends a frame with a forged source to an address that no bridge forwards (IEEE 802.1D, table 7-10).
    fn send_link_local_frame(&self, last_octet: &str) {
        let group = format!("01:80:c2:00:00:{last_octet}");
        self.first.ip(&format!("link set eth0 address {FORGED}"));
        self.first
            .ip(&format!("neigh replace 10.9.0.77 lladdr {group} dev eth0"));
        self.send("10.9.0.77:4000");
        // What goes by the same port afterwards has arrived: then this frame has as well.
        self.first.ip("link set eth0 address 02:00:00:00:00:01");
        assert!(self.passes());
    }

    fn has_learned(&self, mac: &str) -> bool {
        let learned = self.host.bridge("fdb show br br0");
        learned
            .lines()
            .any(|line| line.starts_with(mac) && !line.contains("permanent"))
    }
}

fn check() -> SpoofCheck {
    SpoofCheck {
        port: "port1".into(),
        mac: "02:00:00:00:00:01".parse().unwrap(),
    }
}

#[test]
fn only_the_containers_own_address_passes() {
    let Some((bridged, mut nft)) = Bridged::checked() else {
        return;
    };
    assert!(bridged.passes());
    bridged.first.ip(&format!("link set eth0 address {FORGED}"));
    assert!(!bridged.passes());
    assert!(!bridged.has_learned(FORGED));
    // The other port's address is not this port's.
    bridged.first.ip("link set eth0 address 02:00:00:00:00:02");
    assert!(!bridged.passes());
    bridged.first.ip("link set eth0 address 02:00:00:00:00:01");
    assert!(bridged.passes());
    // Without the check forging works, so it was the check that dropped.
    assert!(nft.forget_spoof_check(&check()).unwrap());
    bridged.first.ip(&format!("link set eth0 address {FORGED}"));
    assert!(bridged.passes());
    assert!(bridged.has_learned(FORGED));
}

#[test]
fn a_bridge_learns_no_forged_address_from_frames_that_it_does_not_forward() {
    let Some(unchecked) = Bridged::new() else {
        return;
    };
    unchecked.send_link_local_frame("03");
    assert!(
        unchecked.has_learned(FORGED),
        "the way in that the check closes"
    );
    let Some((bridged, _)) = Bridged::checked() else {
        return;
    };
    bridged.send_link_local_frame("03");
    assert!(!bridged.has_learned(FORGED));
    // LLDP passes no hook: the bridge has to be told.
    bridged
        .host
        .ip("link set br0 type bridge no_linklocal_learn 1");
    bridged.send_link_local_frame("0e");
    assert!(!bridged.has_learned(FORGED));
}

#[test]
fn adding_and_forgetting_can_be_repeated_and_what_is_missing_is_named() {
    let Some((bridged, mut nft)) = Bridged::checked() else {
        return;
    };
    assert_eq!(nft.ensure_spoof_check().unwrap(), Base::Present);
    nft.add_spoof_check(&check()).unwrap();
    nft.add_spoof_check(&check()).unwrap();
    assert_eq!(nft.verify_spoof_check(&check()).unwrap(), []);
    let other = SpoofCheck {
        mac: MacAddress([2, 0, 0, 0, 0, 7]),
        ..check()
    };
    let missing = nft.verify_spoof_check(&other).unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].object.contains("port1 . 02:00:00:00:00:07"));
    assert!(nft.forget_spoof_check(&check()).unwrap());
    assert!(!nft.forget_spoof_check(&check()).unwrap());
    assert_eq!(nft.verify_spoof_check(&check()).unwrap().len(), 2);
    bridged.host.nft("flush chain bridge wasm-cni input");
    assert!(
        nft.verify_spoof_check(&check()).unwrap()[0]
            .object
            .contains("input")
    );
    assert_eq!(nft.ensure_spoof_check().unwrap(), Base::Created);
}

#[test]
fn many_at_once_make_the_rule_once_and_lose_no_check() {
    let Some((bridged, mut nft)) = Bridged::checked() else {
        return;
    };
    assert!(nft.purge().unwrap());
    let numbered = |number: u8| SpoofCheck {
        port: format!("veth{number}"),
        mac: MacAddress([2, 0, 0, 0, 1, number]),
    };
    std::thread::scope(|scope| {
        for number in 0..64 {
            let host = &bridged.host;
            scope.spawn(move || {
                let mut nft = host.run(|| Nft::open().unwrap());
                if nft.ensure_spoof_check().unwrap() == Base::Created {
                    nft.restore(&firewall(&[])).unwrap();
                }
                nft.add_spoof_check(&numbered(number)).unwrap();
            });
        }
    });
    for number in 0..64 {
        assert_eq!(nft.verify_spoof_check(&numbered(number)).unwrap(), []);
    }
    let listed = bridged.host.nft("list chain bridge wasm-cni spoof-check");
    let rule = "iifname @spoof-ports iifname . ether saddr != @spoof-allowed drop";
    assert_eq!(listed.matches(rule).count(), 1, "{listed}");
}

#[test]
fn a_saved_and_loaded_ruleset_still_checks() {
    let Some((bridged, mut nft)) = Bridged::checked() else {
        return;
    };
    let saved = bridged.host.nft("list ruleset");
    bridged.host.nft(&format!("flush ruleset; {saved}"));
    assert_eq!(nft.ensure_spoof_check().unwrap(), Base::Present);
    assert_eq!(nft.verify_spoof_check(&check()).unwrap(), []);
    bridged.first.ip(&format!("link set eth0 address {FORGED}"));
    assert!(!bridged.passes());
}

#[test]
fn names_that_no_interface_can_have_are_refused() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = host.run(|| Nft::open().unwrap());
    for port in ["", "sixteen-bytes-xx", "nul\0"] {
        let check = SpoofCheck {
            port: port.into(),
            ..check()
        };
        assert!(
            nft.add_spoof_check(&check)
                .unwrap_err()
                .to_string()
                .contains("interface name")
        );
    }
}
