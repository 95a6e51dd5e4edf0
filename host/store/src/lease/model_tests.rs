use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::StoreError;
use crate::testing::{TestStore, attachment, evidence, network, range};

/// One call of a random sequence.
#[derive(Debug, Clone)]
enum Change {
    Next { who: u8, after: u8 },
    Named { who: u8, at: u8 },
    Release { who: u8, seconds: u64 },
    Quarantine { who: u8 },
    Force { at: u8 },
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..6_u8, 0..16_u8).prop_map(|(who, after)| Change::Next { who, after }),
        2 => (0..6_u8, 0..16_u8).prop_map(|(who, at)| Change::Named { who, at }),
        2 => (0..6_u8, 0..40_u64).prop_map(|(who, seconds)| Change::Release { who, seconds }),
        1 => (0..6_u8).prop_map(|who| Change::Quarantine { who }),
        1 => (0..16_u8).prop_map(|at| Change::Force { at }),
    ];
    prop::collection::vec(change, 0..60)
}

fn at(last: u8) -> IpAddr {
    IpAddr::from([10, 1, 0, last])
}

fn apply(store: &TestStore, change: &Change, now: u64) -> Result<(), ReserveError> {
    let ranges = [range("10.1.0.0", "10.1.0.11")];
    let key = |who: &u8| attachment(who).key();
    match change {
        Change::Next { who, after } => {
            store.reserve_next(network(), &ranges, Some(at(*after)), &attachment(who), now)?;
        }
        Change::Named { who, at: last } => {
            match store.reserve(network(), at(*last), &attachment(who), now) {
                Ok(_) | Err(ReserveError::Taken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Change::Release { who, seconds } => {
            store.release(&key(who), CoolDown::lasting(now, *seconds))?;
        }
        Change::Quarantine { who } => {
            store.quarantine_attachment(&key(who), &evidence())?;
        }
        Change::Force { at: last } => {
            store.force_release(network(), at(*last))?;
        }
    }
    Ok(())
}

/// Every index says what the leases say.
fn check_indexes(store: &TestStore) -> Result<(), StoreError> {
    let leases = store.list_leases(LeaseFilter::default(), None)?.leases;
    let is_cooling = |lease: &&Lease| lease.state.kind() == LeaseKind::Cooling;
    store.volatile().read(|view| {
        let family = plan::Family::Ipv4;
        let counts = index::Counts::read(*view, network(), family)?;
        assert_eq!(counts.occupied, leases.len() as u64);
        assert_eq!(
            counts.cooling,
            leases.iter().filter(is_cooling).count() as u64
        );
        for last in 0..20 {
            let number = plan::Family::number_of(at(last));
            let run = crate::intervals::Run {
                first: number,
                last: number,
            };
            let lease = leases.iter().find(|lease| lease.address == at(last));
            let occupied = index::occupied(network(), family).count(*view, run)?;
            assert_eq!(occupied, u64::from(lease.is_some()));
            let cooling = index::cooling(network(), family).count(*view, run)?;
            assert_eq!(
                cooling,
                lease.iter().copied().filter(is_cooling).count() as u64
            );
        }
        let since = view
            .scan(index::cooling_key(network(), family), None)?
            .count();
        assert_eq!(since as u64, counts.cooling);
        Ok(())
    })?;
    for who in 0..6_u8 {
        let of: Vec<Lease> = leases
            .iter()
            .filter(|lease| !is_cooling(lease) && lease.attachment == Some(attachment(who)))
            .cloned()
            .collect();
        assert_eq!(store.leases_of(&attachment(who).key())?, of);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn indexes_follow_the_leases_whatever_happens(changes in changes()) {
        let store = TestStore::new();
        for (now, change) in changes.iter().enumerate() {
            apply(&store, change, 100 + now as u64).unwrap();
            check_indexes(&store).unwrap();
        }
    }
}
