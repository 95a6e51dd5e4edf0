//! Reading a plugin's configuration, with errors that name key and value.
//!
//! [`parse`] reads an IPAM plugin's, [`parse_stage`] a policy plugin's; [`runtime_config`] and [`args`] read what the
//! runtime passes to a stage.

mod de;
mod json;
mod stage;

use std::fmt;
use std::net::IpAddr;

use serde::de::{DeserializeOwned, Deserializer, Visitor};

use crate::Failure;
use json::Json;

pub use stage::{STAGE_KEYS, args, parse_stage, runtime_config};

/// How errors call the object that [`parse`] reads.
const IPAM: &str = "ipam";

/// The keys of `ipam` that are the host's. [`parse`] drops them, so that a plugin's type can deny unknown fields.
pub const HOST_KEYS: [&str; 8] = [
    "coolDownSeconds",
    "digest",
    "grants",
    "limits",
    "plugin",
    "primaryFamily",
    "statusWhenExhausted",
    "type",
];

/// Read the `ipam` object into a type, without the keys that are the [host's](HOST_KEYS). Mark the type
/// `#[serde(deny_unknown_fields)]`: a misspelt key is then an error that lists the right ones.
///
/// ```
/// # use wasm_cni_guest::config;
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     ports: Vec<u16>,
/// }
///
/// let error = config::parse::<Config>(r#"{"type": "x", "ports": [80, 80000]}"#).unwrap_err();
/// assert!(error.to_string().starts_with("invalid configuration: ipam.ports[1] = 80000: "));
/// ```
///
/// # Errors
/// [`Failure::InvalidConfig`] if the text is no JSON object or does not fit the type.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    parse_without(text, &[])
}

/// As [`parse`], but without these keys as well: for a plugin that reads some of its keys with another plugin's type.
///
/// # Errors
/// As [`parse`].
pub fn parse_without<T: DeserializeOwned>(text: &str, keys: &[&str]) -> Result<T, Failure> {
    let mut entries = read(text, IPAM)?;
    entries.retain(|(key, _)| {
        let key = key.as_str();
        !HOST_KEYS.contains(&key) && !keys.contains(&key)
    });
    T::deserialize(&Json::Object(entries)).map_err(|error| invalid(IPAM, &error))
}

/// The text that a key of a configuration has, one of the host's included; none if there is no such key.
///
/// # Errors
/// [`Failure::InvalidConfig`] if the text is no JSON object, or the key's value no text.
pub fn text_of(text: &str, key: &str) -> Result<Option<String>, Failure> {
    let entries = read(text, "the configuration")?;
    match entries.into_iter().find(|(name, _)| name == key) {
        None | Some((_, Json::Null)) => Ok(None),
        Some((_, Json::String(value))) => Ok(Some(value)),
        Some(_) => Err(Failure::InvalidConfig(format!("{key}: is no text"))),
    }
}

fn read(text: &str, place: &str) -> Result<Vec<(String, Json)>, Failure> {
    match serde_json::from_str(text) {
        Ok(Json::Object(entries)) => Ok(entries),
        Ok(_) => Err(Failure::InvalidConfig(format!("{place} is no JSON object"))),
        Err(error) => Err(Failure::InvalidConfig(format!(
            "{place} is no JSON object: {error}"
        ))),
    }
}

fn invalid(place: &str, error: &de::Error) -> Failure {
    Failure::InvalidConfig(format!("{place}{error}"))
}

/// Deserialise an address, with `null` and the empty string (which the reference plugins take as well) for none.
/// IPv4-mapped IPv6 addresses are read as IPv4. For `#[serde(default, deserialize_with = "…")]`.
///
/// # Errors
/// If the value is neither an address nor empty.
pub fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<IpAddr>, D::Error> {
    deserializer.deserialize_any(AddressVisitor)
}

struct AddressVisitor;

impl Visitor<'_> for AddressVisitor {
    type Value = Option<IpAddr>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IPv4 or IPv6 address")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Some(address.to_canonical())),
            Err(_) => Err(E::custom("is neither an IPv4 nor an IPv6 address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        size: u8,
        #[serde(default, deserialize_with = "optional_address")]
        gateway: Option<IpAddr>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        items: Vec<Vec<Inner>>,
    }

    fn error(text: &str) -> String {
        match parse::<Outer>(text) {
            Err(Failure::InvalidConfig(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_keys_of_the_host_are_no_business_of_the_plugin() {
        let text = r#"{"type": "wasm-cni", "plugin": "p", "digest": "sha256:0", "grants": [], "limits": {},
            "statusWhenExhausted": "ready", "coolDownSeconds": 5, "primaryFamily": "ipv6", "items": []}"#;
        assert_eq!(parse::<Outer>(text), Ok(Outer { items: vec![] }));
    }

    #[test]
    fn keys_that_another_type_reads_are_left_out() {
        let text = r#"{"items": [], "others": 5}"#;
        assert_eq!(
            parse_without::<Outer>(text, &["others"]),
            Ok(Outer { items: vec![] })
        );
        assert!(parse_without::<Outer>(text, &["items"]).is_err());
    }

    #[test]
    fn errors_name_key_and_value() {
        assert_eq!(
            error(r#"{"items": [[], [{"size": 300}]]}"#),
            "ipam.items[1][0].size = 300: expected u8"
        );
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "gateway": "10.0.0"}]]}"#),
            r#"ipam.items[0][0].gateway = "10.0.0": is neither an IPv4 nor an IPv6 address"#
        );
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "gateway": 5}]]}"#),
            "ipam.items[0][0].gateway = 5: expected an IPv4 or IPv6 address"
        );
        assert_eq!(error("{}"), "ipam: missing field `items`");
        assert_eq!(error(r#"{"items": {}}"#), "ipam.items: expected a sequence");
        assert_eq!(
            error(r#"{"items": [[{"size": 1.5}]]}"#),
            "ipam.items[0][0].size = (a fraction): expected u8"
        );
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "size": 2}]]}"#),
            "ipam.items[0][0]: duplicate field `size`"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_value_and_the_known_keys() {
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "gatway": "10.0.0.1"}]]}"#),
            r#"ipam.items[0][0].gatway = "10.0.0.1": unknown field `gatway`, expected `size` or `gateway`"#
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(error("[]"), "ipam is no JSON object");
        assert!(error("").starts_with("ipam is no JSON object: "));
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let long = "ä".repeat(200);
        let text = error(&format!(
            r#"{{"items": [[{{"size": 1, "gateway": "{long}"}}]]}}"#
        ));
        assert!(text.contains('…'));
        assert!(text.len() < 300);
    }

    #[test]
    fn empty_addresses_are_none_and_mapped_ones_are_ipv4() {
        let read = |gateway: &str| {
            parse::<Outer>(&format!(
                r#"{{"items": [[{{"size": 1, "gateway": {gateway}}}]]}}"#
            ))
            .unwrap()
            .items[0][0]
                .gateway
        };
        assert_eq!(read("null"), None);
        assert_eq!(read(r#""""#), None);
        assert_eq!(
            read(r#""::ffff:10.0.0.1""#),
            Some("10.0.0.1".parse().unwrap())
        );
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        Plain,
        Sized(u8),
        Named { size: u8 },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Everything {
        choices: Vec<Choice>,
        pair: (bool, i64),
        ratio: f64,
        maybe: Option<String>,
        letters: std::collections::BTreeMap<String, char>,
    }

    #[test]
    fn every_kind_of_type_is_read() {
        let text = r#"{"choices": ["plain", {"sized": 3}, {"named": {"size": 4}}], "pair": [true, -5], "ratio": 0.5,
            "maybe": null, "letters": {"a": "b"}, "ignored": [1]}"#;
        assert_eq!(
            parse::<Everything>(text),
            Ok(Everything {
                choices: vec![Choice::Plain, Choice::Sized(3), Choice::Named { size: 4 }],
                pair: (true, -5),
                ratio: 0.5,
                maybe: None,
                letters: [("a".to_owned(), 'b')].into(),
            })
        );
        match parse::<Everything>(r#"{"choices": ["plain", {"sized": 300}]}"#) {
            Err(Failure::InvalidConfig(text)) => {
                assert!(text.starts_with("ipam.choices[1].sized = 300: "), "{text}");
            }
            other => panic!("{other:?}"),
        }
        match parse::<Everything>(r#"{"choices": ["round"]}"#) {
            Err(Failure::InvalidConfig(text)) => assert!(
                text.starts_with(r#"ipam.choices[0] = "round": unknown variant"#),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_text_of_a_key_is_had_without_a_type() {
        let config = r#"{"plugin": "p", "limits": {}, "digest": null}"#;
        assert_eq!(text_of(config, "plugin"), Ok(Some("p".to_owned())));
        assert_eq!(text_of(config, "type"), Ok(None));
        assert_eq!(text_of(config, "digest"), Ok(None));
        assert!(matches!(
            text_of(config, "limits"),
            Err(Failure::InvalidConfig(_))
        ));
    }
}
