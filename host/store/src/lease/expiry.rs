use plan::{Family, NetworkTag};

use super::{UnixSeconds, index};
use crate::StoreError;
use crate::key::{Parts, Place};
use crate::transaction::{View, Writing};

/// How many of the oldest cooling addresses one reservation looks at: more than it takes, so that they can't pile up, and
/// few enough for a bounded call.
const LOOKED_AT: usize = 64;

/// Frees addresses whose cool-down is over.
pub(crate) fn free_cooled(
    w: &mut Writing<'_>,
    network: NetworkTag,
    family: Family,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    for place in cooled(w.view(), network, family, now)? {
        index::replace(w, place, None)?;
    }
    Ok(())
}

fn cooled(
    view: View<'_>,
    network: NetworkTag,
    family: Family,
    now: UnixSeconds,
) -> Result<Vec<Place>, StoreError> {
    let mut due = Vec::new();
    let oldest = view.scan(index::cooling_key(network, family), None)?;
    for entry in oldest.take(LOOKED_AT) {
        let (key, until) = entry?;
        if Parts::of_value(until).u64()? <= now {
            due.push(index::cooling_place(key)?);
        }
    }
    Ok(due)
}
