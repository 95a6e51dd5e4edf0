use super::*;
use crate::testing::{TestStore, attachment, location};
use crate::{CoolDown, Record, Store};

const PLUGIN: &str = "quota";

fn overlay(store: &Store, container: &str) -> StorageOverlay {
    store.storage(&attachment(container), Quota::default())
}

/// What the runtime does with an overlay at the end of an ADD.
fn commit(store: &Store, container: &str, overlay: StorageOverlay) -> Result<(), StoreError> {
    let changes = overlay.into_changes();
    store.put_pending(&Record::new(attachment(container), 1, 1), Some(&changes))?;
    store.commit_durable(&changes)
}

fn put(store: &Store, container: &str, scope: Scope, key: &str, value: &[u8]) {
    let mut overlay = overlay(store, container);
    overlay.set(PLUGIN, scope, key, value).unwrap();
    commit(store, container, overlay).unwrap();
}

fn get(store: &Store, container: &str, scope: Scope, key: &str) -> Option<Vec<u8>> {
    overlay(store, container).get(PLUGIN, scope, key).unwrap()
}

#[test]
fn nothing_is_written_before_the_commit() {
    let store = TestStore::new();
    let mut overlay = overlay(&store, "a");
    overlay.set(PLUGIN, Scope::Attachment, "k", b"v").unwrap();
    assert_eq!(
        overlay.get(PLUGIN, Scope::Attachment, "k").unwrap(),
        Some(b"v".to_vec())
    );
    assert_eq!(get(&store, "a", Scope::Attachment, "k"), None);
    commit(&store, "a", overlay).unwrap();
    assert_eq!(
        get(&store, "a", Scope::Attachment, "k"),
        Some(b"v".to_vec())
    );
}

#[test]
fn storage_is_apart_by_plugin_attachment_and_network() {
    let store = TestStore::new();
    put(&store, "a", Scope::Attachment, "k", b"v");
    put(&store, "a", Scope::Durable, "k", b"d");
    assert_eq!(get(&store, "b", Scope::Attachment, "k"), None);
    assert_eq!(get(&store, "b", Scope::Durable, "k"), Some(b"d".to_vec()));
    let mut other = overlay(&store, "a");
    assert_eq!(other.get("other", Scope::Attachment, "k").unwrap(), None);
    let mut elsewhere = attachment("a");
    elsewhere.network = "other".into();
    let mut other = store.storage(&elsewhere, Quota::default());
    assert_eq!(other.get(PLUGIN, Scope::Durable, "k").unwrap(), None);
}

#[test]
fn attachment_scope_goes_with_the_attachment() {
    let store = TestStore::new();
    put(&store, "a", Scope::Attachment, "k", b"v");
    put(&store, "b", Scope::Attachment, "k", b"v");
    store
        .remove(&attachment("a").key(), CoolDown::NONE)
        .unwrap();
    assert_eq!(get(&store, "a", Scope::Attachment, "k"), None);
    assert_eq!(
        get(&store, "b", Scope::Attachment, "k"),
        Some(b"v".to_vec())
    );
    assert_eq!(
        overlay(&store, "a")
            .count(PLUGIN, Scope::Attachment, "k")
            .unwrap(),
        1
    );
}

#[test]
fn keys_are_counted_over_all_attachments_with_the_calls_own_changes() {
    let store = TestStore::new();
    for container in ["a", "b", "c"] {
        put(&store, container, Scope::Attachment, "tenant/x", b"1");
    }
    put(&store, "d", Scope::Attachment, "tenant/y", b"1");
    put(&store, "e", Scope::Attachment, "tenan", b"1");
    let mut overlay = overlay(&store, "f");
    let count = |overlay: &mut StorageOverlay, prefix| {
        overlay.count(PLUGIN, Scope::Attachment, prefix).unwrap()
    };
    assert_eq!(count(&mut overlay, "tenant/"), 4);
    assert_eq!(count(&mut overlay, ""), 5);
    overlay
        .set(PLUGIN, Scope::Attachment, "tenant/x", b"1")
        .unwrap();
    assert_eq!(count(&mut overlay, "tenant/x"), 4);
    overlay
        .delete(PLUGIN, Scope::Attachment, "tenant/x")
        .unwrap();
    assert_eq!(count(&mut overlay, "tenant/x"), 3);
    let mut own = store.storage(&attachment("a"), Quota::default());
    own.delete(PLUGIN, Scope::Attachment, "tenant/x").unwrap();
    assert_eq!(count(&mut own, "tenant/x"), 2);
}

/// Every byte that an attachment's key can begin with occurs here, so some look like one more byte of a stored key.
#[test]
fn a_key_is_not_mistaken_for_a_longer_one() {
    let store = TestStore::new();
    for container in 0..2000 {
        put(&store, &container.to_string(), Scope::Attachment, "k", b"1");
    }
    let mut overlay = overlay(&store, "a");
    for byte in 0..128_u8 {
        let prefix = format!("k{}", char::from(byte));
        assert_eq!(
            overlay.count(PLUGIN, Scope::Attachment, &prefix).unwrap(),
            0
        );
    }
}

#[test]
fn a_call_that_read_what_another_changed_is_a_conflict() {
    let store = TestStore::new();
    let mut reader = overlay(&store, "a");
    reader.get(PLUGIN, Scope::Attachment, "k").unwrap();
    let mut counter = overlay(&store, "b");
    counter.count(PLUGIN, Scope::Attachment, "k").unwrap();
    let mut hinted = overlay(&store, "c");
    hinted.get(PLUGIN, Scope::Durable, "k").unwrap();
    let mut blind = overlay(&store, "d");
    blind.set(PLUGIN, Scope::Durable, "k", b"blind").unwrap();
    put(&store, "a", Scope::Attachment, "k", b"1");
    put(&store, "x", Scope::Durable, "k", b"1");
    for (container, overlay) in [("a", reader), ("b", counter), ("c", hinted)] {
        let error = commit(&store, container, overlay).unwrap_err();
        assert!(
            matches!(error, StoreError::Conflict { .. }),
            "{container}: {error}"
        );
    }
    assert_eq!(store.record(&attachment("b").key()).unwrap(), None);
    commit(&store, "d", blind).unwrap();
    assert_eq!(
        get(&store, "d", Scope::Durable, "k"),
        Some(b"blind".to_vec())
    );
}

#[test]
fn a_change_back_is_no_conflict() {
    let store = TestStore::new();
    put(&store, "x", Scope::Attachment, "k", b"1");
    let mut reader = overlay(&store, "a");
    assert_eq!(reader.count(PLUGIN, Scope::Attachment, "k").unwrap(), 1);
    put(&store, "y", Scope::Attachment, "k", b"1");
    store
        .remove(&attachment("x").key(), CoolDown::NONE)
        .unwrap();
    commit(&store, "a", reader).unwrap();
}

#[test]
fn quotas_hold_over_several_calls_and_shrinking_is_always_allowed() {
    let store = TestStore::new();
    let quota = Quota {
        attachment: 100,
        durable: 100,
    };
    for scope in [Scope::Attachment, Scope::Durable] {
        let mut overlay = store.storage(&attachment("a"), quota);
        overlay.set(PLUGIN, scope, "k", &[0; 60]).unwrap();
        commit(&store, "a", overlay).unwrap();
        let mut overlay = store.storage(&attachment("a"), quota);
        let error = overlay.set(PLUGIN, scope, "l", &[0; 60]).unwrap_err();
        assert!(matches!(
            error,
            StorageError::QuotaExceeded {
                needed: 122,
                quota: 100
            }
        ));
        overlay.set(PLUGIN, scope, "k", &[0; 99]).unwrap();
        overlay.set(PLUGIN, scope, "k", &[0; 10]).unwrap();
        overlay.set(PLUGIN, scope, "l", &[0; 60]).unwrap();
        overlay.set("other", scope, "l", &[0; 60]).unwrap();
        commit(&store, "a", overlay).unwrap();
    }
}

#[test]
fn durable_quota_holds_against_calls_that_ran_at_the_same_time() {
    let store = TestStore::new();
    let quota = Quota {
        attachment: 100,
        durable: 100,
    };
    let mut overlays = Vec::new();
    for key in ["k", "l"] {
        let mut overlay = store.storage(&attachment(key), quota);
        overlay.set(PLUGIN, Scope::Durable, key, &[0; 60]).unwrap();
        overlays.push((key, overlay));
    }
    let results = overlays
        .into_iter()
        .map(|(key, overlay)| commit(&store, key, overlay).is_ok());
    assert_eq!(results.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn keys_have_1_to_256_bytes() {
    let store = TestStore::new();
    let mut overlay = overlay(&store, "a");
    let plugin = "p".repeat(128);
    for scope in [Scope::Attachment, Scope::Durable] {
        for length in [0, 257] {
            let error = overlay
                .set(&plugin, scope, &"k".repeat(length), b"")
                .unwrap_err();
            assert!(matches!(error, StorageError::InvalidKey(of) if of == length));
        }
        overlay.set(&plugin, scope, &"k".repeat(256), b"").unwrap();
    }
    commit(&store, "a", overlay).unwrap();
    let mut again = store.storage(&attachment("a"), Quota::default());
    assert_eq!(
        again
            .count(&plugin, Scope::Attachment, &"k".repeat(256))
            .unwrap(),
        1
    );
    store
        .remove(&attachment("a").key(), CoolDown::NONE)
        .unwrap();
    let mut again = store.storage(&attachment("a"), Quota::default());
    assert_eq!(again.count(&plugin, Scope::Attachment, "").unwrap(), 0);
}

#[test]
fn a_guest_can_not_make_the_host_remember_without_bound() {
    let store = TestStore::new();
    let mut overlay = overlay(&store, "a");
    let read = |number: u32| overlay.get(PLUGIN, Scope::Attachment, &number.to_string());
    let stopped = (0..10_000).map(read).position(|result| result.is_err());
    assert_eq!(stopped, Some(4096));
}

#[test]
fn durable_storage_is_created_by_the_first_write_and_outlives_the_boot() {
    let store = TestStore::new();
    let durable = location(store.directory()).durable_directory();
    assert_eq!(get(&store, "a", Scope::Durable, "k"), None);
    put(&store, "a", Scope::Attachment, "k", b"v");
    assert!(!durable.exists());
    put(&store, "a", Scope::Durable, "k", b"v");
    let directory = store.close();
    let mut location = location(directory.path());
    location.boot_id = "00000000-0c3f-4bd5-9a5e-3a6a3b3c9d10".into();
    let store = Store::open(&location).unwrap();
    store.finish_new(&[], &[]).unwrap();
    assert_eq!(get(&store, "a", Scope::Durable, "k"), Some(b"v".to_vec()));
    assert_eq!(get(&store, "a", Scope::Attachment, "k"), None);
}
