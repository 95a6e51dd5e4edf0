use super::*;
use crate::InterfaceAddress;

fn policy() -> AddressPolicy {
    let range = |first: &str, last: &str, subnet: &str, gateway: &str| AddressRange {
        first: first.parse().unwrap(),
        last: last.parse().unwrap(),
        subnet: subnet.parse().unwrap(),
        gateway: Some(gateway.parse().unwrap()),
    };
    AddressPolicy {
        ranges: vec![
            range("10.1.0.0", "10.1.0.255", "10.1.0.0/24", "10.1.0.1"),
            range("fd00::", "fd00::ffff", "fd00::/64", "fd00::1"),
        ],
        named: vec![],
    }
}

fn answer(addresses: &[&str]) -> Addressing {
    let addresses = addresses
        .iter()
        .map(|text| InterfaceAddress {
            address: text.parse().unwrap(),
            gateway: None,
        })
        .collect();
    Addressing {
        addresses,
        ..Addressing::default()
    }
}

fn problems(addresses: &[&str]) -> Vec<Problem> {
    let answer = answer(addresses);
    let held: Vec<_> = answer
        .addresses
        .iter()
        .map(|entry| entry.address.addr())
        .collect();
    policy().problems(&answer, &held)
}

#[test]
fn a_good_answer_has_no_problem() {
    assert_eq!(problems(&["10.1.0.2/24", "fd00::2/64"]), []);
}

#[test]
fn every_kind_of_bad_address_is_named() {
    assert_eq!(problems(&[]), [Problem::NoAddress]);
    for (text, wanted) in [
        ("10.2.0.2/24", "outside"),
        ("10.1.0.0/24", "outside"),
        ("10.1.0.255/24", "outside"),
        ("10.1.0.1/24", "gateway"),
        ("10.1.0.2/16", "prefix length"),
    ] {
        let found = problems(&[text]);
        assert!(
            found.len() == 1 && found[0].to_string().contains(wanted),
            "{text}: {found:?}"
        );
    }
    assert!(matches!(
        problems(&["10.1.0.2/24", "10.1.0.2/24"])[..],
        [Problem::Repeated { .. }]
    ));
    assert!(matches!(
        problems(&["fd00::2/64", "10.1.0.2/24"])[..],
        [Problem::PrimaryFamily { .. }]
    ));
}

#[test]
fn a_run_is_clipped_to_what_may_be_handed_out() {
    let clip = |first: &str, last: &str| {
        let parts = policy().clip(first.parse().unwrap(), last.parse().unwrap());
        parts
            .iter()
            .map(|(first, last)| format!("{first}-{last}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(clip("10.0.0.0", "10.255.255.255"), ["10.1.0.2-10.1.0.254"]);
    assert_eq!(clip("10.1.0.1", "10.1.0.1"), [""; 0]);
    assert_eq!(clip("10.1.0.9", "10.1.0.9"), ["10.1.0.9-10.1.0.9"]);
    assert_eq!(clip("10.2.0.0", "10.2.0.9"), [""; 0]);
    assert_eq!(clip("fd00::", "fd00::5"), ["fd00::2-fd00::5"]);
}

#[test]
fn every_address_of_a_clipped_run_is_allowed() {
    for (first, last) in policy().clip("10.1.0.0".parse().unwrap(), "10.1.0.255".parse().unwrap()) {
        assert!(policy().allows(first) && policy().allows(last));
    }
}

#[test]
fn an_address_that_was_not_reserved_is_refused() {
    let answer = answer(&["10.1.0.2/24"]);
    assert!(matches!(
        policy().problems(&answer, &[])[..],
        [Problem::NotReserved { .. }]
    ));
}

#[test]
fn ten_thousand_addresses_are_one_problem() {
    let many: Vec<String> = (0..10_000)
        .map(|n| format!("10.1.{}.{}/24", n / 250, n % 250))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(matches!(
        problems(&many)[..],
        [Problem::TooManyAddresses { count: 10_000 }]
    ));
}
