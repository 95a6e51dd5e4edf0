use super::batch::{Batch, Message};
use super::error::{Object, Operation};
use super::table::TableFamily;

/// `NFTA_SET_…`
mod attribute {
    pub(super) const NAME: u16 = 2;
    pub(super) const FLAGS: u16 = 3;
    pub(super) const KEY_TYPE: u16 = 4;
    pub(super) const KEY_LENGTH: u16 = 5;
    pub(super) const DATA_TYPE: u16 = 6;
    pub(super) const DATA_LENGTH: u16 = 7;
    pub(super) const ID: u16 = 10;
    pub(super) const USERDATA: u16 = 13;
}

/// What a set's keys are, or what a map's keys lead to. Only the length matters to the kernel; number and byte order tell `nft`, which numbers its data
/// types (include/datatype.h there), how to list the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyType {
    number: u32,
    /// In bytes.
    length: u32,
    in_host_order: bool,
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

    const fn in_network_order(number: u32, length: u32) -> Self {
        Self {
            number,
            length,
            in_host_order: false,
        }
    }

    /// Two keys in one; each part is filled up to a multiple of 4 bytes, the size of a register.
    pub(super) const fn then(self, second: Self) -> Self {
        let length = self.length.next_multiple_of(4) + second.length.next_multiple_of(4);
        Self::in_network_order((self.number << 6) | second.number, length)
    }

    /// `NFTNL_UDATA_SET_KEYBYTEORDER` (libnftnl, include/libnftnl/udata.h) with `nft`'s `BYTEORDER_HOST_ENDIAN` or
    /// `BYTEORDER_BIG_ENDIAN`.
    fn userdata(self) -> [u8; 6] {
        let order: u32 = if self.in_host_order { 1 } else { 2 };
        let [a, b, c, d] = order.to_ne_bytes();
        [0, 4, a, b, c, d]
    }
}

/// A set to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) family: TableFamily,
    pub(super) name: String,
    pub(super) key: KeyType,
    /// Elements are bounds of intervals; otherwise each is one key, found by its hash.
    pub(super) intervals: bool,
    /// What each key leads to: then it is a map.
    pub(super) data: Option<KeyType>,
}

impl Set {
    /// As `nft` names it.
    pub(super) fn display(&self) -> String {
        let kind = if self.data.is_some() { "map" } else { "set" };
        self.family.name(kind, &self.name)
    }
}

impl Batch {
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
        let intervals = if set.intervals {
            libc::NFT_SET_INTERVAL
        } else {
            0
        };
        let map = set.data.map_or(0, |_| libc::NFT_SET_MAP);
        self.push(message, |attributes| {
            attributes
                .text(attribute::NAME, &set.name)
                .code(attribute::FLAGS, intervals | map)
                .u32(attribute::KEY_TYPE, set.key.number)
                .u32(attribute::KEY_LENGTH, set.key.length);
            if let Some(data) = set.data {
                attributes
                    .u32(attribute::DATA_TYPE, data.number)
                    .u32(attribute::DATA_LENGTH, data.length);
            }
            attributes
                .u32(attribute::ID, id)
                .bytes(attribute::USERDATA, &set.key.userdata());
        });
    }
}
