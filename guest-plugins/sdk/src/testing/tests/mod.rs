mod policy;

use super::*;
use crate::{Host, Leases, ReserveError, Scope, Storage, StorageError};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange::new(ip(first), ip(last)).unwrap()
}

fn pod(name: &str) -> Attachment {
    Attachment::new("pods", name, "eth0")
}

/// Takes the next address of 10.0.0.1–10.0.0.3 and writes a value; the configuration is `"fail"` or anything else.
struct Next {
    fail: bool,
}

fn pool() -> [AddressRange; 1] {
    [range("10.0.0.1", "10.0.0.3")]
}

impl Ipam for Next {
    fn configure(text: &str) -> Result<Self, Failure> {
        Ok(Self {
            fail: text == "fail",
        })
    }

    fn allocate(
        &self,
        _: &Attachment,
        _: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        let address = host.reserve_next(&pool(), host.last_reserved(&pool()))?;
        host.set(Scope::Attachment, "got", address.to_string().as_bytes())?;
        host.log(Level::Info, "allocated");
        if self.fail {
            return Err(Failure::Other("as configured".to_owned()));
        }
        Ok(Allocation {
            addresses: vec![crate::InterfaceAddress::new(address, 24, None)?],
            ..Allocation::default()
        })
    }
}

fn add(node: &Node, name: &str) -> Result<String, Failure> {
    let answer = node.add::<Next>("", &pod(name), None)?;
    Ok(answer.addresses[0].address.addr().to_string())
}

#[test]
fn released_addresses_cool_down_while_others_are_free() {
    let node = Node::new();
    assert_eq!(add(&node, "a").unwrap(), "10.0.0.1");
    node.del::<Next>("", &pod("a")).unwrap();
    assert_eq!(add(&node, "b").unwrap(), "10.0.0.2");
    assert_eq!(add(&node, "c").unwrap(), "10.0.0.3");
    assert_eq!(add(&node, "d").unwrap(), "10.0.0.1");
    assert!(matches!(add(&node, "e"), Err(Failure::Exhausted(_))));
}

#[test]
fn the_longest_cooling_address_comes_first() {
    let node = Node::new();
    for name in ["a", "b", "c"] {
        add(&node, name).unwrap();
    }
    for name in ["b", "a", "c"] {
        node.del::<Next>("", &pod(name)).unwrap();
    }
    let usage = node.call(&pod("x")).usage(&pool());
    assert_eq!((usage.capacity, usage.taken, usage.cooling), (3, 0, 3));
    assert_eq!(add(&node, "d").unwrap(), "10.0.0.2");
}

#[test]
fn round_robin_goes_on_behind_the_last_address_and_wraps() {
    let node = Node::new();
    add(&node, "a").unwrap();
    add(&node, "b").unwrap();
    node.del::<Next>("", &pod("a")).unwrap();
    node.end_cool_down("pods");
    assert_eq!(add(&node, "c").unwrap(), "10.0.0.3");
    assert_eq!(add(&node, "d").unwrap(), "10.0.0.1");
}

#[test]
fn ranges_are_searched_in_their_order_even_if_not_ascending() {
    let node = Node::new();
    let call = node.call(&pod("a"));
    let ranges = [range("10.0.0.8", "10.0.0.9"), range("10.0.0.1", "10.0.0.2")];
    let mut got = Vec::new();
    while let Ok(address) = call.reserve_next(&ranges, call.last_reserved(&ranges)) {
        got.push(address.to_string());
    }
    assert_eq!(got, ["10.0.0.8", "10.0.0.9", "10.0.0.1", "10.0.0.2"]);
    call.release(ip("10.0.0.8"));
    assert_eq!(
        call.reserve_next(&ranges, Some(ip("10.0.0.2"))),
        Ok(ip("10.0.0.8"))
    );
}

#[test]
fn a_failed_add_leaves_nothing_behind_but_its_log() {
    let node = Node::new();
    assert!(node.add::<Next>("fail", &pod("a"), None).is_err());
    let call = node.call(&pod("a"));
    assert_eq!(call.held(), Vec::<IpAddr>::new());
    assert_eq!(call.get(Scope::Attachment, "got"), Ok(None));
    assert_eq!(node.log(), [(Level::Info, "allocated".to_owned())]);
}

#[test]
fn taken_addresses_name_their_holder_and_networks_are_apart() {
    let node = Node::new();
    add(&node, "a").unwrap();
    match node.call(&pod("b")).reserve(ip("10.0.0.1")) {
        Err(ReserveError::Taken(holder)) => assert!(holder.contains("container a")),
        other => panic!("{other:?}"),
    }
    let elsewhere = Attachment::new("storage", "b", "eth0");
    assert_eq!(node.call(&elsewhere).reserve(ip("10.0.0.1")), Ok(()));
    node.quarantine("pods", ip("10.0.0.9"));
    assert!(matches!(
        node.call(&pod("b")).reserve(ip("10.0.0.9")),
        Err(ReserveError::Taken(_))
    ));
}

#[test]
fn nothing_is_reserved_outside_the_configured_ranges() {
    let node = Node::restricted_to(pool());
    let call = node.call(&pod("a"));
    assert_eq!(
        call.reserve(ip("10.0.0.4")),
        Err(ReserveError::OutsideRanges)
    );
    assert_eq!(
        call.reserve_next(&[range("10.0.0.4", "10.0.0.9")], None),
        Err(ReserveError::OutsideRanges)
    );
    let across = [range("10.0.0.3", "10.0.0.9")];
    assert_eq!(call.usage(&across).capacity, 1);
    assert_eq!(call.reserve_next(&across, None), Ok(ip("10.0.0.3")));
    assert_eq!(
        call.reserve_next(&across, None),
        Err(ReserveError::Exhausted)
    );
    assert_eq!(call.reserve(ip("10.0.0.3")), Ok(()));
}

#[test]
fn one_call_reserves_no_more_than_64_addresses() {
    let node = Node::new();
    let call = node.call(&pod("a"));
    let ranges = [range("10.0.0.1", "10.0.0.255")];
    for _ in 0..64 {
        call.reserve_next(&ranges, None).unwrap();
    }
    assert_eq!(call.reserve_next(&ranges, None), Err(ReserveError::TooMany));
}

#[test]
fn a_full_ipv6_range_ends_at_the_end_of_the_family() {
    let node = Node::new();
    let call = node.call(&pod("a"));
    let last = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    let ranges = [AddressRange::single(last)];
    assert_eq!(call.reserve_next(&ranges, None), Ok(last));
    assert_eq!(
        call.reserve_next(&ranges, Some(last)),
        Err(ReserveError::Exhausted)
    );
}

#[test]
fn attachment_values_go_with_the_attachment_and_are_counted_over_all() {
    let node = Node::new();
    let (a, b) = (pod("a"), pod("b"));
    node.call(&a)
        .set(Scope::Attachment, "team/x", b"1")
        .unwrap();
    node.call(&b)
        .set(Scope::Attachment, "team/x", b"2")
        .unwrap();
    node.call(&a).set(Scope::Durable, "hint", b"3").unwrap();
    assert_eq!(node.call(&a).count(Scope::Attachment, "team/"), Ok(2));
    node.del::<Next>("", &a).unwrap();
    assert_eq!(node.call(&b).count(Scope::Attachment, "team/"), Ok(1));
    assert_eq!(
        node.call(&b).get(Scope::Durable, "hint"),
        Ok(Some(b"3".to_vec()))
    );
}

#[test]
fn storage_is_bounded_and_read_only_where_nothing_is_decided() {
    let node = Node::new();
    let call = node.call(&pod("a"));
    assert_eq!(
        call.set(Scope::Durable, "", b""),
        Err(StorageError::InvalidKey)
    );
    assert_eq!(
        call.set(Scope::Attachment, "k", &[0; 16 * 1024]),
        Err(StorageError::QuotaExceeded)
    );
    let status = Call::reading(&node, "pods", None);
    assert_eq!(
        status.set(Scope::Durable, "k", b""),
        Err(StorageError::ReadOnly)
    );
    assert!(status.reserve(ip("10.0.0.1")).is_err());
}

#[test]
fn check_fails_when_an_address_is_no_longer_held() {
    let node = Node::new();
    let answer = node.add::<Next>("", &pod("a"), None).unwrap();
    assert_eq!(node.check::<Next>("", &pod("a"), &answer), Ok(()));
    node.del::<Next>("", &pod("a")).unwrap();
    match node.check::<Next>("", &pod("a"), &answer) {
        Err(Failure::Other(text)) => assert!(text.contains("10.0.0.1"), "{text}"),
        other => panic!("{other:?}"),
    }
}
