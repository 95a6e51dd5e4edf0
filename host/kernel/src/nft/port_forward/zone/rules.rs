//! The rules that give packets their zone, and which packets come to them.

use plan::Family;

use super::super::super::expression::{Comparison, Expression, Header, Meta, Register};
use super::super::super::ip_header::{AddressField, is_family, load};
use super::super::super::rule::Rule;
use super::super::chain::{DESTINATION_PORT, to_local, words_of_address};
use super::super::element::Reach;
use super::{Packet, map};

const FIRST: Register = Register::First;
const UDP: u8 = libc::IPPROTO_UDP as u8;
const ICMP: u8 = libc::IPPROTO_ICMP as u8;
const ICMPV6: u8 = libc::IPPROTO_ICMPV6 as u8;
/// Destination unreachable, time exceeded, parameter problem (RFC 792).
const ICMP_ERRORS: [u8; 3] = [3, 11, 12];
/// The last one is parameter problem (RFC 4443); the first is 1.
const LAST_ICMPV6_ERROR: u8 = 4;
/// An error's own header.
const ERROR_HEADER: u32 = 8;
/// Version 4, and a header without options.
const PLAIN_IPV4: u8 = 0x45;

/// Offset and length of the forwarded port, behind the IP header.
pub(super) fn place_of_port(family: Family, packet: Packet) -> (u32, u32) {
    match packet {
        Packet::Datagram => DESTINATION_PORT,
        // The source port of the datagram that the error shows.
        Packet::Error => (ERROR_HEADER + ip_header(family).length, 2),
    }
}

/// An IP header in an error.
struct IpHeader {
    length: u32,
    /// Offset of the number of what follows.
    protocol: u32,
}

fn ip_header(family: Family) -> IpHeader {
    match family {
        Family::Ipv4 => IpHeader {
            length: 20,
            protocol: 9,
        },
        Family::Ipv6 => IpHeader {
            length: 40,
            protocol: 6,
        },
    }
}

/// Which packets are led to the chain.
pub(super) fn entries() -> Vec<Vec<Expression>> {
    let error_of_ipv4 = |kind| [is_protocol(ICMP), byte_is(0, kind)].concat();
    let error_of_ipv6 = Expression::Compare {
        register: FIRST,
        comparison: Comparison::AtMost,
        value: vec![LAST_ICMPV6_ERROR],
    };
    let mut entries = vec![is_protocol(UDP).to_vec()];
    entries.extend(ICMP_ERRORS.map(error_of_ipv4));
    entries.push([&is_protocol(ICMPV6)[..], &[byte(0), error_of_ipv6]].concat());
    entries
}

pub(super) fn rule(family: Family, packet: Packet, reach: Reach) -> Rule {
    let map = map(family, packet, reach).name;
    let mut expressions = is_family(family).to_vec();
    expressions.extend(is_of_kind(family, packet));
    let register_of_port = match reach {
        Reach::OneAddress => {
            expressions.push(load(family, AddressField::Destination, FIRST));
            Register::Word(words_of_address(family))
        }
        Reach::AnyAddress => {
            expressions.extend(to_local());
            FIRST
        }
    };
    let (offset, length) = place_of_port(family, packet);
    expressions.extend([
        Expression::Payload {
            header: Header::Transport,
            offset,
            length,
            into: register_of_port,
        },
        Expression::Map {
            register: FIRST,
            map: map.clone(),
            into: FIRST,
        },
        Expression::SetZoneOfOrigin { register: FIRST },
    ]);
    Rule {
        comment: map,
        expressions,
    }
}

fn is_of_kind(family: Family, packet: Packet) -> Vec<Expression> {
    let header = ip_header(family);
    let shows_udp = byte_is(ERROR_HEADER + header.protocol, UDP);
    match (packet, family) {
        (Packet::Datagram, _) => is_protocol(UDP).to_vec(),
        (Packet::Error, Family::Ipv4) => {
            let shows_plain_ipv4 = byte_is(ERROR_HEADER, PLAIN_IPV4);
            [is_protocol(ICMP), shows_plain_ipv4, shows_udp].concat()
        }
        (Packet::Error, Family::Ipv6) => [is_protocol(ICMPV6), shows_udp].concat(),
    }
}

fn is_protocol(number: u8) -> [Expression; 2] {
    let load = Expression::Meta {
        meta: Meta::TransportProtocol,
        into: FIRST,
    };
    [load, equals(number)]
}

/// Matches packets that have this byte there, behind the IP header.
fn byte_is(offset: u32, value: u8) -> [Expression; 2] {
    [byte(offset), equals(value)]
}

fn byte(offset: u32) -> Expression {
    Expression::Payload {
        header: Header::Transport,
        offset,
        length: 1,
        into: FIRST,
    }
}

fn equals(value: u8) -> Expression {
    Expression::Equal {
        register: FIRST,
        value: vec![value],
    }
}
