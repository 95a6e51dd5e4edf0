use plan::Family;

use super::expression::{Expression, Header, Meta, Register, family_number};

/// A field of the IP header that holds an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressField {
    Source,
    Destination,
}

/// Matches packets of this family.
pub(super) fn is_family(family: Family) -> [Expression; 2] {
    let number = family_number(family);
    [
        Expression::Meta {
            meta: Meta::Family,
            into: Register::First,
        },
        Expression::Equal {
            register: Register::First,
            value: vec![number as u8],
        },
    ]
}

/// Matches packets whose address is in the set.
pub(super) fn address_in(family: Family, field: AddressField, set: &str) -> [Expression; 2] {
    [
        load(family, field, Register::First),
        Expression::Lookup {
            register: Register::First,
            set: set.to_owned(),
            negated: false,
        },
    ]
}

/// Matches packets to a multicast address: 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291, 2.7).
pub(super) fn to_multicast(family: Family) -> Vec<Expression> {
    let register = Register::First;
    let load = load(family, AddressField::Destination, register);
    match family {
        Family::Ipv4 => vec![
            load,
            Expression::Mask {
                register,
                mask: vec![0xf0, 0, 0, 0],
            },
            Expression::Equal {
                register,
                value: vec![0xe0, 0, 0, 0],
            },
        ],
        Family::Ipv6 => {
            let first_octet_of = |octet| {
                let mut address = vec![0; 16];
                if let Some(first) = address.first_mut() {
                    *first = octet;
                }
                address
            };
            vec![
                load,
                Expression::Mask {
                    register,
                    mask: first_octet_of(0xff),
                },
                Expression::Equal {
                    register,
                    value: first_octet_of(0xff),
                },
            ]
        }
    }
}

/// Loads an address.
pub(super) fn load(family: Family, field: AddressField, into: Register) -> Expression {
    let (offset, length) = place(family, field);
    Expression::Payload {
        header: Header::Network,
        offset,
        length,
        into,
    }
}

/// Offset and length of the field in the header.
fn place(family: Family, field: AddressField) -> (u32, u32) {
    match (family, field) {
        (Family::Ipv4, AddressField::Source) => (12, 4),
        (Family::Ipv4, AddressField::Destination) => (16, 4),
        (Family::Ipv6, AddressField::Source) => (8, 16),
        (Family::Ipv6, AddressField::Destination) => (24, 16),
    }
}
