use super::*;
use crate::lower;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn good() -> Addressing {
    Addressing {
        addresses: vec![
            InterfaceAddress {
                address: net("10.1.0.5/16"),
                gateway: Some("10.1.0.1".parse().unwrap()),
            },
            InterfaceAddress {
                address: net("fd00::5/64"),
                gateway: None,
            },
        ],
        routes: vec![
            Route::to(net("0.0.0.0/0"), None),
            Route {
                mtu: Some(1400),
                scope: Some(253),
                ..Route::to(net("fd01::/32"), None)
            },
        ],
        dns: Dns {
            nameservers: vec!["10.1.0.53".to_owned(), "fe80::53%eth0".to_owned()],
            domain: Some("cluster.local".to_owned()),
            search: vec!["svc.cluster.local".to_owned()],
            options: vec!["ndots:5".to_owned()],
        },
    }
}

/// What becomes of the good answer when one thing in it is changed.
fn changed(change: impl FnOnce(&mut types::Allocation)) -> Result<Addressing, Malformed> {
    let mut allocation = lower::addressing(&good());
    change(&mut allocation);
    addressing(allocation)
}

#[test]
fn what_is_lowered_is_lifted_again() {
    assert_eq!(changed(|_| ()), Ok(good()));
}

#[test]
fn a_prefix_longer_than_the_address_is_refused() {
    let refused = changed(|answer| answer.addresses[0].address.prefix_length = 33);
    assert!(matches!(
        refused,
        Err(Malformed::PrefixLength {
            length: 33,
            bits: 32,
            ..
        })
    ));
    let refused = changed(|answer| answer.addresses[1].address.prefix_length = 129);
    assert!(matches!(
        refused,
        Err(Malformed::PrefixLength {
            length: 129,
            bits: 128,
            ..
        })
    ));
}

#[test]
fn a_destination_with_host_bits_is_refused() {
    let refused = changed(|answer| {
        answer.routes[0].destination = types::IpNetwork {
            address: types::IpAddress::Ipv4((10, 0, 0, 1)),
            prefix_length: 8,
        };
    });
    assert_eq!(refused, Err(Malformed::HostBits(net("10.0.0.1/8"))));
}

#[test]
fn a_gateway_of_the_other_family_is_refused() {
    let v6 = types::IpAddress::Ipv6((0xfe80, 0, 0, 0, 0, 0, 0, 1));
    let refused = changed(|answer| answer.routes[0].gateway = Some(v6));
    assert!(matches!(refused, Err(Malformed::GatewayFamily { .. })));
}

#[test]
fn lists_are_bounded() {
    let refused = changed(|answer| answer.addresses = vec![answer.addresses[0]; 65]);
    assert!(matches!(
        refused,
        Err(Malformed::TooMany {
            count: 65,
            what: "addresses",
            ..
        })
    ));
    let refused = changed(|answer| answer.routes = vec![answer.routes[0]; 257]);
    assert!(matches!(
        refused,
        Err(Malformed::TooMany {
            count: 257,
            what: "routes",
            ..
        })
    ));
    let refused = changed(|answer| answer.dns.options = vec!["rotate".to_owned(); 33]);
    assert!(matches!(refused, Err(Malformed::TooMany { count: 33, .. })));
}

#[test]
fn a_scope_that_routes_do_not_have_is_refused() {
    assert_eq!(
        changed(|answer| answer.routes[0].scope = Some(1)),
        Err(Malformed::Scope(1))
    );
}

#[test]
fn resolver_settings_can_not_smuggle_in_directives() {
    for text in ["", "a b", "a\nnameserver 6.6.6.6", "a\u{202e}", "\u{0}"] {
        let refused = changed(|answer| answer.dns.search = vec![text.to_owned()]);
        assert!(
            matches!(refused, Err(Malformed::Unprintable { .. })),
            "{text:?}"
        );
    }
    let refused = changed(|answer| answer.dns.domain = Some("x".repeat(254)));
    assert!(matches!(
        refused,
        Err(Malformed::TooLong { length: 254, .. })
    ));
    let refused = changed(|answer| answer.dns.nameservers = vec!["dns.example".to_owned()]);
    assert_eq!(
        refused,
        Err(Malformed::NameServer("dns.example".to_owned()))
    );
}

#[test]
fn a_failure_is_cut_and_made_printable() {
    let said = format!("\u{1b}[31m{}", "x".repeat(5000));
    let Failure::Denied(shown) = failure(types::Failure::Denied(said)) else {
        panic!("the kind of the failure was lost");
    };
    assert!(shown.starts_with("\u{fffd}[31mx"));
    assert!(shown.len() < 4100);
}

#[test]
fn an_answer_weighs_what_its_lists_and_texts_weigh() {
    let small = size(&lower::addressing(&good()));
    let mut large = good();
    large.dns.search = vec!["x".repeat(1000)];
    assert!(size(&lower::addressing(&large)) > small + 900);
}
