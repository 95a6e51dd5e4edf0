//! Keys of sets that hold addresses.

use std::net::IpAddr;

use plan::Family;

use super::set::KeyType;

/// In network byte order.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The key of a set of addresses.
pub(super) fn key(family: Family) -> KeyType {
    match family {
        Family::Ipv4 => KeyType::IPV4_ADDRESS,
        Family::Ipv6 => KeyType::IPV6_ADDRESS,
    }
}

/// Two sets of a kind, one for each family, are told apart by this at the end of their names.
pub(super) fn number(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 6,
    }
}

/// So many registers of 4 bytes take an address.
pub(super) fn words(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 4,
    }
}
