use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plan::Family;

/// A run of addresses of one family, both ends included. One whose ends are of two families, or in the wrong order, holds
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

impl AddressRange {
    /// The family and both ends as numbers; None when it holds nothing.
    pub(crate) fn ends(&self) -> Option<(Family, u128, u128)> {
        let family = Family::of(self.first);
        let (first, last) = (number(self.first), number(self.last));
        (family == Family::of(self.last) && first <= last).then_some((family, first, last))
    }

    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let at = number(address);
        self.ends().is_some_and(|(family, first, last)| {
            family == Family::of(address) && first <= at && at <= last
        })
    }
}

/// An address as a number of its family's width.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address that [`number`] was given; None if the number is too big for the family.
pub(crate) fn address(family: Family, number: u128) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => u32::try_from(number)
            .ok()
            .map(|bits| Ipv4Addr::from_bits(bits).into()),
        Family::Ipv6 => Some(Ipv6Addr::from_bits(number).into()),
    }
}

/// The greatest number of a family.
pub(crate) fn greatest(family: Family) -> u128 {
    match family {
        Family::Ipv4 => u128::from(u32::MAX),
        Family::Ipv6 => u128::MAX,
    }
}
