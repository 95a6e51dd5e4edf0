//! What others on the link see: announcements, duplicate addresses.

mod attachments;

use std::os::fd::AsRawFd;

use attachments::{Namespace, Pod, addresses, first};
use kernel::KernelError;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use plan::Step;

const BRIDGE: &str = r#"{"kind":"bridge","isGateway":true}"#;
const DETECTING: &str = r#"{"kind":"bridge","isGateway":true,"enabledad":true}"#;

/// Reads frames of every interface until one is as wanted.
fn hear(listener: &std::os::fd::OwnedFd, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let mut frame = [0; 2048];
    while let Ok(length) = recv(listener.as_raw_fd(), &mut frame, MsgFlags::empty()) {
        if frame.get(..length).is_some_and(&wanted) {
            return true;
        }
    }
    false
}

#[test]
fn neighbours_on_the_bridge_hear_of_a_new_container() {
    let (Some(host), Some(old), Some(new)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[("10.1.0.7/24", None), ("fd00::7/64", None)]),
        Pod::new(2, BRIDGE, &[("10.1.0.8/24", None), ("fd00::8/64", None)]),
    ) else {
        return;
    };
    old.add(&host).unwrap();
    let listener = old.namespace.run(|| {
        let all = SockProtocol::EthAll;
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), all).unwrap()
    });
    setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::new(2, 0)).unwrap();
    new.add(&host).unwrap();
    let mac = new.mac().0;
    assert!(
        hear(&listener, |frame| {
            frame[..6] == [0xff; 6]
                && frame[6..12] == mac
                && frame[12..14] == [8, 6]
                && frame[28..32] == [10, 1, 0, 8]
                && frame[38..42] == [10, 1, 0, 8]
        }),
        "no gratuitous ARP"
    );
    assert!(
        hear(&listener, |frame| {
            frame[..6] == [0x33, 0x33, 0, 0, 0, 1]
                && frame[6..12] == mac
                && frame[12..14] == [0x86, 0xdd]
                && frame[54] == 136
                && frame[77] == 8
        }),
        "no neighbour advertisement"
    );
}

#[test]
fn an_announcement_corrects_what_a_neighbour_knew() {
    let (Some(host), Some(old), Some(new)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[("10.1.0.7/24", None), ("fd00::7/64", None)]),
        Pod::new(2, BRIDGE, &[("10.1.0.8/24", None), ("fd00::8/64", None)]),
    ) else {
        return;
    };
    old.add(&host).unwrap();
    for address in ["10.1.0.8", "fd00::8"] {
        old.namespace.ip(&format!(
            "neigh add {address} lladdr 02:00:00:00:00:99 nud stale dev eth0"
        ));
    }
    new.add(&host).unwrap();
    for address in ["10.1.0.8", "fd00::8"] {
        let neighbour = first(
            &old.namespace
                .ip(&format!("-j neigh show {address} dev eth0")),
        );
        assert_eq!(neighbour["lladdr"], new.mac().to_string(), "{address}");
    }
}

#[test]
fn a_link_that_is_down_has_nobody_to_tell() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[("10.1.0.7/24", None)]),
    ) else {
        return;
    };
    pod.add(&host).unwrap();
    pod.namespace.ip("link set eth0 down");
    pod.perform(&host, |step| matches!(step, Step::Announce(_)))
        .unwrap();
}

#[test]
fn a_duplicate_ipv6_address_is_found_where_detection_is_asked_for() {
    let (Some(host), Some(one), Some(two)) = (
        Namespace::new(),
        Pod::new(1, DETECTING, &[("fd00::7/64", None)]),
        Pod::new(2, DETECTING, &[("fd00::7/64", None)]),
    ) else {
        return;
    };
    one.add(&host).unwrap();
    let eth0 = one.eth0();
    assert_eq!(addresses(&eth0), ["fd00::7/64"]);
    assert!(eth0["addr_info"][0]["tentative"].is_null());
    let error = two.add(&host).unwrap_err();
    assert!(
        matches!(&error.cause, KernelError::DuplicateAddress { address, .. } if address.to_string() == "fd00::7"),
        "{error}"
    );
    assert!(error.clean_up_failures.is_empty());
}

#[test]
fn host_assigned_addresses_skip_detection() {
    let (Some(host), Some(one), Some(two)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[("fd00::7/64", None)]),
        Pod::new(2, BRIDGE, &[("fd00::7/64", None)]),
    ) else {
        return;
    };
    one.add(&host).unwrap();
    two.add(&host).unwrap();
    assert_eq!(addresses(&two.eth0()), ["fd00::7/64"]);
}

#[test]
fn detection_on_a_link_without_carrier_gives_up() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, DETECTING, &[("fd00::7/64", None)]),
    ) else {
        return;
    };
    pod.perform(&host, |step| {
        matches!(step, Step::Bridge(_) | Step::Veth(_))
    })
    .unwrap();
    host.ip(&format!("link set {} down", pod.host_interface()));
    let error = pod
        .perform(&host, |step| matches!(step, Step::ContainerAddresses(_)))
        .unwrap_err();
    assert!(
        matches!(error, KernelError::DetectionTimeout { seconds: 5, .. }),
        "{error}"
    );
}
