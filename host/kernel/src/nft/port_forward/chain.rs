//! The chains of one way of forwarding.

use ipnet::{IpNet, Ipv4Net};
use plan::{Family, ForwardTag, PortForwardChain, SourceNat};

use super::super::address_key::{key, number};
use super::super::chain::{BaseChain, Chain};
use super::super::expression::{Comparison, Expression, Header, Meta, Register};
use super::super::interval::Intervals;
use super::super::ip_header::{AddressField, address_in, is_family, load};
use super::super::rule::Rule;
use super::super::section::{AddressSet, Section};
use super::super::set::Set;
use super::super::table::TableFamily;
use super::condition;
use super::element::{Reach, map};

const PREFIX: &str = "ports-";

/// Behind dstnat: what kube-proxy and others forward is theirs.
const BEHIND_SERVICES: i32 = libc::NF_IP_PRI_NAT_DST + 5;
/// Before srcnat: what others masquerade would keep the mark.
const BEFORE_MASQUERADE: i32 = libc::NF_IP_PRI_NAT_SRC - 5;

pub(in crate::nft) const FORWARDING: &[BaseChain] = &[
    base_chain(
        "ports-prerouting",
        libc::NF_INET_PRE_ROUTING,
        BEHIND_SERVICES,
    ),
    base_chain("ports-output", libc::NF_INET_LOCAL_OUT, BEHIND_SERVICES),
];
const SOURCE_NAT: &[BaseChain] = &[base_chain(
    "ports-postrouting",
    libc::NF_INET_POST_ROUTING,
    BEFORE_MASQUERADE,
)];

const fn base_chain(name: &'static str, hook: libc::c_int, priority: i32) -> BaseChain {
    BaseChain {
        family: TableFamily::Inet,
        name,
        kind: "nat",
        hook,
        priority,
    }
}

/// `IPS_DST_NAT` (include/uapi/linux/netfilter/nf_conntrack_common.h).
const DESTINATION_CHANGED: u32 = 1 << 5;
/// `RTN_LOCAL`
const LOCAL: u32 = libc::RTN_LOCAL as u32;
/// Offset of the destination port in the header of TCP, UDP and SCTP, and its length.
pub(super) const DESTINATION_PORT: (u32, u32) = (2, 2);

const FIRST: Register = Register::First;

/// The chain that forwards, and the one that replaces source addresses.
pub(crate) fn sections(chain: &PortForwardChain) -> Vec<Section> {
    let mut sections = vec![forwarding(chain)];
    if chain.source_nat != SourceNat::Never {
        sections.push(source_nat(chain.mark_bit));
    }
    sections
}

fn forwarding(chain: &PortForwardChain) -> Section {
    let tag = chain.tag;
    let near = chain.source_nat == SourceNat::Local;
    Section {
        base_chains: FORWARDING,
        chain: Chain {
            family: TableFamily::Inet,
            name: format!("{PREFIX}{tag}"),
        },
        entries: condition::entries(&chain.conditions),
        rules: Family::ALL
            .into_iter()
            .flat_map(|family| rules(family, chain))
            .collect(),
        sets: Family::ALL
            .into_iter()
            .flat_map(|family| {
                [Reach::OneAddress, Reach::AnyAddress].map(|reach| map(family, reach, tag))
            })
            .collect(),
        address_sets: Family::ALL
            .into_iter()
            .filter(|_| near)
            .map(|family| AddressSet {
                set: near_set(family, tag),
                family,
                wanted: near_addresses(family, &chain.subnets),
                grows: true,
            })
            .collect(),
        map_entry: None,
        owner: owner(&chain.network),
    }
}

/// The way of forwarding whose chain has this name.
pub(crate) fn tag_of(chain: &str) -> Option<ForwardTag> {
    let tag = chain.strip_prefix(PREFIX)?;
    ForwardTag::try_from(tag.to_owned()).ok()
}

/// What the mark of a network's chain says.
pub(in crate::nft) fn owner(network: &str) -> String {
    format!("host ports of network {network}")
}

/// Addresses that can't reach a forwarded port with their own: an answer to the host's loopback would not leave the
/// container, one to a neighbour would take the short way.
fn near_addresses(family: Family, subnets: &[IpNet]) -> Intervals {
    let loopback = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::LOCALHOST, 8));
    let networks = [subnets, &[loopback.trunc()]].concat();
    Intervals::of(family, &networks)
}

fn near_set(family: Family, tag: ForwardTag) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("near{}-{tag}", number(family)),
        key: key(family),
        intervals: true,
        data: None,
    }
}

fn rules(family: Family, chain: &PortForwardChain) -> Vec<Rule> {
    let rule = |comment: &str, parts: &[&[Expression]]| Rule {
        comment: format!("{family}: {comment}"),
        expressions: [&is_family(family)[..], &parts.concat()].concat(),
    };
    let bit = mark_bits(chain.mark_bit);
    let marked = match chain.source_nat {
        SourceNat::Never => None,
        SourceNat::Local => {
            let set = near_set(family, chain.tag);
            Some(address_in(family, AddressField::Source, &set.name).to_vec())
        }
        SourceNat::Always => Some(Vec::new()),
    };
    let mut rules = Vec::new();
    if let Some(matches) = &marked {
        let set = Expression::SetBits {
            register: FIRST,
            bits: bit.to_vec(),
        };
        rules.push(rule("mark for source NAT", &[matches, &change_mark(set)]));
    }
    rules.push(rule(
        "ports of one address",
        &[
            &[load(family, AddressField::Destination, Register::First)],
            &forward(family, Reach::OneAddress, chain.tag),
        ],
    ));
    rules.push(rule(
        "ports of every local address",
        &[&to_local(), &forward(family, Reach::AnyAddress, chain.tag)],
    ));
    // What was forwarded does not come here.
    if let Some(matches) = &marked {
        rules.push(rule("not forwarded, no mark", &[matches, &clear_mark(bit)]));
    }
    rules
}

/// Only packets to the host itself: what it routes for others has ports of theirs (CVE-2025-67499).
pub(super) fn to_local() -> [Expression; 2] {
    [
        Expression::DestinationKind { into: FIRST },
        Expression::Equal {
            register: FIRST,
            value: LOCAL.to_ne_bytes().to_vec(),
        },
    ]
}

/// Looks protocol and port up, behind an address that lies in the first registers, and forwards what is found.
fn forward(family: Family, reach: Reach, tag: ForwardTag) -> [Expression; 4] {
    let words = words_of_address(family);
    let start = match reach {
        Reach::OneAddress => words,
        Reach::AnyAddress => 0,
    };
    let (offset, length) = DESTINATION_PORT;
    [
        Expression::Meta {
            meta: Meta::TransportProtocol,
            into: Register::Word(start),
        },
        Expression::Payload {
            header: Header::Transport,
            offset,
            length,
            into: Register::Word(start + 1),
        },
        Expression::Map {
            register: FIRST,
            map: map(family, reach, tag).name,
            into: FIRST,
        },
        Expression::DestinationNat {
            family,
            address: FIRST,
            port: Register::Word(words),
        },
    ]
}

/// Of 4 bytes, as registers are counted.
pub(super) fn words_of_address(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 4,
    }
}

/// One for all networks that use this bit.
fn source_nat(mark_bit: u8) -> Section {
    let bit = mark_bits(mark_bit);
    let is_set = |into, bits: [u8; 4]| {
        [
            into,
            Expression::Mask {
                register: FIRST,
                mask: bits.to_vec(),
            },
            Expression::Compare {
                register: FIRST,
                comparison: Comparison::Differs,
                value: vec![0; bits.len()],
            },
        ]
    };
    let marked = is_set(load_mark(), bit);
    let forwarded = is_set(
        Expression::ConnectionStatus { into: FIRST },
        DESTINATION_CHANGED.to_ne_bytes(),
    );
    Section {
        base_chains: SOURCE_NAT,
        chain: Chain {
            family: TableFamily::Inet,
            name: format!("ports-snat-{mark_bit}"),
        },
        entries: vec![Vec::new()],
        rules: vec![Rule {
            comment: "forwarded and marked".to_owned(),
            expressions: [
                &marked[..],
                &forwarded,
                &clear_mark(bit),
                &[Expression::Masquerade],
            ]
            .concat(),
        }],
        sets: Vec::new(),
        address_sets: Vec::new(),
        map_entry: None,
        owner: format!("source NAT of host ports, mark bit {mark_bit}"),
    }
}

/// A mark is a number in the host's byte order.
fn mark_bits(bit: u8) -> [u8; 4] {
    1_u32.checked_shl(u32::from(bit)).unwrap_or(0).to_ne_bytes()
}

fn load_mark() -> Expression {
    Expression::Meta {
        meta: Meta::Mark,
        into: FIRST,
    }
}

fn clear_mark(bits: [u8; 4]) -> [Expression; 3] {
    change_mark(Expression::Mask {
        register: FIRST,
        mask: bits.map(|byte| !byte).to_vec(),
    })
}

fn change_mark(change: Expression) -> [Expression; 3] {
    [load_mark(), change, Expression::SetMark { register: FIRST }]
}
