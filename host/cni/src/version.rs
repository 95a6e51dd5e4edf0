//! The versions of the CNI specification.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::error::Code;
use crate::excerpt::{excerpt, excerpt_json};
use crate::verb::Verb;

/// A version that we speak. The order is that of their release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SpecVersion {
    /// 0.1.0, which is also what a config without `cniVersion` means.
    V0_1_0,
    /// 0.2.0, which brought VERSION.
    V0_2_0,
    /// 0.3.0, which brought chains, `prevResult` and results with several addresses.
    V0_3_0,
    /// 0.3.1, which settled the names of 0.3.0's result.
    V0_3_1,
    /// 0.4.0, which brought CHECK and `prevResult` on DEL.
    V0_4_0,
    /// 1.0.0, which dropped the `version` of addresses.
    V1_0_0,
    /// 1.1.0, which brought GC, STATUS and more about interfaces and routes.
    V1_1_0,
}

/// A version that can't be read, that we don't speak, or that lacks the verb.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum VersionError {
    /// `cniVersion` is not text of the form `major.minor.patch`.
    #[error("\"cniVersion\" {value} is no version; write it as text, such as \"1.1.0\"")]
    Malformed {
        /// The refused value, shortened.
        value: String,
    },
    /// A version that is not one of ours. Membership counts, not the range.
    #[error(
        "CNI version {value} of the network config is not supported; this plugin supports {}",
        supported_list()
    )]
    Unsupported {
        /// The refused version, shortened.
        value: String,
    },
    /// The config's version does not have the verb yet.
    #[error(
        "{verb} exists since CNI version {since}, and the network config says {config}; raise its \
         \"cniVersion\""
    )]
    VerbTooNew {
        /// The verb that was called.
        verb: Verb,
        /// The first version that has it.
        since: SpecVersion,
        /// The config's version.
        config: SpecVersion,
    },
}

impl VersionError {
    /// 6 for what can't be read, 1 for what is not compatible.
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed { .. } => Code::DECODING_FAILURE,
            Self::Unsupported { .. } | Self::VerbTooNew { .. } => Code::INCOMPATIBLE_VERSION,
        }
    }
}

impl SpecVersion {
    /// Every version that we speak, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    /// The newest version that we speak.
    pub const LATEST: Self = Self::V1_1_0;

    /// The version as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// The `cniVersion` of a document. Absent, `null` and empty mean 0.1.0.
    ///
    /// # Errors
    /// [`VersionError::Malformed`] or [`VersionError::Unsupported`].
    pub fn of_document(document: &Map<String, Value>) -> Result<Self, VersionError> {
        match document.get("cniVersion") {
            None | Some(Value::Null) => Ok(Self::V0_1_0),
            Some(Value::String(text)) if text.is_empty() => Ok(Self::V0_1_0),
            Some(Value::String(text)) => text.parse(),
            Some(other) => Err(VersionError::Malformed {
                value: excerpt_json(other),
            }),
        }
    }

    /// The version in which to answer a request that could not be read in full: that of the config
    /// where it is one of ours, else the latest.
    pub fn for_reply(stdin: &[u8]) -> Self {
        serde_json::from_slice::<Map<String, Value>>(stdin)
            .ok()
            .and_then(|document| Self::of_document(&document).ok())
            .unwrap_or(Self::LATEST)
    }
}

/// The versions that we speak as one line of text.
pub fn supported_list() -> String {
    SpecVersion::ALL.map(SpecVersion::as_str).join(", ")
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for SpecVersion {
    type Err = VersionError;

    fn from_str(value: &str) -> Result<Self, VersionError> {
        if let Some(version) = Self::ALL
            .into_iter()
            .find(|version| version.as_str() == value)
        {
            return Ok(version);
        }
        if is_dotted_triple(value) {
            Err(VersionError::Unsupported {
                value: excerpt(value),
            })
        } else {
            Err(VersionError::Malformed {
                value: excerpt(value),
            })
        }
    }
}

/// Three decimal numbers with dots between them.
fn is_dotted_triple(value: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    value.split('.').count() == 3 && value.split('.').all(is_number)
}

impl TryFrom<String> for SpecVersion {
    type Error = VersionError;

    fn try_from(value: String) -> Result<Self, VersionError> {
        value.parse()
    }
}

impl From<SpecVersion> for String {
    fn from(version: SpecVersion) -> Self {
        version.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(document: Value) -> Result<SpecVersion, VersionError> {
        SpecVersion::of_document(document.as_object().unwrap())
    }

    #[test]
    fn an_absent_version_means_0_1_0() {
        for document in [
            json!({}),
            json!({"cniVersion": ""}),
            json!({"cniVersion": null}),
        ] {
            assert_eq!(of(document), Ok(SpecVersion::V0_1_0));
        }
    }

    #[test]
    fn membership_counts_and_not_the_range() {
        for between in ["0.3.2", "0.5.0", "1.0.1", "1.2.0", "01.1.0"] {
            let error = of(json!({"cniVersion": between})).unwrap_err();
            assert_eq!(error.code(), Code::INCOMPATIBLE_VERSION, "{between}");
            assert!(error.to_string().contains("1.1.0") && error.to_string().contains(between));
        }
    }

    #[test]
    fn what_is_no_version_is_a_decoding_failure() {
        for bad in [
            json!("one"),
            json!(1.1),
            json!("1.1"),
            json!("1..0"),
            json!({}),
            json!("v1.0.0"),
        ] {
            let error = of(json!({"cniVersion": bad})).unwrap_err();
            assert_eq!(error.code(), Code::DECODING_FAILURE);
        }
    }

    #[test]
    fn versions_are_ordered_and_read_back() {
        assert!(SpecVersion::ALL.is_sorted());
        for version in SpecVersion::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }

    #[test]
    fn a_reply_falls_back_to_the_latest_version() {
        assert_eq!(
            SpecVersion::for_reply(br#"{"cniVersion":"0.4.0"}"#),
            SpecVersion::V0_4_0
        );
        assert_eq!(
            SpecVersion::for_reply(br#"{"cniVersion":"9.0.0"}"#),
            SpecVersion::LATEST
        );
        assert_eq!(SpecVersion::for_reply(b"{"), SpecVersion::LATEST);
    }
}
