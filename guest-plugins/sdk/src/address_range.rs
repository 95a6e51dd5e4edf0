use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use thiserror::Error;

/// A run of addresses of one family, both ends included (WIT `address-range`).
///
/// Every operation works on the ends alone, so a /64 costs what a /30 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

/// Two addresses that make no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RangeError {
    /// One end is IPv4, the other IPv6.
    #[error("{0} and {1} are of different families")]
    MixedFamilies(IpAddr, IpAddr),
    /// The first address comes after the last.
    #[error("{0} comes after {1}")]
    Reversed(IpAddr, IpAddr),
}

impl AddressRange {
    /// The range from `first` to `last`, both included.
    ///
    /// # Errors
    /// If the two are of different families or in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, RangeError> {
        if first.is_ipv4() != last.is_ipv4() {
            return Err(RangeError::MixedFamilies(first, last));
        }
        if first > last {
            return Err(RangeError::Reversed(first, last));
        }
        Ok(Self { first, last })
    }

    /// The range that holds one address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        Self {
            first: address,
            last: address,
        }
    }

    /// Every address of a network, its network and broadcast address included.
    #[must_use]
    pub fn whole(network: IpNet) -> Self {
        Self {
            first: network.network(),
            last: network.broadcast(),
        }
    }

    /// The addresses of a network that an interface may have: without the network address (in IPv6 the subnet-router
    /// anycast address, RFC 4291 §2.6.1) and without the IPv4 broadcast address. Of the two shortest networks (/31 and
    /// /32, /127 and /128) every address.
    #[must_use]
    pub fn hosts(network: IpNet) -> Self {
        let whole = Self::whole(network);
        if network.max_prefix_len() - network.prefix_len() < 2 {
            return whole;
        }
        let first = next(whole.first).unwrap_or(whole.first);
        let last = match whole.last {
            IpAddr::V4(_) => previous(whole.last).unwrap_or(whole.last),
            IpAddr::V6(_) => whole.last,
        };
        Self { first, last }
    }

    /// The lowest address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// Is it a range of IPv4 addresses?
    #[must_use]
    pub fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }

    /// Is the address one of the range?
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // IpAddr orders all of IPv4 before all of IPv6, so the family needs no test of its own.
        self.first <= address && address <= self.last
    }

    /// Have the two an address in common?
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// How many addresses there are; saturates at [`u64::MAX`].
    #[must_use]
    pub fn capacity(&self) -> u64 {
        let steps = number(self.last) - number(self.first);
        u64::try_from(steps).map_or(u64::MAX, |steps| steps.saturating_add(1))
    }

    /// The addresses that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.overlaps(other).then(|| Self {
            first: self.first.max(other.first),
            last: self.last.min(other.last),
        })
    }

    /// What is left of the range without the holes, in ascending order. The holes may be in any order, overlap each
    /// other and reach beyond the range.
    #[must_use]
    pub fn without(&self, holes: &[Self]) -> Vec<Self> {
        let mut holes: Vec<Self> = holes
            .iter()
            .filter_map(|hole| self.intersection(hole))
            .collect();
        holes.sort_unstable();
        let mut left = Vec::with_capacity(holes.len() + 1);
        let mut start = self.first;
        for hole in holes {
            if let Some(end) = previous(hole.first)
                && start <= end
            {
                left.push(Self {
                    first: start,
                    last: end,
                });
            }
            match next(hole.last) {
                Some(after) if after > start => start = after,
                Some(_) => {}
                None => return left,
            }
        }
        if start <= self.last {
            left.push(Self {
                first: start,
                last: self.last,
            });
        }
        left
    }
}

/// One address, or `first-last`.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address after this one, if the family has one.
pub(crate) fn next(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().checked_add(1)?).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().checked_add(1)?).into(),
    })
}

/// The address before this one, if the family has one.
fn previous(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().checked_sub(1)?).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().checked_sub(1)?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    }

    #[test]
    fn ends_must_be_ordered_and_of_one_family() {
        let v4: IpAddr = "10.0.0.2".parse().unwrap();
        let v6: IpAddr = "::1".parse().unwrap();
        assert_eq!(
            AddressRange::new(v4, v6),
            Err(RangeError::MixedFamilies(v4, v6))
        );
        let lower: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(
            AddressRange::new(v4, lower),
            Err(RangeError::Reversed(v4, lower))
        );
    }

    #[test]
    fn hosts_leave_out_what_no_interface_may_have() {
        let hosts = |network: &str| AddressRange::hosts(network.parse().unwrap()).to_string();
        assert_eq!(hosts("10.0.0.0/24"), "10.0.0.1-10.0.0.254");
        assert_eq!(hosts("10.0.0.0/30"), "10.0.0.1-10.0.0.2");
        assert_eq!(hosts("10.0.0.4/31"), "10.0.0.4-10.0.0.5");
        assert_eq!(hosts("10.0.0.4/32"), "10.0.0.4");
        assert_eq!(hosts("2001:db8::/126"), "2001:db8::1-2001:db8::3");
        assert_eq!(hosts("0.0.0.0/0"), "0.0.0.1-255.255.255.254");
    }

    #[test]
    fn capacity_saturates() {
        assert_eq!(range("10.0.0.0", "10.0.0.255").capacity(), 256);
        assert_eq!(
            AddressRange::whole("2001:db8::/65".parse().unwrap()).capacity(),
            1 << 63
        );
        assert_eq!(
            AddressRange::whole("::/0".parse().unwrap()).capacity(),
            u64::MAX
        );
        assert_eq!(
            AddressRange::whole("2001:db8::/64".parse().unwrap()).capacity(),
            u64::MAX
        );
    }

    #[test]
    fn holes_are_cut_out_whatever_their_order() {
        let left: Vec<String> = range("10.0.0.1", "10.0.0.20")
            .without(&[
                range("10.0.0.15", "10.0.0.16"),
                range("10.0.0.0", "10.0.0.2"),
                range("10.0.0.4", "10.0.0.8"),
                range("10.0.0.5", "10.0.0.6"),
                range("2001:db8::", "2001:db8::1"),
            ])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            left,
            ["10.0.0.3", "10.0.0.9-10.0.0.14", "10.0.0.17-10.0.0.20"]
        );
    }

    #[test]
    fn holes_at_the_ends_of_a_family_do_not_wrap() {
        let all = AddressRange::whole("0.0.0.0/0".parse().unwrap());
        assert_eq!(all.without(&[all]), []);
        assert_eq!(
            all.without(&[range("255.255.255.255", "255.255.255.255")]),
            [range("0.0.0.0", "255.255.255.254")]
        );
        assert_eq!(
            all.without(&[range("0.0.0.0", "0.0.0.0")]),
            [range("0.0.0.1", "255.255.255.255")]
        );
    }
}
