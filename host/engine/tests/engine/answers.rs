//! What a plugin answers is checked again, and what the host tells it arrives.

use engine::{Failure, Limits, Malformed, Outcome};
use plan::Addressing;

use crate::support::{Guest, Recorder, allocate, ipam, outcome};

/// An allocation whose list of addresses begins at 1024 and has `count` entries; `prefix` is the first one's.
fn addresses(count: u32, prefix: u8) -> Guest {
    Guest::allocating(&format!(
        "(memory.fill (i32.const 1024) (i32.const 0) (i32.const 900000))
         (i32.store8 (i32.const 1026) (i32.const 10))
         (i32.store8 (i32.const 1042) (i32.const {prefix}))
         (i32.store (i32.const 20) (i32.const 1024))
         (i32.store (i32.const 24) (i32.const {count}))
         (i32.const 16)"
    ))
    .pages(16)
}

#[test]
fn an_empty_allocation_is_an_allocation() {
    assert_eq!(
        allocate(&Guest::default(), Limits::default()).unwrap(),
        Addressing::default()
    );
}

#[test]
fn an_address_arrives_as_it_was_given() {
    let given = allocate(&addresses(1, 8), Limits::default()).unwrap();
    assert_eq!(given.addresses.len(), 1);
    assert_eq!(given.addresses[0].address, "10.0.0.0/8".parse().unwrap());
    assert_eq!(given.addresses[0].gateway, None);
}

#[test]
fn the_plugins_own_failure_is_told_apart_and_carries_its_text() {
    // The failure `invalid-config` with the configuration as its text.
    let guest = Guest::validating(
        "(i32.store8 (i32.const 16) (i32.const 1))
         (i32.store (i32.const 24) (local.get 0))
         (i32.store (i32.const 28) (local.get 1))
         (i32.const 16)",
    );
    let ipam = ipam(&guest, Limits::default());
    let error = ipam
        .validate(Recorder::default().services(), "key \"x\"\u{7}")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin guest, validate: key \"x\"\u{fffd}"
    );
    let Outcome::Failed(failure) = error.outcome else {
        panic!("{:?}", error.outcome)
    };
    assert_eq!(
        failure,
        Failure::InvalidConfig("key \"x\"\u{fffd}".to_owned())
    );
}

#[test]
fn a_prefix_longer_than_an_address_is_malformed() {
    let ended = outcome(&addresses(1, 200), Limits::default());
    let expected = Malformed::PrefixLength {
        address: [10, 0, 0, 0].into(),
        length: 200,
        bits: 32,
    };
    assert!(
        matches!(&ended, Outcome::Malformed(found) if *found == expected),
        "{ended:?}"
    );
}

#[test]
fn more_addresses_than_allowed_are_malformed() {
    let ended = outcome(&addresses(65, 8), Limits::default());
    assert!(
        matches!(
            ended,
            Outcome::Malformed(Malformed::TooMany { count: 65, .. })
        ),
        "{ended:?}"
    );
}

#[test]
fn ten_thousand_addresses_are_too_large() {
    let ended = outcome(&addresses(10_000, 8), Limits::default());
    assert!(matches!(ended, Outcome::AnswerTooLarge { .. }), "{ended:?}");
}

#[test]
fn an_answer_that_lies_outside_the_memory_is_no_answer() {
    let ended = outcome(&addresses(1_000_000, 8), Limits::default());
    assert!(
        matches!(ended, Outcome::Trapped { .. } | Outcome::Unreadable { .. }),
        "{ended:?}"
    );
}

/// The resolver's domain: a text at 1024 of this length.
fn domain(length: u32) -> Guest {
    Guest::allocating(&format!(
        "(memory.fill (i32.const 1024) (i32.const 0x61) (i32.const {length}))
         (i32.store8 (i32.const 44) (i32.const 1))
         (i32.store (i32.const 48) (i32.const 1024))
         (i32.store (i32.const 52) (i32.const {length}))
         (i32.const 16)"
    ))
    .pages(64)
}

#[test]
fn a_text_has_its_bound_and_a_huge_one_is_not_even_copied() {
    assert_eq!(
        allocate(&domain(253), Limits::default())
            .unwrap()
            .dns
            .domain
            .unwrap()
            .len(),
        253
    );
    let ended = outcome(&domain(254), Limits::default());
    assert!(
        matches!(ended, Outcome::Malformed(Malformed::TooLong { .. })),
        "{ended:?}"
    );
    let ended = outcome(&domain(2 << 20), Limits::default());
    assert!(matches!(ended, Outcome::Unreadable { .. }), "{ended:?}");
}
