use plan::{Family, NetnsIdentity, NetworkTag};

use super::*;
use crate::key::{Key, Table};
use crate::testing::{TestStore, attachment, evidence, network, range};
use crate::{CoolDown, LeaseFilter, LeaseKind};

fn record(container: impl ToString) -> Record {
    let netns = NetnsIdentity {
        cookie: 4711,
        path: "/run/netns/x".into(),
        nsid: Some(3),
    };
    let mut record = Record::new(attachment(container), 0x5743_4e00, 1_700_000_000);
    record.netns = Some(netns.clone());
    record.parts.push(StagePart {
        id: "bridge-1234".into(),
        plugin: "bridge".into(),
        steps: vec![
            Step::Forwarding {
                family: Family::Ipv4,
            },
            Step::Loopback {},
        ],
        undo: vec![Undo::LoopbackDown { netns }],
        changes: vec![],
        call: None,
        addressing: Some(Addressing::default()),
        config: serde_json::json!({"type": "wasm-cni", "mtu": 1500}),
        result: serde_json::json!({"ips": [{"address": "10.1.0.2/16"}]}),
    });
    record
}

fn reserve(store: &TestStore, container: impl ToString) {
    let ranges = [range("10.1.0.0", "10.1.255.255")];
    store
        .reserve_next(network(), &ranges, None, &attachment(container), 1)
        .unwrap()
        .unwrap();
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let store = TestStore::new();
    store.put_pending(&record("a"), None).unwrap();
    assert_eq!(
        store.record(&attachment("a").key()).unwrap(),
        Some(record("a"))
    );
    assert_eq!(store.record(&attachment("b").key()).unwrap(), None);
}

#[test]
fn every_attachment_has_neighbours_and_is_a_neighbour() {
    let store = TestStore::new();
    let keys: Vec<_> = (0..5_u32)
        .map(|number| {
            let mut record = record(number);
            record.group += number;
            store.put_pending(&record, None).unwrap();
            record.attachment.key()
        })
        .collect();
    let neighbours = |key: &plan::AttachmentKey, most| store.neighbours(key, most).unwrap();
    let mut seen = Vec::new();
    for key in &keys {
        let all = neighbours(key, 9);
        assert_eq!(all.len(), 4);
        assert!(!all.contains(key));
        seen.extend(neighbours(key, 1));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "each is next to some other");
    // One that has no record is somewhere among them too.
    assert_eq!(neighbours(&attachment("none").key(), 9).len(), 5);
}

#[test]
fn the_records_of_a_container_are_found_by_its_namespace() {
    let store = TestStore::new();
    let of = |container: &str, cookie: u64, group: u32| {
        let mut record = record(container);
        record.group = group;
        record.netns.as_mut().unwrap().cookie = cookie;
        store.put_pending(&record, None).unwrap();
    };
    let inside = |cookie: u64| -> Vec<String> {
        let records = store.records_in_netns(cookie).unwrap();
        let ids = records
            .into_iter()
            .map(|record| record.attachment.container_id);
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids
    };
    of("a", 1, 10);
    of("b", 1, 11);
    of("c", 2, 12);
    assert_eq!(inside(1), ["a", "b"]);
    // Another container of the same name.
    of("a", 2, 13);
    assert_eq!((inside(1), inside(2).len()), (vec!["b".to_owned()], 2));
    store
        .remove(&attachment("b").key(), CoolDown::NONE)
        .unwrap();
    assert_eq!(inside(1), Vec::<String>::new());
}

#[test]
fn applying_holds_the_leases() {
    let store = TestStore::new();
    reserve(&store, "a");
    store.put_pending(&record("a"), None).unwrap();
    let mut record = record("a");
    record.parts[0].result = serde_json::json!({"changed": true});
    store.mark_applied(&record).unwrap();
    let stored = store.record(&attachment("a").key()).unwrap().unwrap();
    assert_eq!(
        stored,
        Record {
            state: RecordState::Applied,
            ..record
        }
    );
    let held = store.held(&attachment("a").key()).unwrap();
    assert_eq!(held[0].state.kind(), LeaseKind::Held);
    assert_eq!(
        store
            .release_pending(&attachment("a").key(), CoolDown::NONE)
            .unwrap(),
        []
    );
}

#[test]
fn a_record_that_was_removed_can_not_be_applied() {
    let store = TestStore::new();
    store.put_pending(&record("a"), None).unwrap();
    store
        .remove(&attachment("a").key(), CoolDown::NONE)
        .unwrap();
    let error = store.mark_applied(&record("a")).unwrap_err();
    assert!(matches!(error, StoreError::NoRecord(of) if of == attachment("a")));
}

#[test]
fn removing_takes_record_and_leases_and_can_be_repeated() {
    let store = TestStore::new();
    let key = attachment("a").key();
    reserve(&store, "a");
    reserve(&store, "a");
    store.put_pending(&record("a"), None).unwrap();
    store.mark_applied(&record("a")).unwrap();
    let removed = store.remove(&key, CoolDown::lasting(100, 60)).unwrap();
    assert!(removed.record);
    assert_eq!(removed.leases.len(), 2);
    assert_eq!(store.record(&key).unwrap(), None);
    assert_eq!(
        store.remove(&key, CoolDown::lasting(100, 60)).unwrap(),
        Removed::default()
    );
    assert!(
        store
            .records_of_network(network(), None)
            .unwrap()
            .records
            .is_empty()
    );
    let filter = LeaseFilter {
        kind: Some(LeaseKind::Cooling),
        network: None,
    };
    assert_eq!(store.list_leases(filter, None).unwrap().leases.len(), 2);
}

#[test]
fn a_quarantined_attachment_keeps_its_record_until_it_is_removed() {
    let store = TestStore::new();
    let key = attachment("a").key();
    reserve(&store, "a");
    store.put_pending(&record("a"), None).unwrap();
    store.quarantine_attachment(&key, &evidence()).unwrap();
    assert!(store.record(&key).unwrap().is_some());
    assert_eq!(
        store.leases_of(&key).unwrap()[0].state.kind(),
        LeaseKind::Quarantined
    );
    let removed = store.remove(&key, CoolDown::lasting(100, 60)).unwrap();
    assert_eq!(removed.leases.len(), 1);
    let leases = store
        .list_leases(LeaseFilter::default(), None)
        .unwrap()
        .leases;
    assert_eq!(leases[0].state.kind(), LeaseKind::Cooling);
}

#[test]
fn records_come_in_pages_and_by_network() {
    let store = TestStore::new();
    for container in 0..600 {
        let mut record = record(container);
        record.group += container;
        if container % 2 == 0 {
            record.attachment.network = "other".into();
        }
        store.put_pending(&record, None).unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut after = None;
    loop {
        let page = store.records(after).unwrap();
        seen.extend(page.records.iter().map(|record| record.attachment.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 600);
    let first = store
        .records_of_network(NetworkTag::of("other"), None)
        .unwrap();
    let second = store
        .records_of_network(NetworkTag::of("other"), first.next)
        .unwrap();
    assert_eq!(
        (first.records.len() + second.records.len(), second.next),
        (300, None)
    );
    assert!(
        second
            .records
            .iter()
            .all(|record| record.attachment.network == "other")
    );
}

#[test]
fn a_record_that_can_not_be_read_hides_no_other_and_can_be_removed() {
    let store = TestStore::new();
    store.put_pending(&record("a"), None).unwrap();
    store.put_pending(&record("b"), None).unwrap();
    let key = attachment("a").key();
    let record_key = Key::of(Table::Record).attachment(&key);
    store
        .volatile()
        .write(|w| {
            let mut value = w.view().get(&record_key)?.unwrap().to_vec();
            value.pop();
            w.put(&record_key, &value)
        })
        .unwrap();
    assert!(matches!(
        store.record(&key),
        Err(StoreError::Corrupt { .. })
    ));
    for page in [
        store.records(None).unwrap(),
        store.records_of_network(network(), None).unwrap(),
    ] {
        assert_eq!((page.records.len(), page.unreadable.len()), (1, 1));
        assert_eq!(page.unreadable[0].attachment, key);
    }
    assert!(store.remove(&key, CoolDown::NONE).unwrap().record);
    assert_eq!(
        store
            .records_of_network(network(), None)
            .unwrap()
            .records
            .len(),
        1
    );
}

#[test]
fn new_stores_do_not_all_begin_with_the_same_link_group() {
    let store = TestStore::new();
    let counter = Key::of(Table::Meta).bytes(b"group");
    let mut begun = std::collections::BTreeSet::new();
    for _ in 0..4 {
        store.volatile().write(|w| w.delete(&counter)).unwrap();
        begun.insert(store.next_group().unwrap());
    }
    assert!(begun.len() > 1, "{begun:?}");
}

#[test]
fn a_record_that_forgets_connections_is_read_without_that() {
    let mut document = serde_json::to_value(record("a")).unwrap();
    for (list, tag) in [("steps", "step"), ("undo", "undo")] {
        let retired = serde_json::json!({tag: "forget-connections", "tag": "0011223344556677", "forwards": []});
        let entries = document["parts"][0][list].as_array_mut().unwrap();
        entries.push(retired);
    }
    let read = |document: &serde_json::Value| Record::decode(document.to_string().as_bytes());
    assert_eq!(read(&document).unwrap(), record("a"));
    // What is not known is not passed over.
    document["parts"][0]["undo"][0]["undo"] = "anything".into();
    assert!(matches!(read(&document), Err(StoreError::Corrupt { .. })));
}

#[test]
fn link_groups_are_unique_even_when_the_counter_goes_round() {
    let store = TestStore::new();
    let first = 0x5743_4e00;
    let begun = store.next_group().unwrap();
    assert!((first..first + 0x1_0000).contains(&begun), "{begun:x}");
    assert_eq!(store.next_group().unwrap(), begun + 1);
    store
        .put_pending(
            &Record {
                group: first,
                ..record("a")
            },
            None,
        )
        .unwrap();
    let counter = Key::of(Table::Meta).bytes(b"group");
    store
        .volatile()
        .write(|w| w.put(&counter, &0x7fff_ffff_u32.to_be_bytes()))
        .unwrap();
    assert_eq!(store.next_group().unwrap(), 0x7fff_ffff);
    assert_eq!(store.next_group().unwrap(), first + 1);
    store
        .remove(&attachment("a").key(), CoolDown::NONE)
        .unwrap();
    store
        .volatile()
        .write(|w| w.put(&counter, &0x7fff_ffff_u32.to_be_bytes()))
        .unwrap();
    assert_eq!(store.next_group().unwrap(), 0x7fff_ffff);
    assert_eq!(store.next_group().unwrap(), first);
}
