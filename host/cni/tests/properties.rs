//! What holds for any input.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cni::arguments::Arguments;
use cni::config::NetworkConfig;
use cni::convert::{read, read_output, write};
use cni::environment::Invocation;
use cni::request::Request;
use cni::result::{CniResult, Dns, Interface, IpConfig, Route};
use cni::version::SpecVersion;
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Keys that the parser looks for, so that arbitrary values reach its branches.
const KEYS: [&str; 24] = [
    "cniVersion",
    "name",
    "type",
    "link",
    "plugin",
    "ipam",
    "chain",
    "digest",
    "grants",
    "limits",
    "ranges",
    "subnet",
    "gateway",
    "addresses",
    "runtimeConfig",
    "portMappings",
    "ipRanges",
    "dns",
    "args",
    "cni",
    "ips",
    "prevResult",
    "cni.dev/valid-attachments",
    "interfaces",
];
const TEXTS: [&str; 10] = [
    "",
    "1.1.0",
    "0.2.0",
    "wasm-cni",
    "host-local",
    "10.0.0.0/24",
    "fd00::/64",
    "10.0.0.1",
    "eth0",
    "02:00:00:00:00:01",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let key = prop_oneof![
            4 => prop::sample::select(&KEYS[..]).prop_map(str::to_owned),
            1 => ".{0,8}",
        ];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((key, inner), 0..8).prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    (
        value(),
        vec((prop::sample::select(&KEYS[..]), value()), 0..12),
    )
        .prop_map(|(base, pairs)| {
            let mut document = base.as_object().cloned().unwrap_or_default();
            document.extend(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value)),
            );
            document
                .entry("name")
                .or_insert_with(|| Value::from("pods"));
            Value::Object(document)
        })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
        // Not an IPv4 address in disguise, which is read as one.
        any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits | 1 << 127))),
    ]
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), any::<u8>()).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length % (longest + 1)).unwrap()
    })
}

fn text() -> impl Strategy<Value = Option<String>> {
    option::of("[a-z0-9:./]{1,20}")
}

fn number() -> impl Strategy<Value = Option<u32>> {
    option::of(1..=u32::MAX)
}

prop_compose! {
    fn interface()(
        name in "[a-z0-9]{1,15}", mac in text(), mtu in number(), sandbox in text(),
        socket_path in text(), pci_id in text(),
    ) -> Interface {
        Interface { name, mac, mtu, sandbox, socket_path, pci_id }
    }
}

prop_compose! {
    fn route()(
        dst in network(), gw in option::of(address()), mtu in number(), advmss in number(),
        priority in number(), table in any::<Option<u32>>(), scope in any::<Option<u8>>(),
    ) -> Route {
        Route { dst, gw, mtu, advmss, priority, table, scope }
    }
}

prop_compose! {
    fn dns()(
        nameservers in vec("[0-9.]{1,9}", 0..3), domain in text(),
        search in vec("[a-z.]{1,9}", 0..3), options in vec("[a-z:0-9]{1,9}", 0..3),
    ) -> Dns {
        Dns { nameservers, domain, search, options }
    }
}

prop_compose! {
    fn result()(interfaces in vec(interface(), 0..4))(
        ips in vec((option::of(0..interfaces.len().max(1)), network(), option::of(address())), 0..5),
        routes in vec(route(), 0..5), dns in dns(), interfaces in Just(interfaces),
    ) -> CniResult {
        let some = !interfaces.is_empty();
        let ips = ips.into_iter().map(|(interface, address, gateway)| IpConfig {
            interface: interface.filter(|_| some), address, gateway,
        });
        CniResult { ips: ips.collect(), interfaces, routes, dns }
    }
}

proptest! {
    #[test]
    fn the_latest_version_loses_nothing(result in result()) {
        let written = write(&result, SpecVersion::V1_1_0).unwrap();
        prop_assert_eq!(read(&written, SpecVersion::V1_1_0).unwrap(), result);
    }

    #[test]
    fn a_version_written_twice_is_the_same(result in result()) {
        for version in SpecVersion::ALL {
            let Ok(once) = write(&result, version) else {
                prop_assert!(version < SpecVersion::V0_3_0 && result.ips.is_empty());
                continue;
            };
            let twice = write(&read_output(once.to_string().as_bytes(), version).unwrap(), version);
            prop_assert_eq!(twice.unwrap(), once);
        }
    }

    #[test]
    fn any_document_is_read_or_refused(document in document()) {
        let bytes = document.to_string();
        if let Ok(config) = NetworkConfig::parse(bytes.as_bytes()) {
            prop_assert_eq!(Value::Object(config.raw.clone()), serde_json::from_str::<Value>(&bytes).unwrap());
            if let Ok(sets) = config.ip_ranges() {
                for range in sets.iter().flatten() {
                    prop_assert!(range.start <= range.end && range.subnet.contains(&range.start));
                    prop_assert!(range.subnet.contains(&range.end) && !range.contains(range.gateway));
                }
            }
        }
        for version in SpecVersion::ALL {
            if let Ok(result) = read(&document, version) {
                let in_range = |index: usize| index < result.interfaces.len();
                prop_assert!(result.ips.iter().all(|ip| ip.interface.is_none_or(in_range)));
            }
        }
    }

    #[test]
    fn any_bytes_and_variables_are_a_request_or_an_error_with_a_code(
        verb in prop::sample::select(&["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "x"][..]),
        id in ".{0,20}", ifname in ".{0,20}", args in "[A-Z=;,.0-9a-z:/]{0,40}",
        stdin in prop_oneof![
            vec(any::<u8>(), 0..200),
            document().prop_map(|document| document.to_string().into_bytes()),
        ],
    ) {
        let variables = [
            ("CNI_COMMAND", verb), ("CNI_CONTAINERID", &id), ("CNI_IFNAME", &ifname),
            ("CNI_NETNS", "/n"), ("CNI_ARGS", &args),
        ];
        let error = match Invocation::from_variables(variables) {
            Ok(Invocation::Call(environment)) => {
                Request::parse(OsStr::new("wasm-cni"), &environment, &stdin).err()
            }
            Ok(Invocation::About) => None,
            Err(error) => Some(error.into()),
        };
        if let Some(error) = error {
            prop_assert!((1..=7).contains(&error.code().number()), "{}", error);
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_arguments_are_read_or_refused(text in ".{0,60}") {
        if let Ok(arguments) = Arguments::parse(&text) {
            prop_assert!(text.is_empty() || text.contains('=') || arguments == Arguments::default());
        }
    }
}
