use std::net::IpAddr;

use plan::{Attachment, Family, NetworkTag};

use super::{Lease, LeaseState, StoredLease, UnixSeconds, expiry, holds, index};
use crate::address::{AddressRange, address};
use crate::intervals::Run;
use crate::key::{Key, Parts, Place, Table, number_bytes};
use crate::transaction::{View, Writing};
use crate::{Store, StoreError};

/// At most this many addresses for one attachment.
pub const MAX_ADDRESSES: usize = 64;

/// How an address came to be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It was free, or cooling down, and is now pending for the attachment.
    New,
    /// The attachment had it already; its state is unchanged.
    Existing,
}

/// Why an address was not reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Somebody else has it, or may have it.
    #[error("{} is taken{}", .by.address, holder(.by))]
    Taken {
        /// The lease that stands against it.
        by: Box<Lease>,
    },
    /// The attachment has [`MAX_ADDRESSES`] already.
    #[error("an attachment can hold at most {MAX_ADDRESSES} addresses")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn holder(lease: &Lease) -> String {
    match (&lease.attachment, &lease.state) {
        (_, LeaseState::Quarantined { evidence }) => {
            format!(
                ": quarantined, {} may still have it ({})",
                evidence.link, evidence.reason
            )
        }
        (Some(attachment), _) => format!(" by {attachment}"),
        (None, _) => String::new(),
    }
}

impl Store {
    /// Reserves this address for the attachment; one that the attachment has already stays as it is. An address that
    /// cools down is granted: asking by name says that the caller wants exactly this one.
    ///
    /// # Errors
    /// [`ReserveError::Taken`] if another attachment has it or it is quarantined.
    pub fn reserve(
        &self,
        network: NetworkTag,
        address: IpAddr,
        attachment: &Attachment,
        now: UnixSeconds,
    ) -> Result<Reservation, ReserveError> {
        self.require_finished()?;
        let place = Place { network, address };
        self.volatile().write_growing(|w| {
            match index::read(w.view(), place)? {
                Some(lease) if lease.is_held_by(attachment) => return Ok(Reservation::Existing),
                Some(lease) if !matches!(lease.state, LeaseState::Cooling { .. }) => {
                    return Err(ReserveError::Taken {
                        by: Box::new(lease.at(place)),
                    });
                }
                _ => {}
            }
            take(w, place, attachment, now)?;
            Ok(Reservation::New)
        })
    }

    /// Reserves the next free address of `ranges`, searched in their order, starting behind `after` and going round
    /// once. When nothing is free, the address that has cooled longest is taken; None if there is none either. A few
    /// seeks for each range, however full they are.
    ///
    /// # Errors
    /// [`ReserveError::TooMany`], or the store's own.
    pub fn reserve_next(
        &self,
        network: NetworkTag,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
        attachment: &Attachment,
        now: UnixSeconds,
    ) -> Result<Option<IpAddr>, ReserveError> {
        self.require_finished()?;
        let Some(first) = ranges.first().map(|range| range.first) else {
            return Ok(None);
        };
        self.volatile().write_growing(|w| {
            for family in [Family::Ipv4, Family::Ipv6] {
                if ranges.iter().any(|range| Family::of(range.first) == family) {
                    expiry::free_cooled(w, network, family, now)?;
                }
            }
            let mut found = next_free(w.view(), network, &turn(ranges, after))?;
            if found.is_none() {
                found = longest_cooling(w.view(), network, ranges)?;
            }
            let Some(address) = found else {
                return Ok(None);
            };
            take(w, Place { network, address }, attachment, now)?;
            let last = number_bytes(Family::of(address), Family::number_of(address));
            w.put(&cursor_key(network, first), &last)?;
            Ok(Some(address))
        })
    }

    /// The address inside `ranges` that [`Store::reserve_next`] handed out last, for round robin. Remembered by the
    /// first address of the first range; where nothing is by that, any that lies inside ([`Store::set_last_reserved`]).
    ///
    /// # Errors
    /// The store's own.
    pub fn last_reserved(
        &self,
        network: NetworkTag,
        ranges: &[AddressRange],
    ) -> Result<Option<IpAddr>, StoreError> {
        let Some(first) = ranges.first().map(|range| range.first) else {
            return Ok(None);
        };
        self.volatile().read(|view| {
            if let Some(value) = view.get(&cursor_key(network, first))? {
                return Ok(cursor(value)?.filter(|last| holds(ranges, *last)));
            }
            for entry in view.scan(Key::of(Table::Cursor).network(network), None)? {
                let last = cursor(entry?.1)?;
                if last.is_some_and(|last| holds(ranges, last)) {
                    return Ok(last);
                }
            }
            Ok(None)
        })
    }

    /// Takes the address for the one that was handed out last, in whichever ranges it lies, until
    /// [`Store::reserve_next`] hands out one of them: where round robin stood in another's hands.
    ///
    /// # Errors
    /// The store's own.
    pub fn set_last_reserved(&self, network: NetworkTag, last: IpAddr) -> Result<(), StoreError> {
        let value = number_bytes(Family::of(last), Family::number_of(last));
        self.volatile()
            .write(|w| w.put(&cursor_key(network, last), &value))
    }
}

fn cursor(value: &[u8]) -> Result<Option<IpAddr>, StoreError> {
    let family = match value.len() {
        4 => Family::Ipv4,
        _ => Family::Ipv6,
    };
    Ok(address(family, Parts::of_value(value).number(family)?))
}

fn cursor_key(network: NetworkTag, first: IpAddr) -> Key {
    Key::of(Table::Cursor).place(Place {
        network,
        address: first,
    })
}

fn take(
    w: &mut Writing<'_>,
    place: Place,
    attachment: &Attachment,
    now: UnixSeconds,
) -> Result<(), ReserveError> {
    if index::places_of(w.view(), &attachment.key())?.len() >= MAX_ADDRESSES {
        return Err(ReserveError::TooMany);
    }
    let lease = StoredLease {
        attachment: Some(attachment.clone()),
        since: now,
        state: LeaseState::Pending,
    };
    Ok(index::replace(w, place, Some(&lease))?)
}

/// The order of search: what follows `after` in its range, the ranges behind it, those before it, and its range up to
/// and with it.
fn turn(ranges: &[AddressRange], after: Option<IpAddr>) -> Vec<(Family, Run)> {
    let whole = |range: &AddressRange| {
        range
            .ends()
            .map(|(family, first, last)| (family, Run { first, last }))
    };
    let start = after.and_then(|after| {
        let at = ranges.iter().position(|range| range.holds(after))?;
        let (family, run) = ranges.get(at).and_then(whole)?;
        Some((at, family, run, Family::number_of(after)))
    });
    let Some((at, family, run, after)) = start else {
        return ranges.iter().filter_map(whole).collect();
    };
    let (before, behind) = ranges.split_at(at);
    let rest = after.checked_add(1).filter(|first| *first <= run.last);
    let rest = rest.map(|first| {
        (
            family,
            Run {
                first,
                last: run.last,
            },
        )
    });
    rest.into_iter()
        .chain(behind.iter().skip(1).filter_map(whole))
        .chain(before.iter().filter_map(whole))
        .chain([(
            family,
            Run {
                first: run.first,
                last: after,
            },
        )])
        .collect()
}

fn next_free(
    view: View<'_>,
    network: NetworkTag,
    turn: &[(Family, Run)],
) -> Result<Option<IpAddr>, StoreError> {
    for (family, run) in turn {
        if let Some(free) = index::occupied(network, *family).next_free(view, *run)? {
            return Ok(address(*family, free));
        }
    }
    Ok(None)
}

fn longest_cooling(
    view: View<'_>,
    network: NetworkTag,
    ranges: &[AddressRange],
) -> Result<Option<IpAddr>, StoreError> {
    for family in [Family::Ipv4, Family::Ipv6] {
        if !ranges.iter().any(|range| Family::of(range.first) == family) {
            continue;
        }
        for entry in view.scan(index::cooling_key(network, family), None)? {
            let place = index::cooling_place(entry?.0)?;
            if holds(ranges, place.address) {
                return Ok(Some(place.address));
            }
        }
    }
    Ok(None)
}
