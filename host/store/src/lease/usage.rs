use plan::{Family, NetworkTag};

use super::index::{self, Counts};
use crate::address::AddressRange;
use crate::intervals::Run;
use crate::transaction::View;
use crate::{Store, StoreError};

/// How full ranges are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Addresses in the ranges, each counted once; saturates at the greatest u64.
    pub capacity: u64,
    /// Pending, held or quarantined.
    pub taken: u64,
    /// Released; their cool-down may be over, but nobody has needed them since.
    pub cooling: u64,
}

impl Usage {
    /// How many can still be reserved, those that cool down included.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.capacity.saturating_sub(self.taken)
    }
}

impl Store {
    /// How full the ranges are, all together. A few seeks as long as the network's addresses lie inside the ranges; else
    /// a step for each run of addresses outside of them.
    ///
    /// # Errors
    /// The store's own.
    pub fn usage(&self, network: NetworkTag, ranges: &[AddressRange]) -> Result<Usage, StoreError> {
        self.volatile().read(|view| {
            let mut usage = Usage::default();
            for family in [Family::Ipv4, Family::Ipv6] {
                let inside = union(ranges, family);
                let capacity = inside.iter().map(|run| run.overlap(*run));
                usage.capacity = capacity.fold(usage.capacity, u64::saturating_add);
                if !inside.is_empty() {
                    let counts = inside_counts(*view, network, family, &inside)?;
                    let taken = counts.occupied.saturating_sub(counts.cooling);
                    usage.taken = usage.taken.saturating_add(taken);
                    usage.cooling = usage.cooling.saturating_add(counts.cooling);
                }
            }
            Ok(usage)
        })
    }
}

/// The network's counts less what lies outside: mostly nothing does, and then a gap costs one seek.
fn inside_counts(
    view: View<'_>,
    network: NetworkTag,
    family: Family,
    inside: &[Run],
) -> Result<Counts, StoreError> {
    let mut counts = Counts::read(view, network, family)?;
    for gap in gaps(inside, family.greatest_number()) {
        let occupied = index::occupied(network, family).count(view, gap)?;
        counts.occupied = counts.occupied.saturating_sub(occupied);
        let cooling = index::cooling(network, family).count(view, gap)?;
        counts.cooling = counts.cooling.saturating_sub(cooling);
    }
    Ok(counts)
}

/// The addresses of a family in `ranges` as sorted runs with gaps between them.
fn union(ranges: &[AddressRange], family: Family) -> Vec<Run> {
    let mut runs: Vec<Run> = ranges
        .iter()
        .filter_map(AddressRange::ends)
        .filter(|(of, ..)| *of == family)
        .map(|(_, first, last)| Run { first, last })
        .collect();
    runs.sort_by_key(|run| run.first);
    runs.dedup_by(|next, run| {
        let touches = run
            .last
            .checked_add(1)
            .is_none_or(|behind| next.first <= behind);
        if touches {
            run.last = run.last.max(next.last);
        }
        touches
    });
    runs
}

/// What lies before, between and behind sorted runs.
fn gaps(runs: &[Run], greatest: u128) -> Vec<Run> {
    let mut gaps = Vec::new();
    let mut next = Some(0);
    for run in runs {
        if let Some((first, last)) = next.zip(run.first.checked_sub(1))
            && first <= last
        {
            gaps.push(Run { first, last });
        }
        next = run.last.checked_add(1);
    }
    if let Some(first) = next.filter(|first| *first <= greatest) {
        gaps.push(Run {
            first,
            last: greatest,
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
        }
    }

    #[test]
    fn overlapping_and_touching_ranges_become_one_run() {
        let ranges = [
            range("10.0.0.8", "10.0.0.9"),
            range("10.0.0.0", "10.0.0.3"),
            range("10.0.0.4", "10.0.0.4"),
            range("10.0.0.1", "10.0.0.2"),
            range("10.0.0.9", "10.0.0.1"),
            range("fd00::", "fd00::1"),
        ];
        let runs = union(&ranges, Family::Ipv4);
        let base = 10 << 24;
        assert_eq!(
            runs,
            [
                Run {
                    first: base,
                    last: base + 4
                },
                Run {
                    first: base + 8,
                    last: base + 9
                }
            ]
        );
    }

    #[test]
    fn gaps_are_what_the_runs_leave_out() {
        let all = u128::MAX;
        assert_eq!(
            gaps(
                &[Run {
                    first: 0,
                    last: all
                }],
                all
            ),
            []
        );
        assert_eq!(
            gaps(&[Run { first: 0, last: 3 }, Run { first: 5, last: 9 }], 9),
            [Run { first: 4, last: 4 }]
        );
        assert_eq!(
            gaps(&[Run { first: 2, last: 3 }], 9),
            [Run { first: 0, last: 1 }, Run { first: 4, last: 9 }]
        );
    }
}
