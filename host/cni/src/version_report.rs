//! The answer to VERSION.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::version::SpecVersion;

/// Longest `cniVersion` that is echoed, in bytes.
const MAX_ECHO_BYTES: usize = 64;

/// What VERSION prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReport {
    /// The caller's `cniVersion`, or our latest where it gave none.
    pub cni_version: String,
    /// Every version that we speak, oldest first.
    pub supported_versions: Vec<&'static str>,
}

impl VersionReport {
    /// The answer to what came on standard input, which may be empty or no JSON at all: a caller
    /// that asks for our versions gets them.
    pub fn answer(stdin: &[u8]) -> Self {
        let cni_version = serde_json::from_slice::<Map<String, Value>>(stdin)
            .ok()
            .and_then(|mut document| match document.remove("cniVersion") {
                Some(Value::String(text)) if !text.is_empty() => Some(text),
                _ => None,
            })
            .filter(|text| text.len() <= MAX_ECHO_BYTES)
            .unwrap_or_else(|| SpecVersion::LATEST.to_string());
        Self {
            cni_version,
            supported_versions: SpecVersion::ALL.map(SpecVersion::as_str).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_version_is_echoed() {
        let report = VersionReport::answer(br#"{"cniVersion":"0.4.0"}"#);
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"cniVersion":"0.4.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}"#
        );
    }

    #[test]
    fn any_input_gets_an_answer() {
        for stdin in ["", "null", "{", "{}", r#"{"cniVersion":5}"#] {
            assert_eq!(
                VersionReport::answer(stdin.as_bytes()).cni_version,
                "1.1.0",
                "{stdin}"
            );
        }
        let long = format!(r#"{{"cniVersion":"{}"}}"#, "1".repeat(65));
        assert_eq!(VersionReport::answer(long.as_bytes()).cni_version, "1.1.0");
    }
}
