//! Host ports of SCTP on a real kernel, with packets made by hand: it may have no SCTP sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use nft_host_ports::{World, chain, forward};
use nft_namespaces::Namespace;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recvfrom, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use plan::{SourceNat, Transport};

fn raw(namespace: &Namespace) -> OwnedFd {
    namespace.run(|| {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Sctp,
        )
        .unwrap();
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(2)).unwrap();
        socket
    })
}

/// RFC 9260, appendix A.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = (crc >> 1) ^ carry;
        }
    }
    !crc
}

/// A packet that begins an association (RFC 9260, 3.3.2).
fn init(source_port: u16, destination_port: u16) -> Vec<u8> {
    let mut packet = [source_port.to_be_bytes(), destination_port.to_be_bytes()].concat();
    // Verification tag and checksum, chunk INIT of 20 bytes, its tag, window, streams, first number.
    packet.extend([0; 8]);
    packet.extend([1, 0, 0, 20]);
    packet.extend([0, 0, 0, 7, 0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    let checksum = crc32c(&packet).to_le_bytes();
    packet[8..12].copy_from_slice(&checksum);
    packet
}

#[test]
fn an_association_is_forwarded() {
    let Some(world) = World::new() else { return };
    let ports = [forward(Transport::Sctp, None, 3868, "10.1.0.2:3869")];
    world.forward(&chain(SourceNat::Local, &[]), &ports);
    for (from, seen) in [
        (&world.outside, Ipv4Addr::new(192, 0, 2, 2)),
        (&world.neighbour, Ipv4Addr::new(10, 1, 0, 1)),
    ] {
        let (receiver, sender) = (raw(&world.pod), raw(from));
        let host = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0));
        sendto(
            sender.as_raw_fd(),
            &init(5000, 3868),
            &host,
            MsgFlags::empty(),
        )
        .unwrap();
        let mut packet = [0; 128];
        let (length, source) = recvfrom::<SockaddrIn>(receiver.as_raw_fd(), &mut packet).unwrap();
        assert_eq!(source.unwrap().ip(), seen);
        // The kernel puts the IP header before it.
        let mut packet = packet[20..length].to_vec();
        assert_eq!(packet[2..4], 3869_u16.to_be_bytes());
        let checksum: [u8; 4] = packet[8..12].try_into().unwrap();
        packet[8..12].fill(0);
        assert_eq!(checksum, crc32c(&packet).to_le_bytes());
    }
}
