//! The limits that an operator sets for one plugin.

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::section::Section;
use crate::excerpt::excerpt_json;

/// Least and greatest fuel for one call. A small Rust guest burns about 11,000.
pub const FUEL_BOUNDS: (u64, u64) = (1_000, 1_000_000_000_000);
/// Least and greatest deadline of one call, in milliseconds.
pub const DEADLINE_BOUNDS: (u64, u64) = (1, 60_000);
/// Least and greatest memory of one call, in MiB.
pub const MEMORY_BOUNDS: (u64, u64) = (1, 4_096);

/// `limits` as configured; what is absent keeps the strict default of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `fuel`: how much one call may compute.
    pub fuel: Option<u64>,
    /// `deadlineMilliseconds`: how long one call may last.
    pub deadline_milliseconds: Option<u64>,
    /// `memoryMiB`: how much memory one call may have in all.
    pub memory_mib: Option<u64>,
}

impl Limits {
    /// Reads a `limits` object. A misspelt limit would be none, so unknown keys are refused.
    pub(super) fn read(object: &Map<String, Value>, path: String) -> Result<Self, ConfigError> {
        let section = Section::new(object, path);
        let known = ["fuel", "deadlineMilliseconds", "memoryMiB"];
        if let Some((key, value)) = object
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()))
        {
            return Err(ConfigError::UnknownKey {
                key: section.path(key),
                value: excerpt_json(value),
                known: "fuel, deadlineMilliseconds and memoryMiB",
            });
        }
        Ok(Self {
            fuel: section.number("fuel", FUEL_BOUNDS.0, FUEL_BOUNDS.1)?,
            deadline_milliseconds: section.number(
                "deadlineMilliseconds",
                DEADLINE_BOUNDS.0,
                DEADLINE_BOUNDS.1,
            )?,
            memory_mib: section.number("memoryMiB", MEMORY_BOUNDS.0, MEMORY_BOUNDS.1)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use serde_json::json;

    fn read(value: Value) -> Result<Limits, ConfigError> {
        Limits::read(value.as_object().unwrap(), "ipam.limits".to_owned())
    }

    #[test]
    fn limits_are_bounded() {
        let limits = read(json!({"fuel": 5000, "deadlineMilliseconds": 50, "memoryMiB": 16}));
        assert_eq!(limits.unwrap().memory_mib, Some(16));
        let bad = [
            json!({"fuel": 0}),
            json!({"deadlineMilliseconds": 60_001}),
            json!({"memoryMiB": -1}),
            json!({"memoryMiB": "16"}),
            json!({"fuel": 1.5}),
        ];
        for value in bad {
            let error = read(value).unwrap_err();
            assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
            assert!(error.to_string().contains("ipam.limits."), "{error}");
        }
    }

    #[test]
    fn a_misspelt_limit_is_refused_with_key_and_value() {
        let error = read(json!({"memoryMb": 16})).unwrap_err();
        assert_eq!(error.code(), Code::UNSUPPORTED_FIELD);
        let text = error.to_string();
        assert!(text.contains("memoryMb") && text.contains("16"), "{text}");
    }
}
