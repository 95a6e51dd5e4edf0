use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{AddressRequest, Attachment, Failure, RequestSource};

use super::{add, addresses, one_range, pod};

const TWO_SETS: &str = r#"{"ranges": [
    [{"subnet": "10.0.0.0/28", "exclude": ["10.0.0.9"]}, {"subnet": "10.0.1.0/28", "rangeEnd": "10.0.1.8"}],
    [{"subnet": "2001:db8::/64"}]]}"#;

fn asking(name: &str, requested: &[(&str, RequestSource)]) -> Attachment {
    requested
        .iter()
        .fold(pod(name), |attachment, (address, source)| {
            attachment.requesting(AddressRequest::new(address.parse().unwrap(), *source))
        })
}

fn denied(node: &Node, attachment: &Attachment) -> String {
    match add(node, TWO_SETS, attachment) {
        Err(Failure::Denied(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_goes_to_its_set_and_the_others_give_the_next() {
    for source in [
        RequestSource::CniArgs,
        RequestSource::Args,
        RequestSource::RuntimeConfig,
    ] {
        let node = Node::new();
        let get = |name, requested: &str| {
            addresses(&node, TWO_SETS, &asking(name, &[(requested, source)])).unwrap()
        };
        assert_eq!(get("a", "10.0.1.5"), ["10.0.1.5/28", "2001:db8::2/64"]);
        assert_eq!(
            get("b", "2001:db8::7:7"),
            ["10.0.0.2/28", "2001:db8::7:7/64"]
        );
    }
}

#[test]
fn the_configurations_prefix_and_gateway_beat_the_requests() {
    let mut attachment = pod("a");
    attachment.requested_addresses.push(AddressRequest {
        address: "10.0.0.5".parse().unwrap(),
        prefix_length: Some(8),
        gateway: Some("10.0.0.6".parse().unwrap()),
        source: RequestSource::CniArgs,
    });
    let answer = add(&Node::new(), TWO_SETS, &attachment).unwrap();
    assert_eq!(answer.addresses[0].address.to_string(), "10.0.0.5/28");
    assert_eq!(
        answer.addresses[0].gateway,
        Some("10.0.0.1".parse().unwrap())
    );
}

#[test]
fn the_same_address_by_two_ways_is_one_request() {
    let attachment = asking(
        "a",
        &[
            ("10.0.0.5", RequestSource::RuntimeConfig),
            ("10.0.0.5", RequestSource::Args),
        ],
    );
    assert_eq!(
        addresses(&Node::new(), TWO_SETS, &attachment).unwrap(),
        ["10.0.0.5/28", "2001:db8::2/64"]
    );
}

#[test]
fn what_fits_no_set_is_named_with_the_sets() {
    let attachment = asking(
        "a",
        &[
            ("10.0.1.9", RequestSource::RuntimeConfig),
            ("192.168.0.1", RequestSource::CniArgs),
        ],
    );
    let node = Node::new();
    assert_eq!(
        denied(&node, &attachment),
        "requested address 10.0.1.9 (runtimeConfig.ips), requested address 192.168.0.1 (CNI_ARGS) in no range set of \
         this network: 10.0.0.1-10.0.0.14, 10.0.1.1-10.0.1.8; 2001:db8::1-2001:db8::ffff:ffff:ffff:ffff"
    );
}

#[test]
fn two_requests_for_one_set_are_refused_with_both_named() {
    let attachment = asking(
        "a",
        &[
            ("10.0.0.5", RequestSource::RuntimeConfig),
            ("10.0.1.5", RequestSource::Args),
        ],
    );
    let text = denied(&Node::new(), &attachment);
    assert!(text.contains("10.0.0.5 (runtimeConfig.ips)"), "{text}");
    assert!(text.contains("10.0.1.5 (args.cni.ips)"), "{text}");
}

#[test]
fn what_is_never_handed_out_is_not_handed_out_on_request() {
    let whole = one_range(
        r#", "rangeStart": "10.0.0.0", "rangeEnd": "10.0.0.15", "exclude": ["10.0.0.9"]"#,
    );
    for (address, why) in [
        ("10.0.0.0", "network address of 10.0.0.0/28"),
        ("10.0.0.1", "gateway of 10.0.0.0/28"),
        ("10.0.0.9", "excluded"),
        ("10.0.0.15", "broadcast address of 10.0.0.0/28"),
    ] {
        let attachment = asking("a", &[(address, RequestSource::RuntimeConfig)]);
        match add(&Node::new(), &whole, &attachment) {
            Err(Failure::Denied(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{address}: {other:?}"),
        }
    }
}

#[test]
fn a_taken_address_names_its_holder_and_nothing_else_is_kept() {
    let node = Node::new();
    let wanted = [("2001:db8::5", RequestSource::RuntimeConfig)];
    add(&node, TWO_SETS, &asking("first", &wanted)).unwrap();
    let text = denied(&node, &asking("second", &wanted));
    assert!(text.contains("2001:db8::5"), "{text}");
    assert!(text.contains("container first"), "{text}");
    assert_eq!(
        addresses(&node, TWO_SETS, &pod("third")).unwrap(),
        ["10.0.0.3/28", "2001:db8::2/64"]
    );
}

#[test]
fn a_repeated_request_succeeds_and_a_different_one_does_not_add_a_second_address() {
    let node = Node::new();
    let wanted = asking("a", &[("10.0.0.5", RequestSource::Args)]);
    let first = add(&node, TWO_SETS, &wanted).unwrap();
    assert_eq!(add(&node, TWO_SETS, &wanted), Ok(first));
    let text = denied(&node, &asking("a", &[("10.0.0.6", RequestSource::Args)]));
    assert!(text.contains("holds 10.0.0.5"), "{text}");
}
