use super::*;
use crate::testing::{TestStore, attachment};

#[test]
fn attachments_are_locked_independently_and_once() {
    let store = TestStore::new();
    let (one, two) = (attachment("1").key(), attachment("2").key());
    let first = store.try_lock_attachment(&one).unwrap();
    let _second = store.try_lock_attachment(&two).unwrap();
    let busy = store
        .lock_attachment(&one, Duration::from_millis(1))
        .unwrap_err();
    assert!(matches!(busy, LockError::Busy { .. }));
    drop(first);
    store.try_lock_attachment(&one).unwrap();
}

#[test]
fn containers_are_locked_independently_and_once() {
    let store = TestStore::new();
    let _first = store.lock_container(1, Duration::ZERO).unwrap();
    let _largest = store.lock_container(u64::MAX, Duration::ZERO).unwrap();
    assert!(store.lock_container(1, Duration::ZERO).is_err());
    store.try_lock_attachment(&attachment("1").key()).unwrap();
}

#[test]
fn one_sweeps_at_a_time() {
    let store = TestStore::new();
    let first = store.try_lock_sweep(Duration::ZERO).unwrap();
    assert!(first.is_some());
    assert!(store.try_lock_sweep(Duration::ZERO).is_err());
    drop(first);
    assert!(store.try_lock_sweep(Duration::ZERO).unwrap().is_some());
}

#[test]
fn none_sweeps_soon_after_another() {
    let store = TestStore::new();
    let hour = Duration::from_secs(3600);
    assert!(store.try_lock_sweep(hour).unwrap().is_some());
    assert!(store.try_lock_sweep(hour).unwrap().is_none());
    let set = |time| {
        let file = std::fs::File::open(store.path().join("sweep.lock")).unwrap();
        file.set_modified(time).unwrap();
    };
    set(SystemTime::now() - 2 * hour);
    assert!(store.try_lock_sweep(hour).unwrap().is_some());
    set(SystemTime::now() + 2 * hour);
    assert!(store.try_lock_sweep(hour).unwrap().is_some());
}

#[test]
fn threads_of_one_process_exclude_each_other() {
    let store = TestStore::new();
    let key = attachment("1").key();
    let held = store.try_lock_attachment(&key).unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            store
                .lock_attachment(&key, Duration::from_secs(60))
                .map(drop)
        });
        drop(held);
        other.join().unwrap().unwrap();
    });
}

#[test]
fn shared_users_of_the_node_exclude_only_the_exclusive_one() {
    let store = TestStore::new();
    let one = store.lock_node_shared(Duration::ZERO).unwrap();
    let two = store.lock_node_shared(Duration::ZERO).unwrap();
    assert!(store.lock_node_exclusive(Duration::ZERO).is_err());
    drop((one, two));
    let _purge = store.lock_node_exclusive(Duration::ZERO).unwrap();
    assert!(store.lock_node_shared(Duration::ZERO).is_err());
}
