use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{AddressRange, AddressRequest, Attachment, Failure, Ipam, RequestSource};

use crate::Static;

const CONFIG: &str = r#"{"type": "static", "addresses": [
    {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "2001:db8::5/64"}]}"#;

fn pod(name: &str) -> Attachment {
    Attachment::new("storage", name, "net1")
}

/// `address` or `address/length`, as runtimes write it.
fn request(text: &str, source: RequestSource) -> AddressRequest {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().unwrap())),
        None => (text, None),
    };
    AddressRequest {
        prefix_length: length,
        ..AddressRequest::new(address.parse().unwrap(), source)
    }
}

fn asking(requests: &[(&str, RequestSource)]) -> Attachment {
    requests
        .iter()
        .fold(pod("a"), |attachment, (text, source)| {
            attachment.requesting(request(text, *source))
        })
}

/// The answer's addresses with their gateways, as text.
fn add(node: &Node, config: &str, attachment: &Attachment) -> Result<Vec<String>, Failure> {
    let answer = node.add::<Static>(config, attachment, None)?;
    Ok(answer
        .addresses
        .iter()
        .map(|address| match address.gateway {
            Some(gateway) => format!("{} via {gateway}", address.address),
            None => address.address.to_string(),
        })
        .collect())
}

fn denied(node: &Node, config: &str, attachment: &Attachment) -> String {
    match add(node, config, attachment) {
        Err(Failure::Denied(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn addresses_routes_and_dns_are_the_configurations() {
    let config = r#"{"addresses": [{"address": "10.1.0.5/24", "gateway": ""}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}],
        "dns": {"nameservers": ["10.1.0.1"], "domain": "example.org", "search": ["example.org"], "options": ["ndots:5"]}}"#;
    let answer = Node::new().add::<Static>(config, &pod("a"), None).unwrap();
    assert_eq!(answer.addresses[0].address.to_string(), "10.1.0.5/24");
    assert_eq!(answer.addresses[0].gateway, None);
    assert_eq!(answer.routes[0].gateway, Some("10.1.0.1".parse().unwrap()));
    assert_eq!(answer.dns.domain.as_deref(), Some("example.org"));
}

#[test]
fn the_more_specific_source_wins() {
    use RequestSource::{Args, CniArgs, RuntimeConfig};
    let configured = ["10.1.0.5/24 via 10.1.0.1", "2001:db8::5/64"];
    for (requests, expected) in [
        (vec![], configured.to_vec()),
        (
            vec![("10.2.0.6/16", CniArgs)],
            vec![configured[0], configured[1], "10.2.0.6/16"],
        ),
        (
            vec![("10.3.0.6/16", Args), ("10.2.0.6/16", CniArgs)],
            vec!["10.3.0.6/16"],
        ),
        (
            vec![
                ("10.4.0.6/16", RuntimeConfig),
                ("2001:db8:4::6/48", RuntimeConfig),
                ("10.3.0.6/16", Args),
                ("10.2.0.6/16", CniArgs),
            ],
            vec!["10.4.0.6/16", "2001:db8:4::6/48"],
        ),
        (
            vec![("10.4.0.6/16", Args), ("10.4.0.6/16", Args)],
            vec!["10.4.0.6/16"],
        ),
        (vec![("10.1.0.5/24", CniArgs)], configured.to_vec()),
    ] {
        let attachment = asking(&requests);
        assert_eq!(
            add(&Node::new(), CONFIG, &attachment).unwrap(),
            expected,
            "{requests:?}"
        );
    }
}

#[test]
fn a_request_without_prefix_takes_that_of_the_one_network_around_it() {
    for source in [
        RequestSource::CniArgs,
        RequestSource::Args,
        RequestSource::RuntimeConfig,
    ] {
        let got = add(&Node::new(), CONFIG, &asking(&[("10.1.0.77", source)])).unwrap();
        assert!(
            got.contains(&"10.1.0.77/24 via 10.1.0.1".to_owned()),
            "{got:?}"
        );
    }
}

#[test]
fn the_network_around_a_request_has_one_gateway_or_none() {
    let config = |gateway: &str| {
        format!(
            r#"{{"addresses": [{{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}},
                {{"address": "10.1.0.6/24", "gateway": "{gateway}"}}]}}"#
        )
    };
    for (gateway, expected) in [
        ("", "10.1.0.77/24 via 10.1.0.1"),
        ("10.1.0.1", "10.1.0.77/24 via 10.1.0.1"),
        ("10.1.0.2", "10.1.0.77/24"),
    ] {
        let attachment = asking(&[("10.1.0.77", RequestSource::RuntimeConfig)]);
        assert_eq!(
            add(&Node::new(), &config(gateway), &attachment).unwrap(),
            [expected]
        );
    }
}

#[test]
fn a_request_without_prefix_is_refused_where_its_network_is_not_plain() {
    let nested = r#"{"addresses": [{"address": "10.1.0.5/24"}, {"address": "10.1.0.9/16"}]}"#;
    for (config, address, count) in [
        (CONFIG, "10.7.0.1", "0 of the networks"),
        (nested, "10.1.0.77", "2 of the networks"),
    ] {
        let attachment = asking(&[(address, RequestSource::RuntimeConfig)]);
        let text = denied(&Node::new(), config, &attachment);
        assert!(text.contains(count), "{text}");
        assert!(text.contains(&format!("{address}/LENGTH")), "{text}");
    }
}

#[test]
fn gateways_of_cni_args_go_to_the_addresses_whose_network_contains_them() {
    let mut wanted = request("10.2.0.6/16", RequestSource::CniArgs);
    wanted.gateway = Some("10.1.0.254".parse().unwrap());
    let got = add(&Node::new(), CONFIG, &pod("a").requesting(wanted.clone())).unwrap();
    assert_eq!(
        got,
        [
            "10.1.0.5/24 via 10.1.0.254",
            "2001:db8::5/64",
            "10.2.0.6/16"
        ]
    );
    wanted.gateway = Some("10.2.0.6".parse().unwrap());
    let text = denied(&Node::new(), CONFIG, &pod("a").requesting(wanted));
    assert!(text.contains("own address"), "{text}");
}

#[test]
fn a_taken_address_names_its_holder_and_keeps_nothing() {
    let node = Node::new();
    add(&node, CONFIG, &pod("first")).unwrap();
    let second = pod("second")
        .requesting(request("10.1.0.6/24", RequestSource::RuntimeConfig))
        .requesting(request("2001:db8::5/64", RequestSource::RuntimeConfig));
    let text = denied(&node, CONFIG, &second);
    assert!(text.contains("2001:db8::5"), "{text}");
    assert!(text.contains("container first"), "{text}");
    let third = pod("third").requesting(request("10.1.0.6/24", RequestSource::RuntimeConfig));
    assert!(add(&node, CONFIG, &third).is_ok());
}

#[test]
fn a_repeated_add_succeeds_and_a_released_address_is_had_at_once() {
    let node = Node::new();
    let first = add(&node, CONFIG, &pod("a")).unwrap();
    assert_eq!(add(&node, CONFIG, &pod("a")), Ok(first.clone()));
    node.del::<Static>(CONFIG, &pod("a")).unwrap();
    assert_eq!(add(&node, CONFIG, &pod("b")), Ok(first));
}

#[test]
fn what_the_host_does_not_grant_is_denied_by_name() {
    let only: AddressRange = AddressRange::single("10.1.0.5".parse().unwrap());
    let text = denied(&Node::restricted_to([only]), CONFIG, &pod("a"));
    assert!(text.starts_with("address 2001:db8::5: "), "{text}");
}

#[test]
fn check_fails_once_the_address_is_no_longer_held() {
    let node = Node::new();
    let answer = node.add::<Static>(CONFIG, &pod("a"), None).unwrap();
    assert_eq!(node.check::<Static>(CONFIG, &pod("a"), &answer), Ok(()));
    node.del::<Static>(CONFIG, &pod("a")).unwrap();
    assert!(node.check::<Static>(CONFIG, &pod("a"), &answer).is_err());
}

#[test]
fn check_fails_where_another_gateway_is_told_than_is_configured() {
    let node = Node::new();
    let answer = node.add::<Static>(CONFIG, &pod("a"), None).unwrap();
    let told = |gateways: [Option<&str>; 2]| {
        let mut told = answer.clone();
        for (address, gateway) in told.addresses.iter_mut().zip(gateways) {
            address.gateway = gateway.map(|text| text.parse().unwrap());
        }
        node.check::<Static>(CONFIG, &pod("a"), &told)
    };
    // Nobody configured a gateway for the second address, so a link may have told its own.
    for passes in [[Some("10.1.0.1"), Some("2001:db8::1")], [None, None]] {
        assert_eq!(told(passes), Ok(()));
    }
    let text = told([Some("10.1.0.254"), None]).unwrap_err().to_string();
    assert!(
        text.contains("10.1.0.254") && text.contains("10.1.0.1 is configured"),
        "{text}"
    );
    // What the runtime asked for is not the configuration's.
    let mut other = request("10.1.0.77/24", RequestSource::RuntimeConfig);
    other.gateway = Some("10.1.0.254".parse().unwrap());
    let asking = pod("b").requesting(other);
    let answer = node.add::<Static>(CONFIG, &asking, None).unwrap();
    assert_eq!(node.check::<Static>(CONFIG, &asking, &answer), Ok(()));
}

#[test]
fn status_does_not_depend_on_who_holds_the_addresses() {
    let node = Node::new();
    add(&node, CONFIG, &pod("a")).unwrap();
    assert_eq!(node.status::<Static>(CONFIG, "storage"), Ok(()));
}

#[test]
fn no_address_at_all_is_an_error() {
    assert!(matches!(
        add(&Node::new(), r#"{"type": "static"}"#, &pod("a")),
        Err(Failure::InvalidConfig(_))
    ));
}

#[test]
fn wrong_configurations_are_refused_with_key_and_value() {
    for (config, expected) in [
        (
            r#"{"addresses": [{"address": "10.1.0.5"}]}"#,
            r#"ipam.addresses[0].address = "10.1.0.5": "#,
        ),
        (
            r#"{"addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.5"}]}"#,
            r#"ipam.addresses[0].gateway = "10.1.0.5": is the interface's own address"#,
        ),
        (
            r#"{"addresses": [{"address": "10.1.0.5/24", "gateway": "::1"}]}"#,
            r#"ipam.addresses[0].gateway = "::1": is not of the address's family"#,
        ),
        (
            r#"{"addresses": [{"address": "10.1.0.5/24"}, {"address": "10.1.0.5/16"}]}"#,
            r#"ipam.addresses[1].address = "10.1.0.5/16": is listed twice"#,
        ),
        (
            r#"{"dns": {"nameserver": []}}"#,
            "ipam.dns.nameserver: unknown field",
        ),
        (r#"{"subnet": "10.1.0.0/24"}"#, "ipam.subnet = "),
    ] {
        match Static::configure(config) {
            Err(Failure::InvalidConfig(text)) => {
                assert!(text.starts_with(expected), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
