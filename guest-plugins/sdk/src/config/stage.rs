use serde::de::DeserializeOwned;

use super::json::Json;
use super::{invalid, read};
use crate::Failure;

/// The keys of a stage's object that every stage may have: the host's, the specification's and the runtime's. `cni.dev/…`
/// belongs to them as well. [`parse_stage`] drops them, so that a plugin's type can deny unknown fields.
pub const STAGE_KEYS: [&str; 12] = [
    "args",
    "capabilities",
    "cniVersion",
    "cniVersions",
    "digest",
    "grants",
    "limits",
    "name",
    "plugin",
    "prevResult",
    "runtimeConfig",
    "type",
];

/// How errors call the object as a whole.
const STAGE: &str = "the stage's configuration";

/// Read a stage's object into a type, without [the keys that every stage may have](STAGE_KEYS). Mark the type
/// `#[serde(deny_unknown_fields)]`: a misspelt key is then an error that lists the right ones.
///
/// ```
/// # use wasm_cni_guest::config;
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields)]
/// struct Config {
///     most_pods: u16,
/// }
///
/// let text = r#"{"cniVersion": "1.1.0", "name": "pods", "type": "wasm-cni", "plugin": "limit", "mostPods": 80000}"#;
/// let error = config::parse_stage::<Config>(text).unwrap_err();
/// assert!(error.to_string().starts_with("invalid configuration: mostPods = 80000: "));
/// ```
///
/// # Errors
/// [`Failure::InvalidConfig`] if the text is no JSON object or does not fit the type.
pub fn parse_stage<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let mut entries = read(text, STAGE)?;
    entries.retain(|(key, _)| !STAGE_KEYS.contains(&key.as_str()) && !key.starts_with("cni.dev/"));
    T::deserialize(&Json::Object(entries)).map_err(|error| {
        let text = error.to_string();
        Failure::InvalidConfig(match text.strip_prefix('.') {
            Some(text) => text.to_owned(),
            None => format!("{STAGE}{text}"),
        })
    })
}

/// Read `runtimeConfig`, what the runtime passes for the capabilities that the configuration declares, into a type; the
/// default if there is none. It holds other plugins' capabilities as well, so the type must not deny unknown fields.
///
/// ```
/// # use wasm_cni_guest::config;
/// #[derive(Default, serde::Deserialize)]
/// #[serde(default)]
/// struct Capabilities {
///     mac: Option<String>,
/// }
///
/// let text = r#"{"type": "tuning", "runtimeConfig": {"mac": "02:00:5e:10:00:01", "ips": []}}"#;
/// let capabilities: Capabilities = config::runtime_config(text)?;
/// assert_eq!(capabilities.mac.as_deref(), Some("02:00:5e:10:00:01"));
/// # Ok::<(), wasm_cni_guest::Failure>(())
/// ```
///
/// # Errors
/// [`Failure::InvalidConfig`] if the text is no JSON object or `runtimeConfig` does not fit the type.
pub fn runtime_config<T: DeserializeOwned + Default>(text: &str) -> Result<T, Failure> {
    inner(text, &["runtimeConfig"])
}

/// Read `args.cni`, what somebody passes to the plugins for this attachment alone, into a type; the default if there is
/// none. It is for every plugin, so the type must not deny unknown fields.
///
/// # Errors
/// [`Failure::InvalidConfig`] if the text is no JSON object or `args.cni` does not fit the type.
pub fn args<T: DeserializeOwned + Default>(text: &str) -> Result<T, Failure> {
    inner(text, &["args", "cni"])
}

fn inner<T: DeserializeOwned + Default>(text: &str, path: &[&str]) -> Result<T, Failure> {
    let mut value = Json::Object(read(text, STAGE)?);
    for (depth, key) in path.iter().enumerate() {
        let Json::Object(entries) = value else {
            let (outer, _) = path.split_at(depth);
            let outer = outer.join(".");
            return Err(Failure::InvalidConfig(format!(
                "{outer}: expected an object"
            )));
        };
        match entries.into_iter().find(|(name, _)| name == key) {
            None | Some((_, Json::Null)) => return Ok(T::default()),
            Some((_, found)) => value = found,
        }
    }
    T::deserialize(&value).map_err(|error| invalid(&path.join("."), &error))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Own {
        rates: Vec<u8>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Passed {
        ips: Vec<IpAddr>,
    }

    fn text<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
        match answer {
            Err(Failure::InvalidConfig(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_that_every_stage_may_have_are_no_business_of_the_plugin() {
        let config = r#"{"name": "pods", "cniVersion": "1.1.0", "cniVersions": [], "type": "wasm-cni", "plugin": "p",
            "runtimeConfig": {}, "args": {}, "digest": "sha256:0", "grants": [], "limits": {}, "capabilities": {},
            "prevResult": {}, "cni.dev/valid-attachments": [], "rates": [1]}"#;
        assert_eq!(parse_stage::<Own>(config), Ok(Own { rates: vec![1] }));
    }

    #[test]
    fn own_keys_are_checked_and_named() {
        for (config, expected) in [
            (r#"{"rates": [1, 300]}"#, "rates[1] = 300: expected u8"),
            (
                r#"{"rate": [1]}"#,
                "rate: unknown field `rate`, expected `rates`",
            ),
            ("{}", "the stage's configuration: missing field `rates`"),
            ("[]", "the stage's configuration is no JSON object"),
        ] {
            assert_eq!(text(parse_stage::<Own>(config)), expected, "{config}");
        }
    }

    #[test]
    fn what_the_runtime_passes_is_read_beside_other_plugins_capabilities() {
        let config = r#"{"runtimeConfig": {"ips": ["10.0.0.1"], "bandwidth": {}}, "args": {"cni": {"ips": ["::1"]}}}"#;
        let passed = |ips: &[&str]| {
            Ok(Passed {
                ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
            })
        };
        assert_eq!(runtime_config(config), passed(&["10.0.0.1"]));
        assert_eq!(args(config), passed(&["::1"]));
        for none in ["{}", r#"{"runtimeConfig": null, "args": {"cni": null}}"#] {
            assert_eq!(runtime_config(none), passed(&[]));
            assert_eq!(args(none), passed(&[]));
        }
    }

    #[test]
    fn wrong_values_that_the_runtime_passes_are_named_with_their_place() {
        let wrong = r#"{"runtimeConfig": {"ips": ["x"]}, "args": {"cni": {"ips": 5}}}"#;
        assert_eq!(
            text(runtime_config::<Passed>(wrong)),
            r#"runtimeConfig.ips[0] = "x": invalid IP address syntax"#
        );
        assert_eq!(
            text(args::<Passed>(wrong)),
            "args.cni.ips = 5: expected a sequence"
        );
        assert_eq!(
            text(args::<Passed>(r#"{"args": []}"#)),
            "args: expected an object"
        );
        assert_eq!(
            text(runtime_config::<Passed>(r#"{"runtimeConfig": "x"}"#)),
            r#"runtimeConfig = "x": expected struct Passed"#
        );
    }
}
