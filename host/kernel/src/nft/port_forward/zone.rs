//! Where datagrams to forwarded ports are tracked.
//!
//! The way of a datagram is decided once, when its connection is tracked: a peer that keeps sending would stay on the way to
//! the port's last holder, or to the host itself. So each attachment has its datagrams tracked in a zone of its own. What
//! others send to the port, or to it later, is in another zone, finds no entry and has its way decided anew; entries that
//! no packet finds end by their timeout. Streams begin anew by themselves.
//!
//! The zone counts for the direction in which a connection begins. Replies are looked for in the default zone, so nobody
//! has to know theirs; where an old entry has the very same reply (the container's address is given out again), the kernel
//! gives the new connection another source port.
//!
//! ```text
//! table inet wasm-cni {
//!   chain raw-prerouting { type filter hook prerouting priority raw; policy accept; <kinds of packets> jump zones }
//!   chain raw-output     { type filter hook output     priority raw; policy accept; <kinds of packets> jump zones }
//!   chain zones {                                                          # the same for IPv6
//!     meta l4proto udp ct original zone set ip daddr . udp dport map @zones-host4
//!     meta l4proto udp fib daddr type local ct original zone set udp dport map @zones-any4
//!     meta l4proto icmp <a datagram's error> ct original zone set ip daddr . @th,224,16 map @error-zones-host4
//!     meta l4proto icmp <a datagram's error> fib daddr type local ct original zone set @th,224,16 map @error-zones-any4
//!   }
//! }
//! ```
//!
//! The last two are for peers that refuse what the container sends them, and routers for which it is too large: the kernel
//! looks for the connection of the datagram that the error shows in the zone of the error. That datagram came from the
//! address that the error goes to, and from the forwarded port.
//!
//! Priority raw is behind defragmentation and before connection tracking. The first zone that is set holds, so a port of
//! one address comes before the same port of every address. Conditions of a network are not asked: a packet that does not
//! meet them is tracked in the zone, and goes where it goes without.

mod rules;

use std::collections::BTreeSet;

use plan::{ConnectionZone, Family, Mismatch, PortForward, Transport};

use super::super::batch::Batch;
use super::super::chain::{BaseChain, Chain};
use super::super::element::Element;
use super::super::loopback_guard::RAW_PREROUTING;
use super::super::section::{Section, current_generation, was_overtaken};
use super::super::set::{KeyType, Set, Term};
use super::super::table::TableFamily;
use super::super::{ATTEMPTS, Base, Nft, NftError, verify};
use super::element::{Reach, reach_of};
use rules::{entries, place_of_port, rule};

const BASE_CHAINS: &[BaseChain] = &[
    RAW_PREROUTING,
    BaseChain {
        family: TableFamily::Inet,
        name: "raw-output",
        kind: "filter",
        hook: libc::NF_INET_LOCAL_OUT,
        priority: libc::NF_IP_PRI_RAW,
    },
];

/// What a packet is, of those that have a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packet {
    /// To the port.
    Datagram,
    /// An error about a datagram from the port.
    Error,
}

const PACKETS: [Packet; 2] = [Packet::Datagram, Packet::Error];

impl Nft {
    /// Makes what is missing of the objects that give datagrams to ports their zone. One request if all is there.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_connection_zones(&mut self) -> Result<Base, NftError> {
        self.ensure(&section())
    }

    /// What is not as [`Nft::ensure_connection_zones`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_connection_zones(&mut self) -> Result<Vec<Mismatch>, NftError> {
        verify::section(&mut self.connection, &section())
    }

    /// The zone that the maps have for a port, whatever its own is.
    pub(super) fn zone_of(
        &mut self,
        forward: &PortForward,
    ) -> Result<Option<ConnectionZone>, NftError> {
        let Some((map, key)) = keys(forward).into_iter().next() else {
            return Ok(None);
        };
        let found = self.found(&map, &Element::key(key))?;
        Ok(found.as_ref().and_then(read))
    }

    /// Removes zones of ports that are not forwarded any more. Reads every map, so it is not for every call.
    pub(in crate::nft) fn forget_idle_zones(&mut self) -> Result<(), NftError> {
        for _ in 0..ATTEMPTS {
            match self.forget_idle_zones_once() {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: "zones of host ports".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    fn forget_idle_zones_once(&mut self) -> Result<(), NftError> {
        // A port that is forwarded meanwhile makes the batch fail.
        let mut batch = Batch::new(Some(current_generation(&mut self.connection)?));
        let forwarded = self.forwarded_ports()?;
        let forwards = forwarded.iter().flat_map(|each| &each.forwards);
        let used: BTreeSet<_> = forwards
            .flat_map(keys)
            .map(|(map, key)| (map.name, key))
            .collect();
        for map in maps() {
            let found = self
                .connection
                .dump(&Element::request_all(&map), Element::decode)?;
            let idle = found
                .into_iter()
                .filter(|element| !used.contains(&(map.name.clone(), element.key.clone())));
            batch.delete_elements(&map, &idle.collect::<Vec<_>>());
        }
        self.connection.commit(batch)
    }
}

/// The chain and all that belongs to it.
pub(in crate::nft) fn section() -> Section {
    Section {
        base_chains: BASE_CHAINS,
        chain: Chain {
            family: TableFamily::Inet,
            name: "zones".to_owned(),
        },
        entries: entries(),
        rules: variants()
            .map(|(family, packet, reach)| rule(family, packet, reach))
            .collect(),
        sets: maps().collect(),
        address_sets: Vec::new(),
        map_entry: None,
        owner: "zones of host ports".to_owned(),
    }
}

/// The elements of a port that has a zone, each with its map; none of another.
pub(super) fn elements(forward: &PortForward) -> Vec<(Set, Element)> {
    let Some(zone) = forward.zone else {
        return Vec::new();
    };
    let data = zone.number().to_ne_bytes();
    keys(forward)
        .into_iter()
        .map(|(map, key)| (map, Element::leading_to(key, data)))
        .collect()
}

/// The keys of a port in the maps; only a UDP port has some.
fn keys(forward: &PortForward) -> Vec<(Set, Vec<u8>)> {
    if forward.transport != Transport::Udp {
        return Vec::new();
    }
    let family = Family::of(forward.target.ip());
    let (reach, mut key) = reach_of(forward);
    key.extend(forward.host_port.to_be_bytes());
    if reach == Reach::OneAddress {
        // Each of several parts fills whole registers of 4 bytes.
        key.extend([0; 2]);
    }
    let of = |packet| (map(family, packet, reach), key.clone());
    PACKETS.map(of).to_vec()
}

fn read(element: &Element) -> Option<ConnectionZone> {
    let data = element.data.as_deref()?.first_chunk()?;
    ConnectionZone::of_number(u16::from_ne_bytes(*data))
}

/// In the order of the rules.
fn variants() -> impl Iterator<Item = (Family, Packet, Reach)> {
    Family::ALL.into_iter().flat_map(|family| {
        PACKETS.into_iter().flat_map(move |packet| {
            [Reach::OneAddress, Reach::AnyAddress].map(|reach| (family, packet, reach))
        })
    })
}

fn maps() -> impl Iterator<Item = Set> {
    variants().map(|(family, packet, reach)| map(family, packet, reach))
}

fn map(family: Family, packet: Packet, reach: Reach) -> Set {
    let (number, address) = match family {
        Family::Ipv4 => (4, KeyType::IPV4_ADDRESS.given_as(Term::Ipv4Destination)),
        Family::Ipv6 => (6, KeyType::IPV6_ADDRESS.given_as(Term::Ipv6Destination)),
    };
    let (offset, length) = place_of_port(family, packet);
    let (prefix, port) = match packet {
        Packet::Datagram => ("", KeyType::PORT.given_as(Term::DatagramPort)),
        Packet::Error => (
            "error-",
            KeyType::NUMBER.given_as(Term::Transport {
                offset: offset * 8,
                length: length * 8,
            }),
        ),
    };
    let (kind, key) = match reach {
        Reach::OneAddress => ("host", address.then(port)),
        Reach::AnyAddress => ("any", port),
    };
    Set {
        family: TableFamily::Inet,
        name: format!("{prefix}zones-{kind}{number}"),
        key,
        intervals: false,
        data: Some(KeyType::CONNECTION_ZONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(transport: Transport, host: Option<&str>, target: &str) -> PortForward {
        PortForward {
            transport,
            host_address: host.map(|text| text.parse().unwrap()),
            host_port: 0x1234,
            target: target.parse().unwrap(),
            zone: ConnectionZone::of_number(0x0102),
        }
    }

    #[test]
    fn a_port_has_a_zone_for_datagrams_and_one_for_errors() {
        let zone = 0x0102_u16.to_ne_bytes().to_vec();
        let of_one = [192, 0, 2, 1, 0x12, 0x34, 0, 0].to_vec();
        for (host, target, names, key) in [
            (
                Some("192.0.2.1"),
                "10.1.0.2:53",
                ["zones-host4", "error-zones-host4"],
                of_one,
            ),
            (
                None,
                "[fd00::2]:53",
                ["zones-any6", "error-zones-any6"],
                vec![0x12, 0x34],
            ),
        ] {
            let elements = elements(&forward(Transport::Udp, host, target));
            assert_eq!(elements.len(), names.len());
            for ((map, element), name) in elements.iter().zip(names) {
                assert_eq!(map.name, name);
                assert_eq!(element.key, key, "{name}");
                assert_eq!(element.data.as_ref(), Some(&zone), "{name}");
                assert_eq!(read(element), ConnectionZone::of_number(0x0102));
            }
        }
    }

    #[test]
    fn streams_have_none() {
        for transport in [Transport::Tcp, Transport::Sctp] {
            assert_eq!(elements(&forward(transport, None, "10.1.0.2:53")), []);
        }
    }
}
