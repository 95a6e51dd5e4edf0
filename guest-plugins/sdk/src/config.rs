//! Reading a plugin's configuration, with errors that name key and value.

use std::fmt;
use std::net::IpAddr;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::Failure;

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

/// How much of a wrong value an error shows, in bytes.
const SHOWN_VALUE: usize = 120;

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
    let mut object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| Failure::InvalidConfig(format!("ipam is no JSON object: {error}")))?;
    object.retain(|key, _| !HOST_KEYS.contains(&key.as_str()));
    let value = Value::Object(object);
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let place = place(error.path(), &value);
        Failure::InvalidConfig(format!("{place}: {}", error.inner()))
    })
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

/// `ipam.ranges[0][0].subnet = "10.1.0.0/33"`, the value left out where it is a whole object or list.
fn place(path: &Path, config: &Value) -> String {
    let mut place = String::from("ipam");
    let mut value = Some(config);
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                place.push_str(&format!("[{index}]"));
                value = value.and_then(|value| value.get(*index));
            }
            Segment::Map { key } => {
                place.push('.');
                place.push_str(key);
                value = value.and_then(|value| value.get(key));
            }
            Segment::Enum { .. } | Segment::Unknown => value = None,
        }
    }
    let shown = match value {
        Some(Value::Object(_) | Value::Array(_)) | None => return place,
        Some(scalar) => scalar.to_string(),
    };
    let cut = shown.floor_char_boundary(SHOWN_VALUE);
    let more = if cut < shown.len() { "…" } else { "" };
    format!("{place} = {}{more}", shown.get(..cut).unwrap_or_default())
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
    fn errors_name_key_and_value() {
        assert_eq!(
            error(r#"{"items": [[], [{"size": 300}]]}"#),
            "ipam.items[1][0].size = 300: invalid value: integer `300`, expected u8"
        );
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "gateway": "10.0.0"}]]}"#),
            r#"ipam.items[0][0].gateway = "10.0.0": is neither an IPv4 nor an IPv6 address"#
        );
        assert_eq!(
            error(r#"{"items": [[{"size": 1, "gateway": 5}]]}"#),
            "ipam.items[0][0].gateway = 5: invalid type: integer `5`, expected an IPv4 or IPv6 address"
        );
        assert_eq!(error("{}"), "ipam: missing field `items`");
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
        assert!(error("[]").starts_with("ipam is no JSON object: "));
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
}
