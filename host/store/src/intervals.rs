use plan::{Family, NetworkTag};

use crate::StoreError;
use crate::key::{Key, Parts, Table, number_bytes};
use crate::transaction::{View, Writing};

/// A set of addresses of one network and family, kept as its maximal runs (first address → last address), so that the
/// next address outside of it is one seek away however many it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals {
    pub(crate) table: Table,
    pub(crate) network: NetworkTag,
    pub(crate) family: Family,
}

/// Consecutive addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl Run {
    /// How many addresses this run and another have in common; saturates.
    pub(crate) fn overlap(self, other: Run) -> u64 {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        match last.checked_sub(first) {
            Some(distance) => u64::try_from(distance)
                .unwrap_or(u64::MAX)
                .saturating_add(1),
            None => 0,
        }
    }
}

impl Intervals {
    fn prefix(self) -> Key {
        Key::of(self.table)
            .network(self.network)
            .family(self.family)
    }

    fn key(self, first: u128) -> Key {
        self.prefix().number(self.family, first)
    }

    fn decode(self, (key, value): (&[u8], &[u8])) -> Result<Run, StoreError> {
        let mut parts = Parts::of_key(key);
        parts.network()?;
        let family = parts.family()?;
        Ok(Run {
            first: parts.number(family)?,
            last: Parts::of_value(value).number(family)?,
        })
    }

    fn put(self, w: &mut Writing<'_>, run: Run) -> Result<(), StoreError> {
        w.put(&self.key(run.first), &number_bytes(self.family, run.last))
    }

    /// The last run that begins at or before `at`.
    fn run_before(self, view: View<'_>, at: u128) -> Result<Option<Run>, StoreError> {
        let entry = view.floor(&self.prefix(), &self.key(at))?;
        entry.map(|entry| self.decode(entry)).transpose()
    }

    fn run_with(self, view: View<'_>, at: u128) -> Result<Option<Run>, StoreError> {
        Ok(self.run_before(view, at)?.filter(|run| at <= run.last))
    }

    /// False if it was in the set already.
    pub(crate) fn insert(self, w: &mut Writing<'_>, at: u128) -> Result<bool, StoreError> {
        let before = self.run_before(w.view(), at)?;
        if before.is_some_and(|run| at <= run.last) {
            return Ok(false);
        }
        let left = before.filter(|run| run.last.checked_add(1) == Some(at));
        let right = match at.checked_add(1) {
            Some(next) if at < self.family.greatest_number() => self
                .run_with(w.view(), next)?
                .filter(|run| run.first == next),
            _ => None,
        };
        if let Some(right) = right {
            w.delete(&self.key(right.first))?;
        }
        let first = left.map_or(at, |run| run.first);
        let last = right.map_or(at, |run| run.last);
        self.put(w, Run { first, last })?;
        Ok(true)
    }

    /// False if it was not in the set.
    pub(crate) fn remove(self, w: &mut Writing<'_>, at: u128) -> Result<bool, StoreError> {
        let Some(run) = self.run_with(w.view(), at)? else {
            return Ok(false);
        };
        match at.checked_sub(1) {
            Some(last) if run.first < at => self.put(
                w,
                Run {
                    first: run.first,
                    last,
                },
            )?,
            _ => {
                w.delete(&self.key(run.first))?;
            }
        }
        if let Some(first) = at.checked_add(1).filter(|first| *first <= run.last) {
            self.put(
                w,
                Run {
                    first,
                    last: run.last,
                },
            )?;
        }
        Ok(true)
    }

    /// The least address of `within` that is not in the set.
    pub(crate) fn next_free(self, view: View<'_>, within: Run) -> Result<Option<u128>, StoreError> {
        let free = match self.run_with(view, within.first)? {
            None => Some(within.first),
            // Runs are maximal, so what follows one is not in the set.
            Some(run) => run.last.checked_add(1),
        };
        Ok(free.filter(|free| *free <= within.last))
    }

    /// How many addresses of `within` are in the set: a step for each run there.
    pub(crate) fn count(self, view: View<'_>, within: Run) -> Result<u64, StoreError> {
        let mut sum = self
            .run_with(view, within.first)?
            .map_or(0, |run| run.overlap(within));
        for entry in view.scan(self.prefix(), Some(&self.key(within.first)))? {
            let run = self.decode(entry?)?;
            if run.first > within.last {
                break;
            }
            sum = sum.saturating_add(run.overlap(within));
        }
        Ok(sum)
    }

    #[cfg(test)]
    pub(crate) fn runs(self, view: View<'_>) -> Result<Vec<Run>, StoreError> {
        view.scan(self.prefix(), None)?
            .map(|entry| self.decode(entry?))
            .collect()
    }
}

#[cfg(test)]
mod tests;
