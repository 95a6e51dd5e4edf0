use std::net::IpAddr;

use plan::{AttachmentKey, Family, NetworkTag};

use crate::StoreError;
use crate::address::address;

/// What an entry is: the first byte of its key. All entries live in one tree, so that a transaction that touches several
/// kinds rewrites few pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    /// name → number: format, readiness, counters.
    Meta = b'M',
    /// network, family, address → lease.
    Lease = b'L',
    /// attachment, network, family, address → nothing.
    LeaseOfAttachment = b'A',
    /// network, family, first address of a run without a free address → its last address.
    OccupiedRun = b'R',
    /// The same for addresses that cool down.
    CoolingRun = b'C',
    /// network, family, time of release, address → when it is free.
    CoolingSince = b'T',
    /// network, family → number of occupied, number of cooling addresses.
    Count = b'N',
    /// network, family, first address of the first range → address that was handed out last.
    Cursor = b'P',
    /// attachment → network, link group, record as JSON.
    Record = b'D',
    /// network, attachment → nothing.
    RecordOfNetwork = b'E',
    /// cookie of the container's network namespace, attachment → nothing.
    RecordOfNetns = b'Q',
    /// link group → attachment.
    Group = b'G',
    /// transport, port, family, address of the host (nothing: all) → attachment.
    PortClaim = b'H',
    /// attachment, transport, port, family, address of the host → nothing.
    PortClaimOfAttachment = b'I',
    /// transport, port, family, address of the host (nothing: all) → a port that leads to a container without record.
    QuarantinedPort = b'J',
    /// network, plugin, key of the plugin, attachment → value.
    Storage = b'S',
    /// attachment, network, plugin, key of the plugin → size.
    StorageOfAttachment = b'U',
    /// network, plugin, key of the plugin → value that outlives the attachment.
    Durable = b'V',
    /// network, plugin → bytes of all such keys and values.
    DurableSize = b'W',
}

/// An address on a network: what a lease is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) network: NetworkTag,
    pub(crate) address: IpAddr,
}

impl Place {
    pub(crate) fn family(self) -> Family {
        Family::of(self.address)
    }

    pub(crate) fn number(self) -> u128 {
        Family::number_of(self.address)
    }
}

/// A key under construction.
#[derive(Debug, Clone)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn of(table: Table) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(table as u8);
        Self(bytes)
    }

    pub(crate) fn network(self, network: NetworkTag) -> Self {
        self.bytes(network.as_bytes())
    }

    pub(crate) fn attachment(self, attachment: &AttachmentKey) -> Self {
        self.bytes(attachment.as_bytes())
    }

    pub(crate) fn family(self, family: Family) -> Self {
        self.bytes(match family {
            Family::Ipv4 => &[4],
            Family::Ipv6 => &[6],
        })
    }

    /// An address of a family that stands in the key already: big-endian, so that keys sort like addresses.
    pub(crate) fn number(self, family: Family, number: u128) -> Self {
        self.bytes(&number_bytes(family, number))
    }

    pub(crate) fn place(self, place: Place) -> Self {
        let family = place.family();
        self.network(place.network)
            .family(family)
            .number(family, place.number())
    }

    /// A name that others follow: its length in one byte, then itself. Callers bound it to 128 bytes.
    pub(crate) fn name(self, name: &str) -> Self {
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        self.bytes(&[length]).bytes(name.as_bytes())
    }

    pub(crate) fn time(self, seconds: u64) -> Self {
        self.bytes(&seconds.to_be_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl std::ops::Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

pub(crate) fn number_bytes(family: Family, number: u128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    match family {
        Family::Ipv4 => bytes.iter().skip(12).copied().collect(),
        Family::Ipv6 => bytes.to_vec(),
    }
}

/// Takes a stored key or value apart, front to back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// The parts of a key behind its table byte.
    pub(crate) fn of_key(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    pub(crate) fn of_value(value: &'a [u8]) -> Self {
        Self(value)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (head, tail) = self
            .0
            .split_first_chunk()
            .ok_or(StoreError::corrupt("a key"))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn network(&mut self) -> Result<NetworkTag, StoreError> {
        self.take().map(NetworkTag::from_bytes)
    }

    pub(crate) fn attachment(&mut self) -> Result<AttachmentKey, StoreError> {
        self.take().map(AttachmentKey::from_bytes)
    }

    pub(crate) fn family(&mut self) -> Result<Family, StoreError> {
        match self.take()? {
            [4] => Ok(Family::Ipv4),
            [6] => Ok(Family::Ipv6),
            _ => Err(StoreError::corrupt("an address family")),
        }
    }

    pub(crate) fn number(&mut self, family: Family) -> Result<u128, StoreError> {
        match family {
            Family::Ipv4 => self.take().map(u32::from_be_bytes).map(u128::from),
            Family::Ipv6 => self.take().map(u128::from_be_bytes),
        }
    }

    pub(crate) fn place(&mut self) -> Result<Place, StoreError> {
        let network = self.network()?;
        let family = self.family()?;
        let number = self.number(family)?;
        let address = address(family, number).ok_or(StoreError::corrupt("an address"))?;
        Ok(Place { network, address })
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}
