use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Key;
use crate::address_range::next;
use crate::{AddressRange, ReserveError, Usage};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lease {
    Held(Key),
    /// Released; the lower number cools longer.
    Cooling(u64),
    Quarantined,
}

/// The leases of one network.
#[derive(Debug, Clone, Default)]
pub(super) struct NetworkLeases {
    pub(super) leases: BTreeMap<IpAddr, Lease>,
    /// When `reserve_next` handed an address out for the last time.
    handed_out: BTreeMap<IpAddr, u64>,
    /// Counts releases and hand-outs, to order them.
    ticks: u64,
}

impl NetworkLeases {
    pub(super) fn reserve(&mut self, holder: &Key, address: IpAddr) -> Result<(), ReserveError> {
        match self.leases.get(&address) {
            Some(Lease::Held(other)) if other != holder => {
                let (_, container, interface) = other;
                Err(ReserveError::Taken(format!(
                    "{address} is held by {interface} of container {container}"
                )))
            }
            Some(Lease::Quarantined) => {
                Err(ReserveError::Taken(format!("{address} is in quarantine")))
            }
            Some(Lease::Held(_) | Lease::Cooling(_)) | None => {
                self.leases.insert(address, Lease::Held(holder.clone()));
                Ok(())
            }
        }
    }

    pub(super) fn reserve_next(
        &mut self,
        holder: &Key,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let address = rotated(ranges, after)
            .iter()
            .find_map(|range| self.first_free(range))
            .or_else(|| self.longest_cooling(ranges))
            .ok_or(ReserveError::Exhausted)?;
        self.leases.insert(address, Lease::Held(holder.clone()));
        self.ticks += 1;
        self.handed_out.insert(address, self.ticks);
        Ok(address)
    }

    fn first_free(&self, range: &AddressRange) -> Option<IpAddr> {
        let mut candidate = range.first();
        for (leased, _) in self.leases.range(range.first()..=range.last()) {
            if *leased != candidate {
                break;
            }
            candidate = next(candidate).filter(|next| range.contains(*next))?;
        }
        Some(candidate)
    }

    fn longest_cooling(&self, ranges: &[AddressRange]) -> Option<IpAddr> {
        self.inside(ranges)
            .filter_map(|(address, lease)| match lease {
                Lease::Cooling(since) => Some((*since, address)),
                Lease::Held(_) | Lease::Quarantined => None,
            })
            .min()
            .map(|(_, address)| address)
    }

    fn inside<'a>(
        &'a self,
        ranges: &'a [AddressRange],
    ) -> impl Iterator<Item = (IpAddr, &'a Lease)> {
        ranges
            .iter()
            .flat_map(|range| self.leases.range(range.first()..=range.last()))
            .map(|(address, lease)| (*address, lease))
    }

    pub(super) fn last_reserved(&self, ranges: &[AddressRange]) -> Option<IpAddr> {
        ranges
            .iter()
            .flat_map(|range| self.handed_out.range(range.first()..=range.last()))
            .max_by_key(|(_, tick)| **tick)
            .map(|(address, _)| *address)
    }

    pub(super) fn held(&self, holder: &Key) -> Vec<IpAddr> {
        let held = |lease: &Lease| matches!(lease, Lease::Held(key) if key == holder);
        self.leases
            .iter()
            .filter(|(_, lease)| held(lease))
            .map(|(address, _)| *address)
            .collect()
    }

    pub(super) fn release_all(&mut self, holder: &Key) {
        for address in self.held(holder) {
            self.ticks += 1;
            self.leases.insert(address, Lease::Cooling(self.ticks));
        }
    }

    pub(super) fn usage(&self, ranges: &[AddressRange]) -> Usage {
        let mut usage = Usage {
            capacity: ranges
                .iter()
                .map(AddressRange::capacity)
                .fold(0, u64::saturating_add),
            ..Usage::default()
        };
        for (_, lease) in self.inside(ranges) {
            match lease {
                Lease::Held(_) | Lease::Quarantined => usage.taken += 1,
                Lease::Cooling(_) => usage.cooling += 1,
            }
        }
        usage
    }
}

/// The ranges in the order in which they are searched: from behind `after` once round.
fn rotated(ranges: &[AddressRange], after: Option<IpAddr>) -> Vec<AddressRange> {
    let at = after.and_then(|after| {
        let index = ranges.iter().position(|range| range.contains(after))?;
        Some((index, after))
    });
    let Some((index, after)) = at else {
        return ranges.to_vec();
    };
    let (before, rest) = ranges.split_at(index);
    let Some((split, behind)) = rest.split_first() else {
        return ranges.to_vec();
    };
    let upper = next(after).and_then(|first| AddressRange::new(first, split.last()).ok());
    let lower = AddressRange::new(split.first(), after).ok();
    upper
        .into_iter()
        .chain(behind.iter().copied())
        .chain(before.iter().copied())
        .chain(lower)
        .collect()
}
