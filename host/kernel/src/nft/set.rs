mod listing;

use super::attribute::{Attributes, find, text_of};
use super::batch::{Batch, Message};
use super::error::{Object, Operation};
use super::socket::Request;
use super::table::TableFamily;
use super::{Nft, NftError};

pub(super) use listing::Term;

/// `NFTA_SET_…`
mod attribute {
    pub(super) const NAME: u16 = 2;
    pub(super) const FLAGS: u16 = 3;
    pub(super) const KEY_TYPE: u16 = 4;
    pub(super) const KEY_LENGTH: u16 = 5;
    pub(super) const DATA_TYPE: u16 = 6;
    pub(super) const DATA_LENGTH: u16 = 7;
    pub(super) const DESCRIPTION: u16 = 9;
    pub(super) const ID: u16 = 10;
    pub(super) const USERDATA: u16 = 13;
}

/// `NFTA_SET_DESC_CONCAT`, `NFTA_LIST_ELEM`, `NFTA_SET_FIELD_LEN`
mod description {
    pub(super) const PARTS: u16 = 2;
    pub(super) const PART: u16 = 1;
    pub(super) const LENGTH: u16 = 1;
}
/// `NFT_SET_CONCAT`: elements hold a range of each part (Linux 5.6).
const RANGES_OF_PARTS: libc::c_int = 0x80;
/// A key has so many parts at most.
const MOST_PARTS: usize = 5;

/// What a set's keys are, or what a map's keys lead to. Only the length matters to the kernel; number and byte order tell `nft`, which numbers its data
/// types (include/datatype.h there), how to list the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyType {
    number: u32,
    /// In bytes.
    length: u32,
    in_host_order: bool,
    /// Those that it has come first.
    parts: [Part; MOST_PARTS],
}

/// A part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// In bytes; 0 where there is none.
    length: u8,
    /// Where `nft` shall list it by an expression instead of its type.
    term: Option<Term>,
}

impl Part {
    const NONE: Self = Self {
        length: 0,
        term: None,
    };
}

impl KeyType {
    pub(super) const IPV4_ADDRESS: Self = Self::in_network_order(7, 4);
    pub(super) const IPV6_ADDRESS: Self = Self::in_network_order(8, 16);
    pub(super) const ETHERNET_ADDRESS: Self = Self::in_network_order(9, 6);
    /// `IFNAMSIZ` bytes, filled up with zeros.
    pub(super) const INTERFACE_NAME: Self = Self {
        in_host_order: true,
        ..Self::in_network_order(41, 16)
    };
    pub(super) const TRANSPORT_PROTOCOL: Self = Self::in_network_order(12, 1);
    pub(super) const PORT: Self = Self::in_network_order(13, 2);
    /// Two bytes of a packet.
    pub(super) const NUMBER: Self = Self::in_network_order(4, 2);
    pub(super) const CONNECTION_ZONE: Self = Self {
        in_host_order: true,
        ..Self::NUMBER.given_as(Term::ConnectionZone)
    };

    /// As what a map's keys lead to (`NFT_DATA_VERDICT`): its length is the kernel's own matter.
    pub(super) const VERDICT: Self = Self::in_network_order(0xffff_ff00, 0);

    const fn in_network_order(number: u32, length: u32) -> Self {
        Self {
            number,
            length,
            in_host_order: false,
            parts: [
                Part {
                    length: length as u8,
                    ..Part::NONE
                },
                Part::NONE,
                Part::NONE,
                Part::NONE,
                Part::NONE,
            ],
        }
    }

    /// Two keys in one; each part is filled up to a multiple of 4 bytes, the size of a register.
    pub(super) const fn then(self, second: Self) -> Self {
        let length = self.length.next_multiple_of(4) + second.length.next_multiple_of(4);
        let [last, ..] = second.parts;
        const NONE: Part = Part::NONE;
        let parts = match self.parts {
            [a, Part { length: 0, .. }, ..] => [a, last, NONE, NONE, NONE],
            [a, b, Part { length: 0, .. }, ..] => [a, b, last, NONE, NONE],
            [a, b, c, Part { length: 0, .. }, _] => [a, b, c, last, NONE],
            [a, b, c, d, _] => [a, b, c, d, last],
        };
        Self {
            parts,
            ..Self::in_network_order((self.number << 6) | second.number, length)
        }
    }

    /// A key of one part, which `nft` lists by this expression.
    pub(super) const fn given_as(self, term: Term) -> Self {
        let [first, second, third, fourth, fifth] = self.parts;
        let first = Part {
            term: Some(term),
            ..first
        };
        Self {
            parts: [first, second, third, fourth, fifth],
            ..self
        }
    }

    fn parts(self) -> impl Iterator<Item = Part> {
        self.parts.into_iter().take_while(|part| part.length > 0)
    }

    fn has_parts(self) -> bool {
        self.parts().nth(1).is_some()
    }

    fn describe_parts(self, description: &mut Attributes<'_>) {
        description.nest(description::PARTS, |parts| {
            for Part { length, .. } in self.parts() {
                parts.nest(description::PART, |part| {
                    part.u32(description::LENGTH, u32::from(length));
                });
            }
        });
    }

    /// `nft`'s `BYTEORDER_HOST_ENDIAN` or `BYTEORDER_BIG_ENDIAN`.
    fn byte_order(self) -> u32 {
        if self.in_host_order { 1 } else { 2 }
    }
}

/// A set to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) family: TableFamily,
    pub(super) name: String,
    pub(super) key: KeyType,
    /// Elements are bounds of intervals, or, where the key has parts, hold a range of each; otherwise each is one key,
    /// found by its hash.
    pub(super) intervals: bool,
    /// What each key leads to: then it is a map.
    pub(super) data: Option<KeyType>,
}

impl Set {
    /// One that is there already, to read it or to take elements out: what its keys are makes no difference to that.
    pub(super) fn existing(family: TableFamily, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
            key: KeyType::in_network_order(0, 0),
            intervals: false,
            data: None,
        }
    }

    /// As `nft` names it.
    pub(super) fn display(&self) -> String {
        let kind = if self.data.is_some() { "map" } else { "set" };
        self.family.name(kind, &self.name)
    }
}

impl Nft {
    /// The names of all sets and maps of our table; none if there is no table.
    pub(super) fn set_names(&mut self, family: TableFamily) -> Result<Vec<String>, NftError> {
        let mut payload = Vec::new();
        family.attributes(&mut payload);
        let request = Request {
            kind: libc::NFT_MSG_GETSET,
            object: Object::Set,
            name: family.name("sets of", ""),
            payload,
        };
        self.connection.dump(&request, |attributes, names| {
            names.push(text_of(find(attributes, attribute::NAME)?)?.to_owned());
            Some(())
        })
    }
}

impl Batch {
    /// Removes a set of our table, with its elements.
    pub(super) fn delete_set(&mut self, family: TableFamily, set: &str) {
        let message = Message {
            kind: libc::NFT_MSG_DELSET,
            flags: 0,
            family,
            operation: Operation::Delete(Object::Set),
            name: family.name("set", set),
        };
        self.push(message, |attributes| {
            attributes.text(attribute::NAME, set);
        });
    }

    /// The set is there.
    pub(super) fn add_set(&mut self, set: &Set) {
        let message = Message {
            kind: libc::NFT_MSG_NEWSET,
            flags: libc::NLM_F_CREATE,
            family: set.family,
            operation: Operation::Add(Object::Set),
            name: set.display(),
        };
        let id = self.next_set_id();
        let of_parts = set.intervals && set.key.has_parts();
        let kind = match (set.intervals, of_parts) {
            (_, true) => libc::NFT_SET_INTERVAL | RANGES_OF_PARTS,
            (true, false) => libc::NFT_SET_INTERVAL,
            (false, false) => 0,
        };
        let map = set.data.map_or(0, |_| libc::NFT_SET_MAP);
        self.push(message, |attributes| {
            attributes
                .text(attribute::NAME, &set.name)
                .code(attribute::FLAGS, kind | map)
                .u32(attribute::KEY_TYPE, set.key.number)
                .u32(attribute::KEY_LENGTH, set.key.length);
            if let Some(data) = set.data {
                attributes
                    .u32(attribute::DATA_TYPE, data.number)
                    .u32(attribute::DATA_LENGTH, data.length);
            }
            if of_parts {
                attributes.nest(attribute::DESCRIPTION, |it| set.key.describe_parts(it));
            }
            attributes
                .u32(attribute::ID, id)
                .bytes(attribute::USERDATA, &listing::userdata(set.key, set.data));
        });
    }
}
