use std::collections::BTreeSet;

use plan::Family;
use proptest::prelude::*;

use super::*;
use crate::testing::{TestStore, network};

fn set(family: Family) -> Intervals {
    Intervals {
        table: Table::OccupiedRun,
        network: network(),
        family,
    }
}

fn maximal_runs(model: &BTreeSet<u128>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for at in model {
        match runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(*at) => run.last = *at,
            _ => runs.push(Run {
                first: *at,
                last: *at,
            }),
        }
    }
    runs
}

/// Addresses close together, at the lower and at the upper end of a family.
fn places(family: Family) -> impl Strategy<Value = u128> {
    prop_oneof![
        0..24_u128,
        (0..24_u128).prop_map(move |below| family.greatest_number() - below)
    ]
}

fn agrees_with_a_set(family: Family, changes: &[(bool, u128)], asks: &[(u128, u128)]) {
    let store = TestStore::new();
    let set = set(family);
    let mut model = BTreeSet::new();
    store
        .volatile()
        .write(|w| {
            for (insert, at) in changes {
                if *insert {
                    assert_eq!(set.insert(w, *at)?, model.insert(*at));
                } else {
                    assert_eq!(set.remove(w, *at)?, model.remove(at));
                }
                assert_eq!(set.runs(w.view())?, maximal_runs(&model));
            }
            for (first, last) in asks {
                let within = Run {
                    first: *first.min(last),
                    last: *first.max(last),
                };
                let inside = model.range(within.first..=within.last).count();
                assert_eq!(set.count(w.view(), within)?, inside as u64);
                let free = (within.first..=within.last)
                    .take(64)
                    .find(|at| !model.contains(at));
                assert_eq!(set.next_free(w.view(), within)?, free);
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ipv4_runs_agree_with_a_set(
        changes in prop::collection::vec((prop::bool::weighted(0.65), places(Family::Ipv4)), 0..120),
        asks in prop::collection::vec((places(Family::Ipv4), places(Family::Ipv4)), 8),
    ) {
        agrees_with_a_set(Family::Ipv4, &changes, &asks);
    }

    #[test]
    fn ipv6_runs_agree_with_a_set(
        changes in prop::collection::vec((prop::bool::weighted(0.65), places(Family::Ipv6)), 0..120),
        asks in prop::collection::vec((places(Family::Ipv6), places(Family::Ipv6)), 8),
    ) {
        agrees_with_a_set(Family::Ipv6, &changes, &asks);
    }
}

#[test]
fn networks_and_families_do_not_touch_each_other() {
    let store = TestStore::new();
    let other = Intervals {
        network: plan::NetworkTag::of("other"),
        ..set(Family::Ipv4)
    };
    store
        .volatile()
        .write(|w| {
            set(Family::Ipv4).insert(w, 5)?;
            set(Family::Ipv6).insert(w, 6)?;
            other.insert(w, 4)?;
            assert_eq!(
                set(Family::Ipv4).runs(w.view())?,
                [Run { first: 5, last: 5 }]
            );
            assert_eq!(
                set(Family::Ipv6).runs(w.view())?,
                [Run { first: 6, last: 6 }]
            );
            assert_eq!(other.runs(w.view())?, [Run { first: 4, last: 4 }]);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}
