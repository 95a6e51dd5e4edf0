//! Packets between namespaces, and the source address that they arrive with.

use std::io::ErrorKind;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6,
    SockaddrLike, recvfrom, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::nft_namespaces::Namespace;

/// Longer than any delivery on one machine takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How an echo request of ours is recognised.
const MARK: &[u8] = b"wasm-cni echo";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Icmp,
}

/// The source with which a packet from one namespace arrives at an address of another one.
pub(crate) fn source_seen(
    protocol: Protocol,
    from: &Namespace,
    source: IpAddr,
    to: &Namespace,
    destination: IpAddr,
) -> IpAddr {
    match protocol {
        Protocol::Udp => udp(from, source, to, destination),
        Protocol::Tcp => tcp(from, to, destination),
        Protocol::Icmp => match destination {
            IpAddr::V4(destination) => icmp_v4(from, to, destination),
            IpAddr::V6(destination) => icmp_v6(from, to, destination),
        },
    }
}

fn udp(from: &Namespace, source: IpAddr, to: &Namespace, destination: IpAddr) -> IpAddr {
    let receiver = to.run(|| UdpSocket::bind((destination, 0)).unwrap());
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = receiver.local_addr().unwrap();
    from.run(|| {
        let sender = UdpSocket::bind((source, 0)).unwrap();
        sender.send_to(b"hello", address).unwrap();
    });
    sender_of_next(&receiver)
}

/// Who sent the next datagram. A wait with a limit is interrupted where the machine is stopped and goes on.
pub(crate) fn sender_of_next(receiver: &UdpSocket) -> IpAddr {
    loop {
        match receiver.recv_from(&mut [0; 16]) {
            Ok((_, peer)) => return peer.ip(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("no datagram: {error}"),
        }
    }
}

fn tcp(from: &Namespace, to: &Namespace, destination: IpAddr) -> IpAddr {
    let listener = to.run(|| TcpListener::bind((destination, 0)).unwrap());
    let address = listener.local_addr().unwrap();
    let stream = from.run(|| TcpStream::connect_timeout(&address, PATIENCE).unwrap());
    let (_, peer) = listener.accept().unwrap();
    drop(stream);
    peer.ip()
}

fn icmp_v4(from: &Namespace, to: &Namespace, destination: Ipv4Addr) -> IpAddr {
    let receiver = raw(to, AddressFamily::Inet, SockProtocol::Icmp);
    let mut request = vec![8, 0, 0, 0, 0, 1, 0, 1];
    request.extend(MARK);
    let checksum = checksum(&request).to_be_bytes();
    request[2..4].copy_from_slice(&checksum);
    let sender = raw(from, AddressFamily::Inet, SockProtocol::Icmp);
    let peer = SockaddrIn::from(SocketAddrV4::new(destination, 0));
    sendto(sender.as_raw_fd(), &request, &peer, MsgFlags::empty()).unwrap();
    // The kernel puts the IP header before it.
    received::<SockaddrIn>(&receiver, |packet| packet[20] == 8)
        .map(|address| IpAddr::V4(address.ip()))
        .unwrap()
}

fn icmp_v6(from: &Namespace, to: &Namespace, destination: Ipv6Addr) -> IpAddr {
    let receiver = raw(to, AddressFamily::Inet6, SockProtocol::IcmpV6);
    let mut request = vec![128, 0, 0, 0, 0, 1, 0, 1];
    request.extend(MARK);
    let sender = raw(from, AddressFamily::Inet6, SockProtocol::IcmpV6);
    let peer = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, 0));
    sendto(sender.as_raw_fd(), &request, &peer, MsgFlags::empty()).unwrap();
    received::<SockaddrIn6>(&receiver, |packet| packet[0] == 128)
        .map(|address| IpAddr::V6(address.ip()))
        .unwrap()
}

fn raw(namespace: &Namespace, family: AddressFamily, protocol: SockProtocol) -> OwnedFd {
    namespace.run(|| {
        let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
        let patience = TimeVal::seconds(PATIENCE.as_secs() as i64);
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience).unwrap();
        socket
    })
}

/// The source of the next echo request of ours.
fn received<A: SockaddrLike>(socket: &OwnedFd, is_request: impl Fn(&[u8]) -> bool) -> Option<A> {
    let mut packet = [0; 256];
    loop {
        let (length, source) = recvfrom::<A>(socket.as_raw_fd(), &mut packet).ok()?;
        let packet = &packet[..length];
        if packet.ends_with(MARK) && is_request(packet) {
            return source;
        }
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| {
            u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]))
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
