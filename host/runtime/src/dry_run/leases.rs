//! The addresses of a network that nobody uses yet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use engine::{AddressRange, Leases, ReserveError, ServiceError, UsageCount};
use ipnet::IpNet;
use plan::{AddressPolicy, Addressing, Problem};

/// Leases of one attachment on an empty network, within what the operator has configured.
pub(super) struct MemoryLeases {
    policy: AddressPolicy,
    held: BTreeSet<IpAddr>,
    /// What was handed out last, by the first address of the ranges.
    last: BTreeMap<IpAddr, IpAddr>,
}

impl MemoryLeases {
    pub(super) fn new(policy: AddressPolicy) -> Self {
        Self {
            policy,
            held: BTreeSet::new(),
            last: BTreeMap::new(),
        }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.held.iter().copied().collect()
    }

    /// What is wrong with a decision.
    pub(super) fn problems(&self, addressing: &Addressing) -> Vec<Problem> {
        self.policy.problems(addressing, &self.addresses())
    }

    /// The subnets of the network's ranges.
    pub(super) fn subnets(&self) -> Vec<IpNet> {
        self.policy.subnets()
    }

    /// What the policy leaves of the plugin's ranges.
    fn clip(&self, ranges: &[AddressRange]) -> Vec<(IpAddr, IpAddr)> {
        let clipped = ranges
            .iter()
            .flat_map(|range| self.policy.clip(range.first, range.last));
        clipped.collect()
    }

    /// The first address from `first` to `last` that is not held.
    fn free(&self, first: IpAddr, last: IpAddr) -> Option<IpAddr> {
        let mut candidate = first;
        loop {
            if candidate > last {
                return None;
            }
            if !self.held.contains(&candidate) {
                return Some(candidate);
            }
            candidate = following(candidate)?;
        }
    }

    /// Behind `after` to the end of the ranges, then from their beginning.
    fn next(&self, ranges: &[(IpAddr, IpAddr)], after: Option<IpAddr>) -> Option<IpAddr> {
        let position = after.and_then(|after| {
            let holds = |(first, last): &(IpAddr, IpAddr)| *first <= after && after <= *last;
            Some((ranges.iter().position(holds)?, after))
        });
        let Some((position, after)) = position else {
            return ranges
                .iter()
                .find_map(|(first, last)| self.free(*first, *last));
        };
        let rest = ranges
            .get(position)
            .and_then(|(_, last)| self.free(following(after)?, *last));
        let behind = ranges.iter().cycle().skip(position + 1).take(ranges.len());
        rest.or_else(|| {
            let mut behind = behind;
            behind.find_map(|(first, last)| self.free(*first, *last))
        })
    }
}

fn following(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => Some(IpAddr::V4(u32::from(address).checked_add(1)?.into())),
        IpAddr::V6(address) => Some(IpAddr::V6(u128::from(address).checked_add(1)?.into())),
    }
}

fn size(first: IpAddr, last: IpAddr) -> u64 {
    let count = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            u128::from(u32::from(last).saturating_sub(u32::from(first)))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => u128::from(last).saturating_sub(u128::from(first)),
        _ => return 0,
    };
    u64::try_from(count.saturating_add(1)).unwrap_or(u64::MAX)
}

impl Leases for MemoryLeases {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        if !self.policy.allows(address) {
            return Err(ReserveError::OutsideRanges);
        }
        self.held.insert(address);
        Ok(())
    }

    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let ranges = self.clip(ranges);
        let Some((first, _)) = ranges.first().copied() else {
            return Err(ReserveError::OutsideRanges);
        };
        let address = self.next(&ranges, after).ok_or(ReserveError::Exhausted)?;
        self.held.insert(address);
        self.last.insert(first, address);
        Ok(address)
    }

    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError> {
        let first = self.clip(ranges).first().map(|(first, _)| *first);
        Ok(first.and_then(|first| self.last.get(&first).copied()))
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        Ok(self.addresses())
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        Ok(self.held.remove(&address))
    }

    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError> {
        let ranges = self.clip(ranges);
        let capacity = ranges.iter().fold(0_u64, |sum, (first, last)| {
            sum.saturating_add(size(*first, *last))
        });
        let inside = |address: &&IpAddr| {
            ranges
                .iter()
                .any(|(first, last)| first <= *address && *address <= last)
        };
        let taken = self.held.iter().filter(inside).count();
        Ok(UsageCount {
            capacity,
            taken: u64::try_from(taken).unwrap_or(u64::MAX),
            cooling: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange {
            first: ip(first),
            last: ip(last),
        }
    }

    fn leases() -> MemoryLeases {
        MemoryLeases::new(AddressPolicy {
            ranges: vec![plan::AddressRange {
                first: ip("10.0.0.0"),
                last: ip("10.0.0.7"),
                subnet: "10.0.0.0/29".parse().unwrap(),
                gateway: Some(ip("10.0.0.1")),
            }],
            named: Vec::new(),
        })
    }

    #[test]
    fn the_operators_ranges_hold_and_gateway_and_ends_are_nobodys() {
        let mut leases = leases();
        let all = [range("10.0.0.0", "10.0.0.255")];
        let mut given = Vec::new();
        while let Ok(address) = leases.reserve_next(&all, None) {
            given.push(address.to_string());
        }
        assert_eq!(
            given,
            ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
        );
        assert!(matches!(
            leases.reserve_next(&all, None),
            Err(ReserveError::Exhausted)
        ));
        assert!(matches!(
            leases.reserve(ip("10.0.0.1")),
            Err(ReserveError::OutsideRanges)
        ));
        assert!(matches!(
            leases.reserve_next(&[range("10.9.0.0", "10.9.0.9")], None),
            Err(ReserveError::OutsideRanges)
        ));
        let usage = leases.usage(&all).unwrap();
        assert_eq!((usage.capacity, usage.taken, usage.cooling), (5, 5, 0));
    }

    #[test]
    fn the_search_begins_behind_the_last_one_and_goes_round() {
        let mut leases = leases();
        let all = [range("10.0.0.0", "10.0.0.7")];
        assert_eq!(leases.last_reserved(&all).unwrap(), None);
        let after = |leases: &mut MemoryLeases, after: &str| {
            leases
                .reserve_next(&all, Some(ip(after)))
                .unwrap()
                .to_string()
        };
        assert_eq!(after(&mut leases, "10.0.0.5"), "10.0.0.6");
        assert_eq!(leases.last_reserved(&all).unwrap(), Some(ip("10.0.0.6")));
        assert_eq!(after(&mut leases, "10.0.0.6"), "10.0.0.2");
        assert!(leases.release(ip("10.0.0.2")).unwrap());
        assert!(!leases.release(ip("10.0.0.2")).unwrap());
        assert_eq!(leases.held().unwrap(), [ip("10.0.0.6")]);
    }
}
