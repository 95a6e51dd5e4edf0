use plan::{Family, FlowDirection, FlowRule, FlowVerdict};

use super::elements::{denied, verdicts};
use super::{FORWARD, INPUT, OUTPUT};
use crate::nft::address_key::{FAMILIES, register_after};
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
    let of_families = |rules: fn(Family, FlowDirection) -> Vec<Rule>| {
        FAMILIES
            .into_iter()
            .flat_map(move |family| rules(family, direction))
    };
    let verdicts_of = |family| {
        [FlowVerdict::Drop, FlowVerdict::Accept].map(|each| verdicts(family, direction, each))
    };
    Section {
        base_chains,
        chain: Chain {
            family: TableFamily::Inet,
            name: format!("flow-{direction}"),
        },
        rules: [established(), discovery()]
            .into_iter()
            .chain(of_families(lookups))
            .chain(of_families(|family, direction| {
                vec![deny(family, direction)]
            }))
            .collect(),
        sets: FAMILIES
            .into_iter()
            .flat_map(|family| {
                let sets = verdicts_of(family).into_iter();
                sets.chain([denied(family, direction)])
            })
            .collect(),
        address_sets: Vec::new(),
        entries: vec![Vec::new()],
        owner: format!("{direction} rules of all networks"),
    }
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

/// Drop beats accept. Packets whose protocol has no ports are looked up with port 0 first; that they meet the rules for
/// ports too makes no difference, for a box with some ports only holds protocols that have ports.
fn lookups(family: Family, direction: FlowDirection) -> Vec<Rule> {
    let rule = |port: fn(Family) -> Vec<Expression>, what: &str, verdict: FlowVerdict| {
        let mut expressions = is_family(family).to_vec();
        let (container, peer) = fields(direction);
        expressions.extend([
            load(family, container, FIRST),
            load(family, peer, register_after(family, 1)),
        ]);
        expressions.extend(port(family));
        expressions.extend([
            Expression::Lookup {
                register: FIRST,
                set: verdicts(family, direction, verdict).name,
                negated: false,
            },
            match verdict {
                FlowVerdict::Drop => Expression::Verdict(Verdict::Drop),
                FlowVerdict::Accept => returns(),
            },
        ]);
        Rule {
            comment: format!("{family}: {verdict} by {what}"),
            expressions,
        }
    };
    let (drop, accept) = (FlowVerdict::Drop, FlowVerdict::Accept);
    vec![
        rule(no_port, "protocol", drop),
        rule(destination_port, "port", drop),
        rule(no_port, "protocol", accept),
        rule(destination_port, "port", accept),
    ]
}

/// Loads the protocol and 0, if the protocol has no ports.
fn no_port(family: Family) -> Vec<Expression> {
    let (protocol, port) = registers(family);
    let mut expressions = vec![transport_protocol(protocol)];
    let differs = |number: u8| Expression::Compare {
        register: protocol,
        comparison: Comparison::Differs,
        value: vec![number],
    };
    expressions.extend(FlowRule::PROTOCOLS_WITH_PORTS.map(differs));
    expressions.push(Expression::Value {
        value: vec![0; 2],
        into: port,
    });
    expressions
}

/// Loads the protocol and what lies where TCP has its destination port.
fn destination_port(family: Family) -> Vec<Expression> {
    let (protocol, port) = registers(family);
    vec![
        transport_protocol(protocol),
        Expression::Payload {
            header: Header::Transport,
            offset: 2,
            length: 2,
            into: port,
        },
    ]
}

/// Also what can't be looked up, because it is broken, ends here. What the host sends came by no interface.
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

/// Those behind the two addresses.
fn registers(family: Family) -> (Register, Register) {
    let protocol = register_after(family, 2);
    let port = match protocol {
        Register::Word(number) => Register::Word(number + 1),
        other => other,
    };
    (protocol, port)
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
