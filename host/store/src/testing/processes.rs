//! Many processes on one store, killed at the worst moments. The ignored tests are what the children run.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::time::Duration;

use super::{TestStore, attachment, child, child_directory, location, network, range};
use crate::{CoolDown, LockError, Record, Store, StoreError};

const SAYS: &str = "child says: ";

/// A child of this test binary; killed with SIGKILL and reaped when dropped.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(name: &str, directory: &Path) -> Self {
        let mut child = child(&format!("testing::processes::{name}"), directory)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// What it says next; None when it has ended.
    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, said)) = line.trim_end().split_once(SAYS) {
                return Some(said.to_owned());
            }
            line.clear();
        }
        None
    }

    fn expect(&mut self, word: &str) {
        assert_eq!(self.next().as_deref(), Some(word));
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn say(word: impl std::fmt::Display) {
    println!("\n{SAYS}{word}");
}

fn wait_for_parent() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn open_in_child() -> Store {
    Store::open(&location(&child_directory())).unwrap()
}

fn reserve(store: &Store, container: impl ToString) -> Option<std::net::IpAddr> {
    let ranges = [range("10.1.0.0", "10.1.255.255")];
    let after = store.last_reserved(network(), &ranges).unwrap();
    store
        .reserve_next(network(), &ranges, after, &attachment(container), 1)
        .unwrap()
}

#[test]
#[ignore = "run in a child process"]
fn child_creates_or_waits_and_reserves() {
    wait_for_parent();
    let store = open_in_child();
    if store.is_new() {
        say("new");
        store.finish_new(&[], &[]).unwrap();
    }
    for number in 0..50 {
        let address = reserve(&store, format!("{}-{number}", std::process::id())).unwrap();
        say(address);
    }
}

#[test]
fn processes_at_once_create_the_store_once_and_get_distinct_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let start = |_| Running::start("child_creates_or_waits_and_reserves", directory.path());
    let mut children: Vec<Running> = (0..16).map(start).collect();
    children.iter_mut().for_each(Running::go_on);
    let mut said = Vec::new();
    for child in &mut children {
        while let Some(word) = child.next() {
            said.push(word);
        }
    }
    assert_eq!(said.iter().filter(|word| *word == "new").count(), 1);
    let addresses: BTreeSet<&String> = said.iter().filter(|word| *word != "new").collect();
    assert_eq!((said.len(), addresses.len()), (801, 800));
}

#[test]
#[ignore = "run in a child process"]
fn child_stops_before_finishing_a_new_store() {
    let store = open_in_child();
    assert!(store.is_new());
    say("new");
    wait_for_parent();
    store.finish_new(&[], &[]).unwrap();
    say("finished");
    wait_for_parent();
}

#[test]
fn others_wait_for_the_creator_and_take_over_when_it_dies() {
    let directory = tempfile::tempdir().unwrap();
    let location = location(directory.path());
    let mut creator = Running::start("child_stops_before_finishing_a_new_store", directory.path());
    creator.expect("new");
    let busy = Store::open_within(&location, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(busy, StoreError::CreationBusy { .. }), "{busy}");
    drop(creator);
    let mut creator = Running::start("child_stops_before_finishing_a_new_store", directory.path());
    creator.expect("new");
    creator.go_on();
    creator.expect("finished");
    assert!(
        !Store::open_within(&location, Duration::ZERO)
            .unwrap()
            .is_new()
    );
}

#[test]
#[ignore = "run in a child process"]
fn child_stops_inside_a_write_transaction() {
    let store = open_in_child();
    store
        .volatile()
        .write(|w| {
            w.put(b"Mhalf", b"written")?;
            say("writing");
            wait_for_parent();
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn a_writer_that_is_killed_leaves_nothing_and_blocks_nobody() {
    let store = TestStore::new();
    for round in 0..6 {
        let mut child = Running::start("child_stops_inside_a_write_transaction", store.directory());
        child.expect("writing");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| reserve(&store, round));
            drop(child);
            assert!(waiter.join().unwrap().is_some());
        });
        let half = store
            .volatile()
            .read(|view| Ok(view.get(b"Mhalf")?.is_some()));
        assert!(!half.unwrap());
    }
}

#[test]
#[ignore = "run in a child process"]
fn child_stops_inside_a_read_transaction() {
    let store = open_in_child();
    let read = store.volatile().read(|_| {
        say("reading");
        wait_for_parent();
        Ok(())
    });
    read.unwrap();
}

#[test]
#[ignore = "run in a child process"]
fn child_opens() {
    open_in_child();
    say("opened");
}

#[test]
fn the_slots_of_killed_readers_are_cleared_by_the_next_opener() {
    let store = TestStore::new();
    for expected in [1, 0] {
        let mut child = Running::start("child_stops_inside_a_read_transaction", store.directory());
        child.expect("reading");
        drop(child);
        if expected == 0 {
            Running::start("child_opens", store.directory()).expect("opened");
        }
        let stale = store.volatile().inner().clear_stale_readers().unwrap();
        assert_eq!(stale, expected);
    }
}

#[test]
#[ignore = "run in a child process"]
fn child_uses_everything_and_stalls() {
    let store = open_in_child();
    let me = attachment(std::process::id());
    let record = Record::new(me.clone(), store.next_group().unwrap(), 1);
    reserve(&store, std::process::id()).unwrap();
    let mut storage = store.storage(&me, crate::Quota::default());
    for scope in [crate::Scope::Attachment, crate::Scope::Durable] {
        storage.get("p", scope, "k").unwrap();
        storage.count("p", scope, "k").unwrap();
        storage.set("p", scope, "k", b"v").unwrap();
    }
    let _lock = store.try_lock_attachment(&me.key()).unwrap();
    let page = store.records(None).unwrap();
    store.records_of_network(network(), None).unwrap();
    store.put_pending(&record, None).unwrap();
    store.mark_applied(&record).unwrap();
    store
        .usage(network(), &[range("10.1.0.0", "10.1.0.9")])
        .unwrap();
    store.held(&me.key()).unwrap();
    store.orphaned_leases(None).unwrap();
    store.list_leases(Default::default(), None).unwrap();
    store.record(&me.key()).unwrap();
    say("stalled");
    wait_for_parent();
    drop((page, storage));
}

#[test]
fn stalled_processes_do_not_make_the_file_grow() {
    let store = TestStore::new();
    let start = |_| Running::start("child_uses_everything_and_stalls", store.directory());
    let mut children: Vec<Running> = (0..10).map(start).collect();
    children
        .iter_mut()
        .for_each(|child| child.expect("stalled"));
    let write = |rounds: u32| {
        for round in 0..rounds {
            reserve(&store, "writer").unwrap();
            store
                .put_pending(&Record::new(attachment("writer"), round, 1), None)
                .unwrap();
            store
                .remove(&attachment("writer").key(), CoolDown::NONE)
                .unwrap();
        }
        std::fs::metadata(store.path().join("data.mdb"))
            .unwrap()
            .len()
    };
    let before = write(100);
    let after = write(3000);
    assert!(
        after <= before + (64 << 10),
        "{before} bytes have become {after}"
    );
}

#[test]
#[ignore = "run in a child process"]
fn child_dies_between_reserving_and_recording() {
    let store = open_in_child();
    let _lock = store
        .try_lock_attachment(&attachment("dead").key())
        .unwrap();
    reserve(&store, "dead").unwrap();
    say("reserved");
    wait_for_parent();
}

#[test]
fn a_death_before_the_record_leaves_leases_that_a_sweep_finds() {
    let store = TestStore::new();
    let key = attachment("dead").key();
    reserve(&store, "alive").unwrap();
    store
        .put_pending(&Record::new(attachment("alive"), 1, 1), None)
        .unwrap();
    let mut child = Running::start(
        "child_dies_between_reserving_and_recording",
        store.directory(),
    );
    child.expect("reserved");
    let busy = store.try_lock_attachment(&key).unwrap_err();
    assert!(matches!(busy, LockError::Busy { .. }));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| store.lock_attachment(&key, Duration::from_secs(60)));
        drop(child);
        waiter.join().unwrap().unwrap();
    });
    let orphans = store.orphaned_leases(None).unwrap().orphans;
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].0, attachment("dead"));
    store.release(&key, CoolDown::NONE).unwrap();
    assert!(store.orphaned_leases(None).unwrap().orphans.is_empty());
}
