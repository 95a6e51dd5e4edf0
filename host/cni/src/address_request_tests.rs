use super::*;

fn runtime(ips: &[&str], mac: Option<&str>) -> RuntimeConfig {
    RuntimeConfig {
        ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
        mac: mac.map(str::to_owned),
        ..RuntimeConfig::default()
    }
}

fn args(ips: Option<&[&str]>, mac: Option<&str>) -> ConventionArgs {
    ConventionArgs {
        ips: ips.map(|ips| ips.iter().map(|ip| (*ip).to_owned()).collect()),
        mac: mac.map(str::to_owned),
        ..ConventionArgs::default()
    }
}

fn sources(requests: &[AddressRequest]) -> Vec<(String, RequestSource)> {
    requests
        .iter()
        .map(|request| (request.address.to_string(), request.source))
        .collect()
}

#[test]
fn the_best_source_comes_first_and_each_address_once() {
    let arguments = Arguments::parse("IP=10.0.0.5/24,10.0.0.7/24").unwrap();
    let requests = requested_addresses(
        &runtime(&["10.0.0.6", "10.0.0.5"], None),
        &args(None, None),
        &arguments,
    );
    let expected = vec![
        ("10.0.0.6".to_owned(), RequestSource::RuntimeConfig),
        ("10.0.0.5".to_owned(), RequestSource::RuntimeConfig),
        ("10.0.0.7".to_owned(), RequestSource::CniArgs),
    ];
    assert_eq!(sources(&requests.unwrap()), expected);
}

#[test]
fn cni_args_is_ignored_for_a_key_that_args_gives() {
    let arguments = Arguments::parse("IP=nonsense;MAC=nonsense").unwrap();
    let given = args(Some(&["fd00::5/64"]), Some("02:00:00:00:00:01"));
    let requests = requested_addresses(&runtime(&[], None), &given, &arguments).unwrap();
    assert_eq!(
        sources(&requests),
        [("fd00::5".to_owned(), RequestSource::Args)]
    );
    assert_eq!(requests[0].prefix_length, Some(64));
    let mac = requested_mac(&runtime(&[], None), &given, &arguments)
        .unwrap()
        .unwrap();
    assert_eq!(mac.source, RequestSource::Args);
    let none = requested_addresses(&runtime(&[], None), &args(Some(&[]), None), &arguments);
    assert_eq!(none.unwrap(), []);
}

#[test]
fn gateways_of_cni_args_go_to_their_subnet() {
    let arguments =
        Arguments::parse("IP=10.0.0.5/24,fd00::5/64,10.9.0.5/24;GATEWAY=fd00::1,10.0.0.1").unwrap();
    let requests = requested_addresses(&runtime(&[], None), &args(None, None), &arguments).unwrap();
    let gateways: Vec<_> = requests
        .iter()
        .map(|r| r.gateway.map(|g| g.to_string()))
        .collect();
    assert_eq!(
        gateways,
        [
            Some("10.0.0.1".to_owned()),
            Some("fd00::1".to_owned()),
            None
        ]
    );
}

#[test]
fn a_malformed_address_names_its_place_and_has_its_code() {
    let nothing = Arguments::default();
    for bad in [
        "",
        "10.0.0",
        "10.0.0.1/33",
        "10.0.0.1/",
        "010.0.0.1",
        "::ffff:10.0.0.1/120",
        "x/y",
    ] {
        let error = requested_addresses(&runtime(&[bad], None), &args(None, None), &nothing);
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG, "{bad}");
        assert!(error.to_string().contains("runtimeConfig.ips"), "{error}");
    }
    let arguments = Arguments::parse("IP=10.0.0").unwrap();
    let error =
        requested_addresses(&runtime(&[], None), &args(None, None), &arguments).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ENVIRONMENT);
    assert!(error.to_string().contains("CNI_ARGS (IP)"), "{error}");
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let requests = requested_addresses(
        &runtime(&["::ffff:10.0.0.1"], None),
        &args(None, None),
        &Arguments::default(),
    );
    assert_eq!(requests.unwrap()[0].address.to_string(), "10.0.0.1");
}

#[test]
fn the_best_mac_wins_and_a_bad_one_is_an_error() {
    let arguments = Arguments::parse("MAC=02:00:00:00:00:0a").unwrap();
    let only = requested_mac(&runtime(&[], None), &args(None, None), &arguments)
        .unwrap()
        .unwrap();
    assert_eq!(only.source, RequestSource::CniArgs);
    let best = requested_mac(
        &runtime(&[], Some("02:00:00:00:00:0c")),
        &args(None, Some("02:00:00:00:00:0b")),
        &arguments,
    );
    assert_eq!(best.unwrap().unwrap().mac.to_string(), "02:00:00:00:00:0c");
    let error = requested_mac(
        &runtime(&[], None),
        &args(None, Some("ff:ff:ff:ff:ff:ff")),
        &arguments,
    );
    assert_eq!(error.unwrap_err().code(), Code::INVALID_NETWORK_CONFIG);
}

#[test]
fn the_number_of_requests_is_bounded() {
    let many: Vec<String> = (0..100).map(|n| format!("10.0.0.{n}")).collect();
    let runtime = RuntimeConfig {
        ips: many,
        ..RuntimeConfig::default()
    };
    let error = requested_addresses(&runtime, &args(None, None), &Arguments::default());
    assert!(matches!(
        error,
        Err(RequestedAddressError::TooMany { count: 100, .. })
    ));
}
