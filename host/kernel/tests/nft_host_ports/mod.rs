//! A host with containers that answer, and the world outside.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use kernel::nft::Firewall;
use kernel::{Kernel, Linux, Performed, Undone};
use plan::{
    ConnectionZone, ForwardTag, MasqueradeNetwork, MasqueradeSources, Mismatch, NetworkTag,
    PacketCondition, PortForward, PortForwardChain, PortForwards, SourceNat, Step, Transport, Undo,
};

use crate::nft_namespaces::{Namespace, connect};

/// Longer than any answer on one machine takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// After this nothing comes any more.
const SILENCE: Duration = Duration::from_millis(400);
/// How often a server looks whether it shall end.
const TICK: Duration = Duration::from_millis(20);

pub(crate) const MARK_BIT: u8 = 13;

/// `pod` (10.1.0.2, fd00:1::2) and `neighbour` (….3) are ports of the bridge `cni0` (….1); `other` (10.2.0.2, fd00:2::2) has
/// a link of its own; `outside` (192.0.2.2, 2001:db8::2) is behind `uplink` (….1, and 192.0.2.9).
pub(crate) struct World {
    pub(crate) host: Namespace,
    pub(crate) pod: Namespace,
    pub(crate) neighbour: Namespace,
    pub(crate) other: Namespace,
    pub(crate) outside: Namespace,
}

impl World {
    /// `None`, with the reason printed, where namespaces can't be made.
    pub(crate) fn new() -> Option<Self> {
        let world = Self {
            host: Namespace::new()?,
            pod: Namespace::new()?,
            neighbour: Namespace::new()?,
            other: Namespace::new()?,
            outside: Namespace::new()?,
        };
        let World { host, .. } = &world;
        for namespace in [
            host,
            &world.pod,
            &world.neighbour,
            &world.other,
            &world.outside,
        ] {
            // Link-local addresses that can be used at once, or neighbours are not found in the first second.
            for key in ["all", "default"] {
                namespace.sysctl(&format!("ipv6/conf/{key}/accept_dad"), "0");
            }
        }
        host.ip("link add cni0 type bridge");
        host.ip("link set cni0 up");
        for (link, guest) in [
            ("pod", &world.pod),
            ("neighbour", &world.neighbour),
            ("other", &world.other),
            ("uplink", &world.outside),
        ] {
            connect(host, link, guest, "eth0");
        }
        for port in ["pod", "neighbour"] {
            host.ip(&format!("link set {port} master cni0"));
        }
        for (namespace, link, addresses) in [
            (&world.pod, "eth0", ["10.1.0.2/24", "fd00:1::2/64"]),
            (&world.neighbour, "eth0", ["10.1.0.3/24", "fd00:1::3/64"]),
            (&world.other, "eth0", ["10.2.0.2/24", "fd00:2::2/64"]),
            (&world.outside, "eth0", ["192.0.2.2/24", "2001:db8::2/64"]),
            (host, "cni0", ["10.1.0.1/24", "fd00:1::1/64"]),
            (host, "other", ["10.2.0.1/24", "fd00:2::1/64"]),
            (host, "uplink", ["192.0.2.1/24", "2001:db8::1/64"]),
            (host, "uplink", ["192.0.2.9/24", "2001:db8::9/64"]),
        ] {
            for address in addresses {
                let flags = if address.contains(':') { " nodad" } else { "" };
                namespace.ip(&format!("addr add {address} dev {link}{flags}"));
            }
        }
        for (namespace, gateways) in [
            (&world.pod, ["10.1.0.1", "fd00:1::1"]),
            (&world.neighbour, ["10.1.0.1", "fd00:1::1"]),
            (&world.other, ["10.2.0.1", "fd00:2::1"]),
            (&world.outside, ["192.0.2.1", "2001:db8::1"]),
        ] {
            for gateway in gateways {
                namespace.ip(&format!("route add default via {gateway}"));
            }
        }
        host.sysctl("ipv4/ip_forward", "1");
        host.sysctl("ipv6/conf/all/forwarding", "1");
        Some(world)
    }

    /// Does what is bridged pass the hooks of IP?
    pub(crate) fn filter_bridged(&self, on: bool) {
        let value = if on { "1" } else { "0" };
        for family in ["ip", "ip6"] {
            self.host.sysctl(
                &format!("../net/bridge/bridge-nf-call-{family}tables"),
                value,
            );
        }
    }

    pub(crate) fn perform(&self, steps: &[Step]) -> Vec<Performed> {
        self.host.run(|| {
            let mut linux = Linux::host().unwrap();
            let steps = steps.iter();
            steps.map(|step| linux.perform(step).unwrap()).collect()
        })
    }

    pub(crate) fn undo(&self, undo: &Undo) -> Undone {
        self.host.run(|| Linux::host().unwrap().undo(undo).unwrap())
    }

    pub(crate) fn verify(&self, steps: &[Step]) -> Vec<Mismatch> {
        self.host.run(|| {
            let mut linux = Linux::host().unwrap();
            let steps = steps.iter();
            steps.flat_map(|step| linux.verify(step).unwrap()).collect()
        })
    }

    pub(crate) fn restore(&self, firewall: &Firewall) {
        self.host
            .run(|| Linux::host().unwrap().restore_firewall(firewall).unwrap());
    }

    /// Masquerades what these addresses send out of the bridge's network.
    pub(crate) fn masquerade(&self, sources: &[&str]) {
        let network = NetworkTag::of("pods");
        self.perform(&[
            Step::MasqueradeNetwork(MasqueradeNetwork {
                network,
                name: "pods".into(),
                subnets: subnets(),
                exclude: Vec::new(),
            }),
            Step::Masquerade(MasqueradeSources {
                network,
                sources: sources.iter().map(|text| text.parse().unwrap()).collect(),
            }),
        ]);
    }

    /// Forwards these ports in this way, as an ADD of a container on the bridge does.
    pub(crate) fn forward(&self, chain: &PortForwardChain, forwards: &[PortForward]) -> Vec<Step> {
        let wanted = wanted(chain, forwards);
        let steps = vec![
            Step::RouteLocalnet {
                link: "cni0".into(),
            },
            Step::PortForwardChain(chain.clone()),
            Step::Hairpin { port: "pod".into() },
            Step::ConnectionZones {},
            Step::PortForwards(wanted),
        ];
        self.perform(&steps);
        steps
    }
}

fn subnets() -> Vec<IpNet> {
    ["10.1.0.0/24", "fd00:1::/64"]
        .map(|text| text.parse().unwrap())
        .to_vec()
}

pub(crate) fn wanted(chain: &PortForwardChain, forwards: &[PortForward]) -> PortForwards {
    PortForwards {
        tag: chain.tag,
        forwards: forwards.to_vec(),
    }
}

pub(crate) fn chain(source_nat: SourceNat, conditions: &[PacketCondition]) -> PortForwardChain {
    chain_of("pods", source_nat, conditions)
}

pub(crate) fn chain_of(
    network: &str,
    source_nat: SourceNat,
    conditions: &[PacketCondition],
) -> PortForwardChain {
    PortForwardChain {
        tag: ForwardTag::of(network, source_nat, MARK_BIT, conditions),
        network: network.into(),
        subnets: subnets(),
        source_nat,
        mark_bit: MARK_BIT,
        conditions: conditions.to_vec(),
    }
}

pub(crate) fn forward(
    transport: Transport,
    host: Option<&str>,
    port: u16,
    target: &str,
) -> PortForward {
    PortForward {
        transport,
        host_address: host.map(|text| text.parse().unwrap()),
        host_port: port,
        target: target.parse().unwrap(),
        zone: (transport == Transport::Udp).then_some(zone(1)),
    }
}

pub(crate) fn zone(number: u16) -> ConnectionZone {
    ConnectionZone::of_number(number).unwrap()
}

/// The same ports as of another attachment.
pub(crate) fn in_zone(number: u16, forwards: &[PortForward]) -> Vec<PortForward> {
    let moved = |forward: &PortForward| PortForward {
        zone: forward.zone.map(|_| zone(number)),
        ..*forward
    };
    forwards.iter().map(moved).collect()
}

/// Port 8080 of the host by TCP and UDP, of both families, leads to port 80 of the container.
pub(crate) fn both(host: [Option<&str>; 2], targets: [&str; 2]) -> Vec<PortForward> {
    let mut forwards = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        for (host, target) in host.iter().zip(targets) {
            forwards.push(forward(transport, *host, 8080, target));
        }
    }
    forwards
}

pub(crate) fn to_pod() -> Vec<PortForward> {
    both([None, None], ["10.1.0.2:80", "[fd00:1::2]:80"])
}

/// Answers on a port by TCP and UDP until it is dropped: with its name and the address that the question came from.
pub(crate) struct Server {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(namespace: &Namespace, address: &str, name: &'static str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let end = Arc::new(AtomicBool::new(false));
        let (udp, tcp) = namespace.run(|| {
            (
                UdpSocket::bind(address).unwrap(),
                TcpListener::bind(address).unwrap(),
            )
        });
        udp.set_read_timeout(Some(TICK)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let answer = move |peer: SocketAddr| format!("{name} {}", peer.ip().to_canonical());
        let (ended, ended_too) = (Arc::clone(&end), Arc::clone(&end));
        let threads = vec![
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    if let Ok((_, peer)) = udp.recv_from(&mut [0; 16]) {
                        udp.send_to(answer(peer).as_bytes(), peer).unwrap();
                    }
                }
            }),
            std::thread::spawn(move || {
                while !ended_too.load(Ordering::Relaxed) {
                    match tcp.accept() {
                        Ok((mut stream, peer)) => {
                            let _ = stream.write_all(answer(peer).as_bytes());
                        }
                        Err(_) => std::thread::sleep(TICK),
                    }
                }
            }),
        ];
        Self { end, threads }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Who answers a question from here to there, and whom it sees: `pod 192.0.2.2`.
pub(crate) fn answer(from: &Namespace, transport: Transport, to: &str) -> Option<String> {
    ask(from, transport, None, to, PATIENCE)
}

/// As [`answer`], where none is expected.
pub(crate) fn no_answer(from: &Namespace, transport: Transport, to: &str) -> Option<String> {
    ask(from, transport, None, to, SILENCE)
}

/// As [`answer`], from an address of the asker's choice.
pub(crate) fn answer_to(
    from: &Namespace,
    transport: Transport,
    source: &str,
    to: &str,
) -> Option<String> {
    ask(from, transport, Some(source.parse().unwrap()), to, PATIENCE)
}

fn ask(
    from: &Namespace,
    transport: Transport,
    source: Option<IpAddr>,
    to: &str,
    patience: Duration,
) -> Option<String> {
    let to: SocketAddr = to.parse().unwrap();
    from.run(|| {
        let mut buffer = [0; 64];
        let length = match transport {
            Transport::Tcp => {
                // Refused and silent are both no answer.
                let mut stream = TcpStream::connect_timeout(&to, patience).ok()?;
                stream.set_read_timeout(Some(patience)).unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).ok()?;
                return Some(text);
            }
            Transport::Udp => {
                let any = if to.is_ipv4() { "0.0.0.0" } else { "::" };
                let source = source.unwrap_or_else(|| any.parse().unwrap());
                let socket = UdpSocket::bind((source, 0)).unwrap();
                socket.set_read_timeout(Some(patience)).unwrap();
                socket.connect(to).unwrap();
                socket.send(b"who?").ok()?;
                socket.recv(&mut buffer).ok()?
            }
            Transport::Sctp => panic!("this kernel may have no SCTP sockets"),
        };
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    })
}
