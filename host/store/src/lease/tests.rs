use std::net::IpAddr;

use plan::NetworkTag;

use super::*;
use crate::testing::{TestStore, attachment, evidence, network, range};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn next(
    store: &TestStore,
    ranges: &[AddressRange],
    after: Option<&str>,
    who: &str,
) -> Option<IpAddr> {
    let after = after.map(ip);
    store
        .reserve_next(network(), ranges, after, &attachment(who), 100)
        .unwrap()
}

fn cooling(until: UnixSeconds) -> CoolDown {
    CoolDown {
        released_at: 100,
        until,
    }
}

#[test]
fn an_address_belongs_to_one_attachment() {
    let store = TestStore::new();
    let address = ip("10.1.0.2");
    let first = store
        .reserve(network(), address, &attachment("a"), 1)
        .unwrap();
    assert_eq!(first, Reservation::New);
    let again = store
        .reserve(network(), address, &attachment("a"), 2)
        .unwrap();
    assert_eq!(again, Reservation::Existing);
    let error = store
        .reserve(network(), address, &attachment("b"), 3)
        .unwrap_err();
    assert_eq!(error.to_string(), "10.1.0.2 is taken by pods/a/eth0");
    let other = NetworkTag::of("other");
    assert_eq!(
        store.reserve(other, address, &attachment("b"), 3).unwrap(),
        Reservation::New
    );
}

#[test]
fn the_next_address_follows_the_last_and_goes_round_once() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.4"), range("10.2.0.1", "10.2.0.1")];
    assert_eq!(next(&store, &ranges, None, "a"), Some(ip("10.1.0.2")));
    assert_eq!(
        store.last_reserved(network(), &ranges).unwrap(),
        Some(ip("10.1.0.2"))
    );
    assert_eq!(
        next(&store, &ranges, Some("10.1.0.3"), "b"),
        Some(ip("10.1.0.4"))
    );
    assert_eq!(
        next(&store, &ranges, Some("10.1.0.4"), "c"),
        Some(ip("10.2.0.1"))
    );
    assert_eq!(
        next(&store, &ranges, Some("10.2.0.1"), "d"),
        Some(ip("10.1.0.3"))
    );
    assert_eq!(next(&store, &ranges, Some("10.1.0.3"), "e"), None);
    assert_eq!(next(&store, &ranges, Some("192.0.2.1"), "e"), None);
    assert_eq!(next(&store, &[], None, "e"), None);
}

#[test]
fn the_address_itself_is_searched_last() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.2")];
    assert_eq!(
        next(&store, &ranges, Some("10.1.0.2"), "a"),
        Some(ip("10.1.0.2"))
    );
}

#[test]
fn the_last_address_of_each_family_can_be_reserved() {
    let store = TestStore::new();
    let ranges = [range("255.255.255.255", "255.255.255.255")];
    assert_eq!(
        next(&store, &ranges, None, "a"),
        Some(ip("255.255.255.255"))
    );
    assert_eq!(next(&store, &ranges, Some("255.255.255.255"), "b"), None);
    let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    assert_eq!(
        next(&store, &[range(last, last)], None, "a"),
        Some(ip(last))
    );
    assert_eq!(next(&store, &[range(last, last)], Some(last), "b"), None);
}

#[test]
fn ranges_that_hold_nothing_give_nothing() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.9", "10.1.0.2"), range("10.1.0.2", "fd00::9")];
    assert_eq!(next(&store, &ranges, None, "a"), None);
    assert_eq!(store.usage(network(), &ranges).unwrap(), Usage::default());
}

#[test]
fn an_attachment_holds_at_most_64_addresses() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.0", "10.1.0.255")];
    for _ in 0..MAX_ADDRESSES {
        next(&store, &ranges, None, "a").unwrap();
    }
    let error = store
        .reserve_next(network(), &ranges, None, &attachment("a"), 1)
        .unwrap_err();
    assert!(matches!(error, ReserveError::TooMany));
    assert!(next(&store, &ranges, None, "b").is_some());
}

#[test]
fn a_released_address_cools_down_before_it_is_free() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.3")];
    next(&store, &ranges, None, "a");
    store.release(&attachment("a").key(), cooling(160)).unwrap();
    assert_eq!(store.held(&attachment("a").key()).unwrap(), []);
    assert_eq!(next(&store, &ranges, None, "b"), Some(ip("10.1.0.3")));
    store
        .release(&attachment("b").key(), CoolDown::NONE)
        .unwrap();
    let later = store
        .reserve_next(network(), &ranges, None, &attachment("c"), 160)
        .unwrap();
    assert_eq!(later, Some(ip("10.1.0.2")));
}

#[test]
fn a_long_cool_down_does_not_hold_up_a_shorter_one_behind_it() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.3")];
    for (who, released_at, until) in [("a", 100, u64::MAX), ("b", 101, 110)] {
        next(&store, &ranges, None, who);
        store
            .release(&attachment(who).key(), CoolDown { released_at, until })
            .unwrap();
    }
    let later = store
        .reserve_next(network(), &ranges, None, &attachment("c"), 110)
        .unwrap();
    assert_eq!(later, Some(ip("10.1.0.3")));
    let kind = |address| {
        store
            .lease(network(), ip(address))
            .unwrap()
            .unwrap()
            .state
            .kind()
    };
    assert_eq!(kind("10.1.0.2"), LeaseKind::Cooling);
    assert_eq!(kind("10.1.0.3"), LeaseKind::Pending);
    assert_eq!(store.lease(network(), ip("10.1.0.4")).unwrap(), None);
}

#[test]
fn the_longest_cooling_address_serves_when_nothing_else_is_left() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.4")];
    for who in ["a", "b", "c"] {
        next(&store, &ranges, None, who);
    }
    for (who, released_at) in [("b", 101), ("a", 103)] {
        let cool_down = CoolDown {
            released_at,
            until: 1000,
        };
        store.release(&attachment(who).key(), cool_down).unwrap();
    }
    // Outside of the ranges: released earlier, and never given.
    store
        .reserve(network(), ip("10.9.0.1"), &attachment("x"), 1)
        .unwrap();
    store
        .release(
            &attachment("x").key(),
            CoolDown {
                released_at: 1,
                until: 1000,
            },
        )
        .unwrap();
    assert_eq!(next(&store, &ranges, None, "d"), Some(ip("10.1.0.3")));
    assert_eq!(next(&store, &ranges, None, "e"), Some(ip("10.1.0.2")));
    assert_eq!(next(&store, &ranges, None, "f"), None);
}

#[test]
fn a_cooling_address_can_be_asked_for_by_name() {
    let store = TestStore::new();
    store
        .reserve(network(), ip("10.1.0.2"), &attachment("a"), 1)
        .unwrap();
    store
        .release(&attachment("a").key(), cooling(1000))
        .unwrap();
    let taken = store
        .reserve(network(), ip("10.1.0.2"), &attachment("b"), 100)
        .unwrap();
    assert_eq!(taken, Reservation::New);
    assert_eq!(store.held(&attachment("b").key()).unwrap().len(), 1);
}

#[test]
fn quarantined_addresses_are_never_handed_out() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.2")];
    next(&store, &ranges, None, "a");
    let key = attachment("a").key();
    assert_eq!(store.quarantine_attachment(&key, &evidence()).unwrap(), 1);
    assert_eq!(store.release(&key, CoolDown::NONE).unwrap(), []);
    assert_eq!(next(&store, &ranges, None, "b"), None);
    let error = store
        .reserve(network(), ip("10.1.0.2"), &attachment("a"), 100)
        .unwrap_err();
    assert!(
        error.to_string().contains("veth0 may still have it"),
        "{error}"
    );
    let freed = store
        .force_release(network(), ip("10.1.0.2"))
        .unwrap()
        .unwrap();
    assert_eq!(freed.attachment, Some(attachment("a")));
    assert_eq!(next(&store, &ranges, None, "b"), Some(ip("10.1.0.2")));
}

#[test]
fn only_the_holder_can_release_an_address() {
    let store = TestStore::new();
    let address = ip("10.1.0.2");
    store
        .reserve(network(), address, &attachment("a"), 1)
        .unwrap();
    let release = |who| {
        store
            .release_one(network(), address, &attachment(who), CoolDown::NONE)
            .unwrap()
    };
    assert!(!release("b"));
    assert!(release("a"));
    assert!(!release("a"));
}

#[test]
fn usage_counts_what_lies_inside_the_ranges() {
    let store = TestStore::new();
    let ranges = [
        range("10.1.0.0", "10.1.0.9"),
        range("10.1.0.5", "10.1.0.15"),
    ];
    for (who, address) in [
        ("a", "10.1.0.1"),
        ("b", "10.1.0.7"),
        ("c", "10.1.0.15"),
        ("x", "10.3.0.1"),
    ] {
        store
            .reserve(network(), ip(address), &attachment(who), 1)
            .unwrap();
    }
    store
        .release(&attachment("c").key(), cooling(1000))
        .unwrap();
    store
        .release(&attachment("x").key(), cooling(1000))
        .unwrap();
    let usage = store.usage(network(), &ranges).unwrap();
    assert_eq!(
        usage,
        Usage {
            capacity: 16,
            taken: 2,
            cooling: 1
        }
    );
    assert_eq!(usage.left(), 14);
    let all = store.usage(
        network(),
        &[range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")],
    );
    assert_eq!(
        all.unwrap(),
        Usage {
            capacity: u64::MAX,
            taken: 0,
            cooling: 0
        }
    );
}

#[test]
fn leases_are_listed_in_pages_and_by_state() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.0", "10.1.255.255")];
    for who in 0..1500 {
        next(&store, &ranges, None, &who.to_string());
    }
    store
        .release(&attachment("700").key(), cooling(1000))
        .unwrap();
    let first = store.list_leases(LeaseFilter::default(), None).unwrap();
    let rest = store
        .list_leases(LeaseFilter::default(), first.next)
        .unwrap();
    assert_eq!(
        (first.leases.len() + rest.leases.len(), rest.next),
        (1500, None)
    );
    assert!(first.leases.last().unwrap().address < rest.leases[0].address);
    let filter = LeaseFilter {
        kind: Some(LeaseKind::Cooling),
        network: Some(network()),
    };
    let cooling = store.list_leases(filter, None).unwrap().leases;
    assert_eq!(cooling.len(), 1);
    assert_eq!(cooling[0].address, ip("10.1.2.188"));
    let filter = LeaseFilter {
        network: Some(NetworkTag::of("other")),
        kind: None,
    };
    assert_eq!(
        store.list_leases(filter, None).unwrap(),
        LeasePage::default()
    );
}

#[test]
fn attachments_without_record_are_listed_once_with_their_leases() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.0", "10.1.255.255")];
    for who in 0..1200 {
        next(&store, &ranges, None, &who.to_string());
    }
    next(&store, &ranges, None, "0");
    let first = store.orphaned_leases(None).unwrap();
    let rest = store.orphaned_leases(first.next).unwrap();
    assert_eq!(rest.next, None);
    let orphans: Vec<_> = first.orphans.into_iter().chain(rest.orphans).collect();
    assert_eq!(orphans.len(), 1200);
    let twice = orphans
        .iter()
        .find(|(of, _)| *of == attachment("0"))
        .unwrap();
    assert_eq!(twice.1.len(), 2);
}

#[test]
fn round_robin_goes_on_where_another_left_it() {
    let store = TestStore::new();
    let ranges = [range("10.1.0.2", "10.1.0.9")];
    store.set_last_reserved(network(), ip("10.1.0.5")).unwrap();
    store.set_last_reserved(network(), ip("10.2.0.5")).unwrap();
    let last = |ranges: &[AddressRange]| store.last_reserved(network(), ranges).unwrap();
    assert_eq!(last(&ranges), Some(ip("10.1.0.5")));
    assert_eq!(last(&[range("10.1.0.6", "10.1.0.9")]), None);
    assert_eq!(
        next(&store, &ranges, Some("10.1.0.5"), "a"),
        Some(ip("10.1.0.6"))
    );
    assert_eq!(last(&ranges), Some(ip("10.1.0.6")));
}
