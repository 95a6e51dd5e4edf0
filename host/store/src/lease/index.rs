use plan::{AttachmentKey, Family, NetworkTag};

use super::{Lease, LeaseState, StoredLease};
use crate::StoreError;
use crate::intervals::Intervals;
use crate::key::{Key, Parts, Place, Table};
use crate::transaction::{View, Writing};

/// How many addresses of a network and family are not free, and how many of these cool down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) occupied: u64,
    pub(crate) cooling: u64,
}

fn counts_key(network: NetworkTag, family: Family) -> Key {
    Key::of(Table::Count).network(network).family(family)
}

impl Counts {
    pub(crate) fn read(
        view: View<'_>,
        network: NetworkTag,
        family: Family,
    ) -> Result<Self, StoreError> {
        match view.get(&counts_key(network, family))? {
            None => Ok(Self::default()),
            Some(value) => {
                let mut parts = Parts::of_value(value);
                Ok(Self {
                    occupied: parts.u64()?,
                    cooling: parts.u64()?,
                })
            }
        }
    }

    fn write(
        self,
        w: &mut Writing<'_>,
        network: NetworkTag,
        family: Family,
    ) -> Result<(), StoreError> {
        let mut value = [0; 16];
        let (occupied, cooling) = value.split_at_mut(8);
        occupied.copy_from_slice(&self.occupied.to_be_bytes());
        cooling.copy_from_slice(&self.cooling.to_be_bytes());
        w.put(&counts_key(network, family), &value)
    }
}

pub(crate) fn occupied(network: NetworkTag, family: Family) -> Intervals {
    Intervals {
        table: Table::OccupiedRun,
        network,
        family,
    }
}

pub(crate) fn cooling(network: NetworkTag, family: Family) -> Intervals {
    Intervals {
        table: Table::CoolingRun,
        network,
        family,
    }
}

pub(crate) fn lease_key(place: Place) -> Key {
    Key::of(Table::Lease).place(place)
}

pub(crate) fn read(view: View<'_>, place: Place) -> Result<Option<StoredLease>, StoreError> {
    view.get(&lease_key(place))?
        .map(StoredLease::decode)
        .transpose()
}

/// Writes a lease (None: the address is free) and keeps every index with it. The only way to change a lease.
pub(crate) fn replace(
    w: &mut Writing<'_>,
    place: Place,
    new: Option<&StoredLease>,
) -> Result<(), StoreError> {
    let old = read(w.view(), place)?;
    replace_holder(w, place, old.as_ref(), new)?;
    let mut counts = Counts::read(w.view(), place.network, place.family())?;
    let before = counts;
    replace_cooling(w, place, old.as_ref(), new, &mut counts)?;
    match new {
        Some(new) => {
            let value = serde_json::to_vec(new).map_err(|source| StoreError::Encode {
                what: "a lease",
                source,
            })?;
            w.put(&lease_key(place), &value)?;
            if occupied(place.network, place.family()).insert(w, place.number())? {
                counts.occupied = counts.occupied.saturating_add(1);
            }
        }
        None => {
            w.delete(&lease_key(place))?;
            if occupied(place.network, place.family()).remove(w, place.number())? {
                counts.occupied = counts.occupied.saturating_sub(1);
            }
        }
    }
    if counts != before {
        counts.write(w, place.network, place.family())?;
    }
    Ok(())
}

/// Only who may still use the address counts as its holder: not who released it.
fn holder(lease: Option<&StoredLease>) -> Option<AttachmentKey> {
    let lease = lease.filter(|lease| !matches!(lease.state, LeaseState::Cooling { .. }))?;
    lease.attachment.as_ref().map(plan::Attachment::key)
}

fn replace_holder(
    w: &mut Writing<'_>,
    place: Place,
    old: Option<&StoredLease>,
    new: Option<&StoredLease>,
) -> Result<(), StoreError> {
    let (old, new) = (holder(old), holder(new));
    if old == new {
        return Ok(());
    }
    let key = |holder| {
        Key::of(Table::LeaseOfAttachment)
            .attachment(&holder)
            .place(place)
    };
    if let Some(old) = old {
        w.delete(&key(old))?;
    }
    if let Some(new) = new {
        w.put(&key(new), &[])?;
    }
    Ok(())
}

fn replace_cooling(
    w: &mut Writing<'_>,
    place: Place,
    old: Option<&StoredLease>,
    new: Option<&StoredLease>,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let times = |lease: Option<&StoredLease>| match lease?.state {
        LeaseState::Cooling { released_at, until } => Some((released_at, until)),
        _ => None,
    };
    let (old, new) = (times(old), times(new));
    if old == new {
        return Ok(());
    }
    let (network, family) = (place.network, place.family());
    let key = |since| {
        let key = cooling_key(network, family).time(since);
        key.number(family, place.number())
    };
    if let Some((since, _)) = old {
        w.delete(&key(since))?;
        cooling(network, family).remove(w, place.number())?;
        counts.cooling = counts.cooling.saturating_sub(1);
    }
    if let Some((since, until)) = new {
        w.put(&key(since), &until.to_be_bytes())?;
        cooling(network, family).insert(w, place.number())?;
        counts.cooling = counts.cooling.saturating_add(1);
    }
    Ok(())
}

/// The prefix of a network's cooling addresses, those released first in front.
pub(crate) fn cooling_key(network: NetworkTag, family: Family) -> Key {
    Key::of(Table::CoolingSince).network(network).family(family)
}

/// The address in a key that begins with [`cooling_key`].
pub(crate) fn cooling_place(key: &[u8]) -> Result<Place, StoreError> {
    let mut parts = Parts::of_key(key);
    let network = parts.network()?;
    let family = parts.family()?;
    parts.u64()?;
    let number = parts.number(family)?;
    let address =
        crate::address::address(family, number).ok_or(StoreError::corrupt("an address"))?;
    Ok(Place { network, address })
}

/// The places that an attachment may use: pending, held or quarantined.
pub(crate) fn places_of(
    view: View<'_>,
    attachment: &AttachmentKey,
) -> Result<Vec<Place>, StoreError> {
    let prefix = Key::of(Table::LeaseOfAttachment).attachment(attachment);
    view.scan(prefix, None)?
        .map(|entry| {
            let mut parts = Parts::of_key(entry?.0);
            parts.attachment()?;
            parts.place()
        })
        .collect()
}

pub(crate) fn leases_of(
    view: View<'_>,
    attachment: &AttachmentKey,
) -> Result<Vec<Lease>, StoreError> {
    let mut leases = Vec::new();
    for place in places_of(view, attachment)? {
        let lease = read(view, place)?.ok_or(StoreError::corrupt("an index of leases"))?;
        leases.push(lease.at(place));
    }
    Ok(leases)
}
