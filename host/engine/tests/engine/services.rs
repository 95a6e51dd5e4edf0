//! What a plugin asks of the host reaches it checked and counted.

use engine::{AddressRange, Limits, LogLevel, Misuse, Outcome, Scope};

use crate::support::{Guest, Recorder, attachment, ipam, outcome};

const LEASES: &str = "wasm-cni:plugin/leases@0.1.0";
const STORAGE: &str = "wasm-cni:plugin/storage@0.1.0";

fn run(guest: &Guest, recorder: &Recorder, limits: Limits) -> Result<(), Outcome> {
    let ended = ipam(guest, limits).allocate(recorder.services(), &attachment(), "{}", None);
    ended.map(drop).map_err(|error| error.outcome)
}

#[test]
fn a_reservation_is_made_and_outlives_a_failure() {
    let guest = Guest::allocating(
        "(call $reserve (i32.const 0) (i32.const 10) (i32.const 1) (i32.const 0) (i32.const 5)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
         unreachable",
    );
    let guest = guest.import(
        LEASES,
        "reserve",
        "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)",
    );
    let recorder = Recorder::default();
    assert!(run(&guest, &recorder, Limits::default()).is_err());
    assert_eq!(
        recorder.held(),
        ["10.1.0.5".parse::<std::net::IpAddr>().unwrap()]
    );
}

/// Asks for the next address of one range of IPv4: `from` to `to` in its last byte.
fn next_of(from: u8, to: u8) -> Guest {
    Guest::allocating(&format!(
        "(i32.store8 (i32.const 1026) (i32.const 10)) (i32.store8 (i32.const 1029) (i32.const {from}))
         (i32.store8 (i32.const 1044) (i32.const 10)) (i32.store8 (i32.const 1047) (i32.const {to}))
         (call $reserve-next (i32.const 1024) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
         (i32.const 16)"
    ))
    .import(LEASES, "reserve-next", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
}

#[test]
fn ranges_arrive_as_they_were_given() {
    let recorder = Recorder::default();
    run(&next_of(2, 9), &recorder, Limits::default()).unwrap();
    let range = AddressRange {
        first: [10, 0, 0, 2].into(),
        last: [10, 0, 0, 9].into(),
    };
    assert_eq!(recorder.ranges(), [range]);
    assert_eq!(recorder.held(), [range.first]);
}

#[test]
fn a_range_that_is_none_ends_the_call_and_not_the_host() {
    let ended = run(&next_of(9, 2), &Recorder::default(), Limits::default()).unwrap_err();
    assert!(
        matches!(ended, Outcome::Misused(Misuse::NotARange(..))),
        "{ended:?}"
    );
}

#[test]
fn a_store_that_fails_is_the_hosts_failure_and_not_the_plugins() {
    let guest = Guest::allocating("(call $held (i32.const 512)) (i32.const 16)");
    let guest = guest.import(LEASES, "held", "(param i32)");
    let ended = run(&guest, &Recorder::broken(), Limits::default()).unwrap_err();
    assert_eq!(
        ended.to_string(),
        "the host could not serve it: disk on fire"
    );
    assert!(matches!(ended, Outcome::Service(_)), "{ended:?}");
}

#[test]
fn a_value_is_kept_under_its_key_and_an_empty_key_is_refused() {
    let guest = Guest::allocating(
        "(i32.store (i32.const 1024) (i32.const 0x79656b))
         (call $set (i32.const 1) (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 2) (i32.const 512))
         (if (i32.load8_u (i32.const 512)) (then unreachable))
         (call $set (i32.const 1) (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 2) (i32.const 512))
         (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable))
         (i32.const 16)",
    );
    let guest = guest.import(STORAGE, "set", "(param i32 i32 i32 i32 i32 i32)");
    let recorder = Recorder::default();
    run(&guest, &recorder, Limits::default()).unwrap();
    assert_eq!(recorder.value(Scope::Durable, "key"), Some(b"ke".to_vec()));
    assert_eq!(recorder.value(Scope::Attachment, "key"), None);
}

/// Writes the 100 bytes at 1024 to the log, this often.
fn talkative(times: u32) -> Guest {
    Guest::allocating(&format!(
        "(local $i i32)
         (memory.fill (i32.const 1024) (i32.const 0x61) (i32.const 100))
         (loop $again
            (call $write (i32.const 1) (i32.const 1024) (i32.const 100))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const {times}))))
         (i32.const 16)"
    ))
    .import("wasm-cni:plugin/log@0.1.0", "write", "(param i32 i32 i32)")
}

#[test]
fn a_flood_of_log_is_cut_and_does_not_fail_the_call() {
    let recorder = Recorder::default();
    run(
        &talkative(50),
        &recorder,
        Limits {
            log_kib: 1,
            ..Limits::default()
        },
    )
    .unwrap();
    let lines = recorder.lines();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[0], (LogLevel::Info, "a".repeat(100)));
    assert_eq!(lines[10].1.len(), 24);
    assert!(
        lines[11].1.starts_with("3976 more bytes"),
        "{:?}",
        lines[11]
    );
}

#[test]
fn host_calls_are_counted() {
    let limits = Limits {
        host_calls: 20,
        ..Limits::default()
    };
    assert!(run(&talkative(20), &Recorder::default(), limits.clone()).is_ok());
    let ended = outcome(&talkative(21), limits);
    assert!(
        matches!(ended, Outcome::TooManyHostCalls { limit: 20 }),
        "{ended:?}"
    );
}

#[test]
fn what_is_handed_to_the_host_is_counted_over_all_calls() {
    let limits = Limits {
        host_call_kib: 1,
        ..Limits::default()
    };
    assert!(run(&talkative(10), &Recorder::default(), limits.clone()).is_ok());
    let ended = outcome(&talkative(11), limits);
    assert!(
        matches!(ended, Outcome::TooManyHostCallBytes { limit: 1024 }),
        "{ended:?}"
    );
}

#[test]
fn the_clock_shows_the_instant_of_the_call() {
    let guest = Guest::allocating(
        "(call $now (i32.const 512))
         (if (i64.ne (i64.load (i32.const 512)) (i64.const 1000000)) (then unreachable))
         (if (i32.ne (i32.load (i32.const 520)) (i32.const 500000000)) (then unreachable))
         (i32.const 16)",
    );
    let guest = guest.import("wasm-cni:plugin/clock@0.1.0", "now", "(param i32)");
    run(&guest, &Recorder::default(), Limits::default()).unwrap();
}
