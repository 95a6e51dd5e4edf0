//! The config as a bounded JSON object, before its keys are looked at.

use serde_json::{Map, Value};

use super::error::ConfigError;
use crate::ids::NetworkName;
use crate::version::SpecVersion;

/// Largest network config, in bytes, that is read. Real ones have a few kilobytes; a GC's list of
/// 10,000 attachments has about one megabyte.
pub const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// Parses a JSON object of at most [`MAX_CONFIG_BYTES`].
///
/// # Errors
/// [`ConfigError::TooLarge`], [`ConfigError::Json`] or [`ConfigError::NotAnObject`], all code 6.
pub fn parse_document(bytes: &[u8]) -> Result<Map<String, Value>, ConfigError> {
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge {
            bytes: bytes.len(),
            limit: MAX_CONFIG_BYTES,
        });
    }
    match serde_json::from_slice(bytes).map_err(ConfigError::Json)? {
        Value::Object(document) => Ok(document),
        _ => Err(ConfigError::NotAnObject),
    }
}

/// The network's name. Required and checked on every verb but VERSION.
///
/// # Errors
/// Code 7 where it is absent, no text, or against the specification's expression.
pub fn network_name(document: &Map<String, Value>) -> Result<NetworkName, ConfigError> {
    let missing = || ConfigError::Missing {
        key: "name".to_owned(),
        remedy: "every network needs a name that is unique on its host",
    };
    match document.get("name") {
        None | Some(Value::Null) => Err(missing()),
        Some(Value::String(name)) if name.is_empty() => Err(missing()),
        Some(Value::String(name)) => name.parse().map_err(|source| ConfigError::Name {
            key: "name".to_owned(),
            source,
        }),
        Some(other) => Err(ConfigError::not_allowed(
            "name".to_owned(),
            &other.to_string(),
            "text",
        )),
    }
}

/// The config's version; absent means 0.1.0.
///
/// # Errors
/// Code 6 where it is no version, 1 where it is none of ours.
pub fn config_version(document: &Map<String, Value>) -> Result<SpecVersion, ConfigError> {
    Ok(SpecVersion::of_document(document)?)
}
