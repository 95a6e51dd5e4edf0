use plan::{Family, FlowDirection, FlowVerdict};

use super::elements::{denied, judged, verdicts};
use super::shard::{self, Shard};
use super::{FORWARD, INPUT, OUTPUT};
use crate::nft::address_key::words;
use crate::nft::chain::{BaseChain, Chain};
use crate::nft::connection_state::established_or_related;
use crate::nft::expression::{Comparison, Expression, Header, Meta, Register, Verdict};
use crate::nft::ip_header::{AddressField, address_in, is_family, load};
use crate::nft::rule::Rule;
use crate::nft::section::Section;
use crate::nft::table::TableFamily;

const FIRST: Register = Register::Word(0);
/// Of the IPv6 header.
const HOP_LIMIT_OFFSET: u32 = 7;
/// Neighbour discovery (RFC 4861): router solicitation to neighbour advertisement.
const DISCOVERY: (u8, u8) = (133, 136);
/// RFC 4861, 6.1 and 7.1: proves that no router forwarded the packet.
const HOP_LIMIT: u8 = 255;

const EGRESS_CHAINS: &[BaseChain] = &[FORWARD, INPUT];
const INGRESS_CHAINS: &[BaseChain] = &[FORWARD, OUTPUT];

/// The chains of ingress and egress, with all that belongs to them.
pub(super) fn sections() -> [Section; 2] {
    [
        section(FlowDirection::Ingress, INGRESS_CHAINS),
        section(FlowDirection::Egress, EGRESS_CHAINS),
    ]
}

fn section(direction: FlowDirection, base_chains: &'static [BaseChain]) -> Section {
    Section {
        base_chains,
        chain: Chain {
            family: TableFamily::Inet,
            name: format!("flow-{direction}"),
        },
        rules: [established(), discovery()]
            .into_iter()
            .chain(Family::ALL.map(|each| to_shard(each, direction)))
            .chain(Family::ALL.map(|each| deny(each, direction)))
            .collect(),
        sets: Family::ALL
            .into_iter()
            .flat_map(|family| [denied(family, direction), judged(family, direction)])
            .chain(shard::maps(direction))
            .collect(),
        address_sets: Vec::new(),
        map_entry: None,
        entries: vec![Vec::new()],
        owner: format!("{direction} rules of all networks"),
    }
}

/// The rules of a shard's chain.
pub(super) fn of_shard(shard: Shard) -> Vec<Rule> {
    let Shard {
        family, direction, ..
    } = shard;
    let [drop, accept] = lookups(shard);
    vec![
        drop,
        accept,
        deny(family, direction),
        complete(),
        incomplete(family, direction),
    ]
}

fn established() -> Rule {
    Rule {
        comment: "goes on".to_owned(),
        expressions: [established_or_related(), vec![returns()]].concat(),
    }
}

/// Without it a link works no more; it has nothing to do with flows.
fn discovery() -> Rule {
    let byte = |header, offset| Expression::Payload {
        header,
        offset,
        length: 1,
        into: FIRST,
    };
    let equal = |value: u8| Expression::Equal {
        register: FIRST,
        value: vec![value],
    };
    let compare = |comparison, value: u8| Expression::Compare {
        register: FIRST,
        comparison,
        value: vec![value],
    };
    let mut expressions = is_family(Family::Ipv6).to_vec();
    expressions.extend([
        transport_protocol(FIRST),
        equal(libc::IPPROTO_ICMPV6 as u8),
        byte(Header::Network, HOP_LIMIT_OFFSET),
        equal(HOP_LIMIT),
        byte(Header::Transport, 0),
        compare(Comparison::AtLeast, DISCOVERY.0),
        compare(Comparison::AtMost, DISCOVERY.1),
        returns(),
    ]);
    Rule {
        comment: "neighbour discovery".to_owned(),
        expressions,
    }
}

/// Leads to the chain of all containers whose addresses end as this one, if it is there. From there no packet comes back.
fn to_shard(family: Family, direction: FlowDirection) -> Rule {
    let (container, _) = fields(direction);
    let mut expressions = is_family(family).to_vec();
    expressions.extend([
        load(family, container, FIRST),
        Expression::Mask {
            register: FIRST,
            mask: shard::low_bits(family, shard::BITS),
        },
        Expression::Map {
            register: FIRST,
            map: shard::map(family, direction).name,
            into: Register::Verdict,
        },
    ]);
    Rule {
        comment: format!("{family}: rules of the address"),
        expressions,
    }
}

/// Drop beats accept. That packets are looked up with what lies where TCP has its port makes no difference to protocols
/// without ports: a box with some ports only holds protocols that have ports. Zero in its place would make a rule that
/// `nft` lists, and can't load again.
fn lookups(shard: Shard) -> [Rule; 2] {
    let family = shard.family;
    let rule = |verdict: FlowVerdict| {
        let (container, peer) = fields(shard.direction);
        let [at_peer, at_protocol, at_port] = registers(family);
        let mut expressions = is_family(family).to_vec();
        expressions.extend([
            load(family, container, FIRST),
            load(family, peer, at_peer),
            transport_protocol(at_protocol),
            destination_port(at_port),
            Expression::Lookup {
                register: FIRST,
                set: verdicts(shard, verdict).name,
                negated: false,
            },
            match verdict {
                FlowVerdict::Drop => Expression::Verdict(Verdict::Drop),
                FlowVerdict::Accept => returns(),
            },
        ]);
        Rule {
            comment: format!("{family}: {verdict}"),
            expressions,
        }
    };
    [rule(FlowVerdict::Drop), rule(FlowVerdict::Accept)]
}

/// What could be looked up.
fn complete() -> Rule {
    Rule {
        comment: "judged".to_owned(),
        expressions: vec![
            destination_port(FIRST),
            Expression::Compare {
                register: FIRST,
                comparison: Comparison::AtLeast,
                value: vec![0; 2],
            },
            returns(),
        ],
    }
}

/// What is too short to have a port, or has no transport header that can be found, matched none of the rules above and is
/// no way around them.
fn incomplete(family: Family, direction: FlowDirection) -> Rule {
    let (container, _) = fields(direction);
    let mut expressions = is_family(family).to_vec();
    expressions.extend(address_in(
        family,
        container,
        &judged(family, direction).name,
    ));
    expressions.push(Expression::Verdict(Verdict::Drop));
    Rule {
        comment: format!("{family}: too short to be judged"),
        expressions,
    }
}

/// What the host sends came by no interface.
fn deny(family: Family, direction: FlowDirection) -> Rule {
    let (container, _) = fields(direction);
    let mut expressions = is_family(family).to_vec();
    expressions.extend(address_in(
        family,
        container,
        &denied(family, direction).name,
    ));
    expressions.extend([
        Expression::Meta {
            meta: Meta::InputInterface,
            into: FIRST,
        },
        Expression::Compare {
            register: FIRST,
            comparison: Comparison::Differs,
            value: vec![0; 4],
        },
        Expression::Verdict(Verdict::Drop),
    ]);
    Rule {
        comment: format!("{family}: denied by default"),
        expressions,
    }
}

/// Where a packet carries the container's address and its peer's.
fn fields(direction: FlowDirection) -> (AddressField, AddressField) {
    match direction {
        FlowDirection::Ingress => (AddressField::Destination, AddressField::Source),
        FlowDirection::Egress => (AddressField::Source, AddressField::Destination),
    }
}

/// Behind the container's address: the peer's, protocol, port.
fn registers(family: Family) -> [Register; 3] {
    let words = words(family);
    [words, 2 * words, 2 * words + 1].map(Register::Word)
}

fn destination_port(into: Register) -> Expression {
    Expression::Payload {
        header: Header::Transport,
        offset: 2,
        length: 2,
        into,
    }
}

fn transport_protocol(into: Register) -> Expression {
    Expression::Meta {
        meta: Meta::TransportProtocol,
        into,
    }
}

fn returns() -> Expression {
    Expression::Verdict(Verdict::Return)
}
