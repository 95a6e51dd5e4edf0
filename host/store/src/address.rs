use std::net::IpAddr;

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
        let (first, last) = (Family::number_of(self.first), Family::number_of(self.last));
        (family == Family::of(self.last) && first <= last).then_some((family, first, last))
    }

    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let at = Family::number_of(address);
        self.ends().is_some_and(|(family, first, last)| {
            family == Family::of(address) && first <= at && at <= last
        })
    }
}

/// The address with this number; None if the number is too big for the family.
pub(crate) fn address(family: Family, number: u128) -> Option<IpAddr> {
    (number <= family.greatest_number()).then(|| family.address(number))
}
