//! Containers on two bridges of a host, and the world outside; what gets from one to another.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use kernel::{Kernel, Linux, Performed, Presence, Undone};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use plan::{
    FlowDirection, FlowRule, FlowVerdict, Flows, Mismatch, NetnsIdentity, PortRange, Step, Undo,
};

use crate::nft_namespaces::{Namespace, connect};

/// Longer than any delivery on one machine takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long one waits for what should not come.
const IMPATIENCE: Duration = Duration::from_millis(300);

pub(crate) const INGRESS: FlowDirection = FlowDirection::Ingress;
pub(crate) const EGRESS: FlowDirection = FlowDirection::Egress;
pub(crate) const ACCEPT: FlowVerdict = FlowVerdict::Accept;
pub(crate) const DROP: FlowVerdict = FlowVerdict::Drop;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
/// Packet Radio Measurement, which has no ports.
pub(crate) const PRM: u8 = 21;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// A flow to try, to a port where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Try {
    Tcp(u16),
    Udp(u16),
    Echo,
}

/// A namespace with one address of each family that the others know it by.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) name: &'static str,
    namespace: &'a Namespace,
    addresses: [&'static str; 2],
}

impl Node<'_> {
    pub(crate) fn address(&self, family: Family) -> IpAddr {
        self.addresses[family as usize].parse().unwrap()
    }

    pub(crate) fn forget_neighbours(&self) {
        self.namespace.ip("neigh flush dev eth0");
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        FAMILIES.map(|family| self.address(family)).to_vec()
    }
}

/// Bridge `cni0` with containers `a` and `b`, bridge `cni1` with container `c`; the ports have the containers' names.
pub(crate) struct World {
    pub(crate) host: Namespace,
    a: Namespace,
    b: Namespace,
    c: Namespace,
    outside: Namespace,
}

impl World {
    pub(crate) fn new() -> Option<Self> {
        let world = Self {
            host: Namespace::new()?,
            a: Namespace::new()?,
            b: Namespace::new()?,
            c: Namespace::new()?,
            outside: Namespace::new()?,
        };
        let host = &world.host;
        host.sysctl("ipv4/ip_forward", "1");
        host.sysctl("ipv6/conf/all/forwarding", "1");
        world.filter_all_bridges(false);
        for (bridge, addresses) in [
            ("cni0", ["10.1.0.1/24", "fd00:1::1/64"]),
            ("cni1", ["10.2.0.1/24", "fd00:2::1/64"]),
        ] {
            host.ip(&format!("link add {bridge} type bridge"));
            host.ip(&format!("link set {bridge} up"));
            set_addresses(host, bridge, addresses);
        }
        for (node, bridge) in [
            (world.a(), "cni0"),
            (world.b(), "cni0"),
            (world.c(), "cni1"),
        ] {
            connect(host, node.name, node.namespace, "eth0");
            host.ip(&format!("link set {} master {bridge}", node.name));
            let addresses = [
                format!("{}/24", node.addresses[0]),
                format!("{}/64", node.addresses[1]),
            ];
            set_addresses(node.namespace, "eth0", [&addresses[0], &addresses[1]]);
            let gateways = match bridge {
                "cni0" => ["10.1.0.1", "fd00:1::1"],
                _ => ["10.2.0.1", "fd00:2::1"],
            };
            set_gateways(node.namespace, gateways);
        }
        connect(host, "uplink", &world.outside, "eth0");
        set_addresses(host, "uplink", ["192.0.2.1/24", "2001:db8::1/64"]);
        set_addresses(&world.outside, "eth0", ["192.0.2.2/24", "2001:db8::2/64"]);
        set_gateways(&world.outside, ["192.0.2.1", "2001:db8::1"]);
        for node in [world.a(), world.b(), world.c()] {
            world.wait_for(node);
        }
        Some(world)
    }

    /// A link is up some time after it was set up.
    fn wait_for(&self, node: Node<'_>) {
        let outside = self.outside();
        for family in FAMILIES {
            let ready = || got_through(family, node, outside, Try::Echo, IMPATIENCE);
            assert!((0..50).any(|_| ready()), "{} {family:?}", node.name);
        }
    }

    pub(crate) fn a(&self) -> Node<'_> {
        node("pod-a", &self.a, ["10.1.0.2", "fd00:1::2"])
    }

    pub(crate) fn b(&self) -> Node<'_> {
        node("pod-b", &self.b, ["10.1.0.3", "fd00:1::3"])
    }

    pub(crate) fn c(&self) -> Node<'_> {
        node("pod-c", &self.c, ["10.2.0.2", "fd00:2::2"])
    }

    pub(crate) fn outside(&self) -> Node<'_> {
        node("outside", &self.outside, ["192.0.2.2", "2001:db8::2"])
    }

    /// The host, as the gateway of `a` and `b`.
    pub(crate) fn gateway(&self) -> Node<'_> {
        node("gateway", &self.host, ["10.1.0.1", "fd00:1::1"])
    }

    /// `bridge-nf-call-iptables` and `bridge-nf-call-ip6tables`.
    pub(crate) fn filter_all_bridges(&self, on: bool) {
        let value = if on { "1" } else { "0" };
        self.host.sysctl("bridge/bridge-nf-call-iptables", value);
        self.host.sysctl("bridge/bridge-nf-call-ip6tables", value);
    }

    pub(crate) fn perform(&self, step: &Step) -> Performed {
        self.host
            .run(|| Linux::host().unwrap().perform(step))
            .unwrap()
    }

    pub(crate) fn verify(&self, step: &Step) -> Vec<Mismatch> {
        self.host
            .run(|| Linux::host().unwrap().verify(step))
            .unwrap()
    }

    pub(crate) fn undo(&self, undo: &Undo) -> Undone {
        self.host.run(|| Linux::host().unwrap().undo(undo)).unwrap()
    }

    pub(crate) fn presence(&self, undo: &Undo) -> Presence {
        self.host
            .run(|| Linux::host().unwrap().presence(undo))
            .unwrap()
    }

    /// Flow rules of a container, beside those that others have.
    pub(crate) fn set_rules(
        &self,
        node: Node<'_>,
        deny: &[FlowDirection],
        rules: &[FlowRule],
    ) -> Step {
        self.perform(&Step::FlowTable {});
        let step = flows(node, deny, rules);
        self.perform(&step);
        step
    }

    /// Does a connection to one address arrive at the other one, to which the host translates it?
    pub(crate) fn forwarded(&self, from: Node<'_>, target: &str, to: Node<'_>, real: &str) -> bool {
        let listener = to.namespace.run(|| TcpListener::bind(real).unwrap());
        let target = target.parse().unwrap();
        let connect = || TcpStream::connect_timeout(&target, Duration::from_secs(1));
        let stream = from.namespace.run(connect);
        stream.is_ok_and(|_| listener.accept().is_ok())
    }

    /// How many of two packets of protocol [`PRM`], one of each family, arrive.
    pub(crate) fn count_packets(&self, from: Node<'_>, to: Node<'_>, payload: &[u8]) -> usize {
        let arrives = |family: Family| {
            let raw = |node: Node<'_>| node.namespace.run(|| raw_socket(family));
            let (receiver, sender) = (raw(to), raw(from));
            let target = SockaddrStorage::from(SocketAddr::new(to.address(family), 0));
            sendto(sender.as_raw_fd(), payload, &target, MsgFlags::empty()).unwrap();
            recv(receiver.as_raw_fd(), &mut [0; 64], MsgFlags::empty()).is_ok()
        };
        FAMILIES
            .into_iter()
            .filter(|family| arrives(*family))
            .count()
    }

    /// Both ways, in both families.
    pub(crate) fn passes(&self, from: Node<'_>, to: Node<'_>, what: Try) {
        for family in FAMILIES {
            let through = got_through(family, from, to, what, PATIENCE);
            assert!(
                through,
                "{what:?} {family:?} from {} to {}",
                from.name, to.name
            );
        }
    }

    /// In neither family.
    pub(crate) fn is_stopped(&self, from: Node<'_>, to: Node<'_>, what: Try) {
        for family in FAMILIES {
            let through = got_through(family, from, to, what, IMPATIENCE);
            assert!(
                !through,
                "{what:?} {family:?} from {} to {}",
                from.name, to.name
            );
        }
    }
}

pub(crate) fn undo_of(step: &Step) -> Undo {
    let identity = NetnsIdentity {
        path: "/proc/self/ns/net".into(),
        cookie: 0,
        nsid: None,
    };
    step.undo(&identity).unwrap()
}

pub(crate) fn flows(node: Node<'_>, deny: &[FlowDirection], rules: &[FlowRule]) -> Step {
    Step::Flows(Flows {
        addresses: node.addresses(),
        rules: rules.to_vec(),
        deny_by_default: deny.to_vec(),
    })
}

/// For everybody, of any protocol.
pub(crate) fn rule(direction: FlowDirection, verdict: FlowVerdict) -> FlowRule {
    FlowRule {
        direction,
        verdict,
        peer: None,
        protocol: None,
        ports: None,
    }
}

pub(crate) fn ports(rule: FlowRule, protocol: u8, first: u16, last: u16) -> FlowRule {
    FlowRule {
        protocol: Some(protocol),
        ports: Some(PortRange { first, last }),
        ..rule
    }
}

/// The rule for each of these networks.
pub(crate) fn peers(rule: FlowRule, networks: [&str; 2]) -> [FlowRule; 2] {
    networks.map(|network| FlowRule {
        peer: Some(network.parse().unwrap()),
        ..rule
    })
}

fn node<'a>(
    name: &'static str,
    namespace: &'a Namespace,
    addresses: [&'static str; 2],
) -> Node<'a> {
    Node {
        name,
        namespace,
        addresses,
    }
}

fn set_addresses(namespace: &Namespace, link: &str, [v4, v6]: [&str; 2]) {
    namespace.ip(&format!("addr add {v4} dev {link}"));
    namespace.ip(&format!("addr add {v6} dev {link} nodad"));
}

fn set_gateways(namespace: &Namespace, gateways: [&str; 2]) {
    for gateway in gateways {
        namespace.ip(&format!("route add default via {gateway}"));
    }
}

/// Of protocol [`PRM`].
fn raw_socket(family: Family) -> OwnedFd {
    let family = match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    };
    // nix has no name for it among the protocols of IP: only the number counts.
    let protocol = SockProtocol::NetlinkCrypto;
    assert_eq!(protocol as libc::c_int, libc::c_int::from(PRM));
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
    let patience = TimeVal::milliseconds(IMPATIENCE.as_millis() as i64);
    setsockopt(&socket, sockopt::ReceiveTimeout, &patience).unwrap();
    socket
}

/// Does a question get there and its answer back?
fn got_through(
    family: Family,
    from: Node<'_>,
    to: Node<'_>,
    what: Try,
    patience: Duration,
) -> bool {
    let target = to.address(family);
    match what {
        Try::Tcp(port) => tcp(from, to, SocketAddr::new(target, port), patience),
        Try::Udp(port) => {
            let source = SocketAddr::new(from.address(family), 0);
            udp(from, source, to, SocketAddr::new(target, port), patience)
        }
        Try::Echo => {
            let seconds = patience.as_secs_f64().to_string();
            let target = target.to_string();
            let arguments = ["-c", "1", "-W", &seconds, &target];
            let ping = || Command::new("ping").args(arguments).output().unwrap();
            from.namespace.run(ping).status.success()
        }
    }
}

fn tcp(from: Node<'_>, to: Node<'_>, target: SocketAddr, patience: Duration) -> bool {
    let listener = to.namespace.run(|| TcpListener::bind(target).unwrap());
    let connect = || TcpStream::connect_timeout(&target, patience);
    let Ok(mut stream) = from.namespace.run(connect) else {
        return false;
    };
    let (mut accepted, _) = listener.accept().unwrap();
    let mut answer = [0; 2];
    stream.set_read_timeout(Some(patience)).unwrap();
    accepted.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(b"hi").is_ok()
        && accepted.read_exact(&mut answer).is_ok()
        && accepted.write_all(&answer).is_ok()
        && stream.read_exact(&mut answer).is_ok()
}

fn udp(
    from: Node<'_>,
    source: SocketAddr,
    to: Node<'_>,
    target: SocketAddr,
    patience: Duration,
) -> bool {
    let server = to.namespace.run(|| UdpSocket::bind(target).unwrap());
    let client = from.namespace.run(|| UdpSocket::bind(source).unwrap());
    server.set_read_timeout(Some(patience)).unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    // The host refuses at once what its own output chain drops.
    if client.send_to(b"hi", target).is_err() {
        return false;
    }
    let mut buffer = [0; 2];
    let Ok((_, peer)) = server.recv_from(&mut buffer) else {
        return false;
    };
    server.send_to(&buffer, peer).is_ok() && client.recv_from(&mut buffer).is_ok()
}
