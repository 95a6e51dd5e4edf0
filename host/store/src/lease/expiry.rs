use plan::{Family, NetworkTag};

use super::{LeaseState, UnixSeconds, index};
use crate::StoreError;
use crate::key::Place;
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
    for entry in view
        .scan(index::cooling_key(network, family), None)?
        .take(LOOKED_AT)
    {
        let place = index::cooling_place(entry?.0)?;
        let lease = index::read(view, place)?;
        if let Some(LeaseState::Cooling { until, .. }) = lease.map(|lease| lease.state)
            && until <= now
        {
            due.push(place);
        }
    }
    Ok(due)
}
