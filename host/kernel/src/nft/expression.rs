use plan::Family;

use super::attribute::Attributes;

/// `NFTA_LIST_ELEM`
const LIST_ELEMENT: u16 = 1;
/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFTA_DATA_VALUE`, `NFTA_DATA_VERDICT`
const VALUE: u16 = 1;
pub(super) const VERDICT: u16 = 2;
/// `NFT_FIB_RESULT_ADDRTYPE`, `NFTA_FIB_F_DADDR`
const FIB_ADDRESS_KIND: libc::c_int = 3;
const FIB_DESTINATION: libc::c_int = 2;

/// `IP_CT_DIR_ORIGINAL`
const ORIGINAL_DIRECTION: u8 = 0;

/// A register, which an expression loads and another one reads: 16 bytes. What is longer goes on in the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    First,
    Second,
    /// What is loaded here is done.
    Verdict,
    /// One of the sixteen words of 4 bytes that all registers together consist of; the first is 0.
    Word(u8),
}

/// A fact about the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meta {
    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`, one byte.
    Family,
    /// The name of the interface that it came by, 16 bytes.
    InputInterfaceName,
    /// The index of the interface that it came by, 4 bytes in the host's order; 0 or no match if it came by none.
    InputInterface,
    /// The number of its transport protocol, one byte.
    TransportProtocol,
    /// Its mark, 4 bytes in the host's order.
    Mark,
}

/// Where an offset into the packet counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Link,
    Network,
    Transport,
}

/// How a register is compared with a value, byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Differs,
    AtLeast,
    AtMost,
}

/// What a rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The packet goes on after the base chain.
    Accept,
    Drop,
    /// Go on after the jump that led here.
    Return,
    /// Go through another chain of the table first.
    Jump(String),
    /// Go through another chain of the table instead.
    GoTo(String),
}

/// One instruction of a rule. A rule's instructions are worked off until one does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// Loads a fact about the packet.
    Meta { meta: Meta, into: Register },
    /// Loads bytes of the packet.
    Payload {
        header: Header,
        offset: u32,
        length: u32,
        into: Register,
    },
    /// Keeps the register's bits that are set in the mask.
    Mask { register: Register, mask: Vec<u8> },
    /// Matches if the register holds this value.
    Equal { register: Register, value: Vec<u8> },
    /// Matches if what the register holds is in the set, or, if `negated`, is not.
    Lookup {
        register: Register,
        set: String,
        negated: bool,
    },
    /// Matches if the register compares so.
    Compare {
        register: Register,
        comparison: Comparison,
        value: Vec<u8>,
    },
    /// Sets bits of the register, as long as the value is.
    SetBits { register: Register, bits: Vec<u8> },
    /// Gives the packet the mark that the register holds.
    SetMark { register: Register },
    /// Loads what connection tracking says of the connection: `IPS_…`, 4 bytes in the host's order.
    ConnectionStatus { into: Register },
    /// Loads the kind (`RTN_…`, 4 bytes in the host's order) of the route to the packet's destination.
    DestinationKind { into: Register },
    /// Matches if what the register holds is a key of the map, and loads what it leads to.
    Map {
        register: Register,
        map: String,
        into: Register,
    },
    /// Gives the packet's connection another destination, and accepts it. The address lies in a register, the port in
    /// another.
    DestinationNat {
        family: Family,
        address: Register,
        port: Register,
    },
    /// Loads what connection tracking says of the packet: `NF_CT_STATE_BIT`s, 4 bytes in the host's order.
    ConnectionState { into: Register },
    /// Has a connection that begins with this packet tracked in the zone that the register holds, 2 bytes in the host's
    /// order; replies to it are looked for in the default zone. A packet that has a zone already keeps it.
    SetZoneOfOrigin { register: Register },
    /// Decides.
    Verdict(Verdict),
    /// Gives the packet's connection the address of the interface that it leaves by, and accepts it.
    Masquerade,
}

impl Expression {
    /// Appends the expressions to a rule's list.
    pub(super) fn encode_all(expressions: &[Self], list: &mut Attributes<'_>) {
        expressions
            .iter()
            .for_each(|expression| expression.encode(list));
    }

    fn encode(&self, list: &mut Attributes<'_>) {
        list.nest(LIST_ELEMENT, |expression| {
            expression
                .text(NAME, self.name())
                .nest(DATA, |data| self.encode_data(data));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } | Self::SetMark { .. } => "meta",
            Self::Payload { .. } => "payload",
            Self::Mask { .. } | Self::SetBits { .. } => "bitwise",
            Self::Equal { .. } | Self::Compare { .. } => "cmp",
            Self::Lookup { .. } | Self::Map { .. } => "lookup",
            Self::ConnectionStatus { .. }
            | Self::ConnectionState { .. }
            | Self::SetZoneOfOrigin { .. } => "ct",
            Self::DestinationKind { .. } => "fib",
            Self::DestinationNat { .. } => "nat",
            Self::Verdict(_) => "immediate",
            Self::Masquerade => "masq",
        }
    }

    /// The numbers are those of `NFTA_META_…`, `NFTA_PAYLOAD_…` and so on.
    fn encode_data(&self, data: &mut Attributes<'_>) {
        match self {
            Self::Meta { meta, into } => data.code(1, into.number()).code(2, meta.number()),
            Self::Payload {
                header,
                offset,
                length,
                into,
            } => data
                .code(1, into.number())
                .code(2, header.number())
                .u32(3, *offset)
                .u32(4, *length),
            Self::Mask { register, mask } => data
                .code(1, register.number())
                .code(2, register.number())
                .u32(3, mask.len() as u32)
                .nest(4, |value| {
                    value.bytes(VALUE, mask);
                })
                .nest(5, |value| {
                    value.bytes(VALUE, &vec![0; mask.len()]);
                }),
            Self::Equal { register, value } => data
                .code(1, register.number())
                .code(2, libc::NFT_CMP_EQ)
                .nest(3, |data| {
                    data.bytes(VALUE, value);
                }),
            Self::Lookup {
                register,
                set,
                negated,
            } => data
                .text(1, set)
                .code(2, register.number())
                .code(5, if *negated { libc::NFT_LOOKUP_F_INV } else { 0 }),
            Self::Compare {
                register,
                comparison,
                value,
            } => data
                .code(1, register.number())
                .code(2, comparison.number())
                .nest(3, |data| {
                    data.bytes(VALUE, value);
                }),
            Self::SetBits { register, bits } => {
                let kept: Vec<_> = bits.iter().map(|byte| !byte).collect();
                data.code(1, register.number())
                    .code(2, register.number())
                    .u32(3, bits.len() as u32)
                    .nest(4, |value| {
                        value.bytes(VALUE, &kept);
                    })
                    .nest(5, |value| {
                        value.bytes(VALUE, bits);
                    })
            }
            Self::SetMark { register } => {
                data.code(2, libc::NFT_META_MARK).code(3, register.number())
            }
            Self::ConnectionStatus { into } => {
                data.code(1, into.number()).code(2, libc::NFT_CT_STATUS)
            }
            Self::DestinationKind { into } => data
                .code(1, into.number())
                .code(2, FIB_ADDRESS_KIND)
                .code(3, FIB_DESTINATION),
            Self::Map {
                register,
                map,
                into,
            } => data
                .text(1, map)
                .code(2, register.number())
                .code(3, into.number()),
            Self::DestinationNat {
                family,
                address,
                port,
            } => data
                .code(1, libc::NFT_NAT_DNAT)
                .code(2, family_number(*family))
                .code(3, address.number())
                .code(5, port.number()),
            Self::ConnectionState { into } => {
                data.code(1, into.number()).code(2, libc::NFT_CT_STATE)
            }
            Self::SetZoneOfOrigin { register } => data
                .code(2, libc::NFT_CT_ZONE)
                .bytes(3, &[ORIGINAL_DIRECTION])
                .code(4, register.number()),
            Self::Verdict(verdict) => data.code(1, libc::NFT_REG_VERDICT).nest(2, |data| {
                data.nest(VERDICT, |data| verdict.encode(data));
            }),
            Self::Masquerade => data,
        };
    }
}

impl Verdict {
    /// `NFTA_VERDICT_CODE`, `NFTA_VERDICT_CHAIN`
    pub(super) fn encode(&self, data: &mut Attributes<'_>) {
        match self {
            Self::Accept => data.code(1, libc::NF_ACCEPT),
            Self::Drop => data.code(1, libc::NF_DROP),
            Self::Return => data.code(1, libc::NFT_RETURN),
            Self::Jump(chain) => data.code(1, libc::NFT_JUMP).text(2, chain),
            Self::GoTo(chain) => data.code(1, libc::NFT_GOTO).text(2, chain),
        };
    }
}

impl Register {
    fn number(self) -> libc::c_int {
        match self {
            Self::First => libc::NFT_REG_1,
            Self::Second => libc::NFT_REG_2,
            Self::Verdict => libc::NFT_REG_VERDICT,
            Self::Word(number) => libc::NFT_REG32_00 + libc::c_int::from(number),
        }
    }
}

impl Meta {
    fn number(self) -> libc::c_int {
        match self {
            Self::Family => libc::NFT_META_NFPROTO,
            Self::InputInterfaceName => libc::NFT_META_IIFNAME,
            Self::InputInterface => libc::NFT_META_IIF,
            Self::TransportProtocol => libc::NFT_META_L4PROTO,
            Self::Mark => libc::NFT_META_MARK,
        }
    }
}

impl Comparison {
    fn number(self) -> libc::c_int {
        match self {
            Self::Differs => libc::NFT_CMP_NEQ,
            Self::AtLeast => libc::NFT_CMP_GTE,
            Self::AtMost => libc::NFT_CMP_LTE,
        }
    }
}

impl Header {
    fn number(self) -> libc::c_int {
        match self {
            Self::Link => libc::NFT_PAYLOAD_LL_HEADER,
            Self::Network => libc::NFT_PAYLOAD_NETWORK_HEADER,
            Self::Transport => libc::NFT_PAYLOAD_TRANSPORT_HEADER,
        }
    }
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`
pub(super) fn family_number(family: Family) -> libc::c_int {
    match family {
        Family::Ipv4 => libc::NFPROTO_IPV4,
        Family::Ipv6 => libc::NFPROTO_IPV6,
    }
}

/// The chain that one of a rule's expressions, as the kernel gives them back, jumps to.
pub(super) fn jump_target(list: &[u8]) -> Option<&str> {
    use super::attribute::{each, find, text_of};
    each(list).find_map(|(_, expression)| {
        let data = match text_of(find(expression, NAME)?)? {
            "immediate" => find(expression, DATA)?,
            _ => return None,
        };
        text_of(find(find(find(data, 2)?, VERDICT)?, 2)?)
    })
}

/// The list of a rule that consists of these expressions.
#[cfg(test)]
pub(super) fn encoded(expressions: &[Expression]) -> Vec<u8> {
    let mut buffer = Vec::new();
    Expression::encode_all(expressions, &mut Attributes::new(&mut buffer));
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those that `nft --debug=mnl add rule … != @spoof drop` shows.
    #[test]
    fn a_lookup_has_the_attributes_that_nft_sends() {
        let lookup = Expression::Lookup {
            register: Register::First,
            set: "spoof".into(),
            negated: true,
        };
        let wanted = [
            &[0x30, 0, 1, 0x80][..],
            &[11, 0, 1, 0],
            b"lookup\0\0",
            &[0x20, 0, 2, 0x80],
            &[10, 0, 1, 0],
            b"spoof\0\0\0",
            &[8, 0, 2, 0, 0, 0, 0, 1],
            &[8, 0, 5, 0, 0, 0, 0, 1],
        ];
        assert_eq!(encoded(&[lookup]), wanted.concat());
    }

    /// The numbers are those that `nft --debug=mnl add rule … ct original zone set …` shows.
    #[test]
    fn a_zone_has_the_attributes_that_nft_sends() {
        let zone = Expression::SetZoneOfOrigin {
            register: Register::First,
        };
        let wanted = [
            &[0x28, 0, 1, 0x80][..],
            &[7, 0, 1, 0],
            b"ct\0\0",
            &[0x1c, 0, 2, 0x80],
            &[8, 0, 2, 0, 0, 0, 0, 17],
            &[5, 0, 3, 0, 0, 0, 0, 0],
            &[8, 0, 4, 0, 0, 0, 0, 1],
        ];
        assert_eq!(encoded(&[zone]), wanted.concat());
    }

    #[test]
    fn a_jump_is_found_among_other_expressions() {
        let jump = Expression::Verdict(Verdict::Jump("there".into()));
        let list = encoded(&[Expression::Masquerade, jump]);
        assert_eq!(jump_target(&list), Some("there"));
        for other in [Expression::Masquerade, Expression::Verdict(Verdict::Drop)] {
            assert_eq!(jump_target(&encoded(&[other])), None);
        }
    }
}
