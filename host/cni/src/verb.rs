//! The six verbs and the version of the specification that brought each of them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::excerpt::excerpt;
use crate::version::{SpecVersion, VersionError};

/// What the runtime wants, from `CNI_COMMAND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Attach a container to a network, or adjust an attachment.
    Add,
    /// Undo an ADD.
    Del,
    /// Compare an attachment with what it should be.
    Check,
    /// Remove what belongs to no valid attachment.
    Gc,
    /// Tell whether ADD can be served.
    Status,
    /// Tell which versions of the specification are spoken.
    Version,
}

/// `CNI_COMMAND` is none of the six verbs.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("CNI_COMMAND {value} is unknown; it must be ADD, DEL, CHECK, GC, STATUS or VERSION")]
pub struct UnknownVerb {
    value: String,
}

impl Verb {
    /// The verb as `CNI_COMMAND` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// The first version of the specification that has this verb.
    pub fn since(self) -> SpecVersion {
        match self {
            Self::Add | Self::Del | Self::Version => SpecVersion::V0_1_0,
            Self::Check => SpecVersion::V0_4_0,
            Self::Gc | Self::Status => SpecVersion::V1_1_0,
        }
    }

    /// Checks that a config of `version` may be used with this verb.
    ///
    /// # Errors
    /// [`VersionError::VerbTooNew`] (code 1), which names both versions.
    pub fn require(self, version: SpecVersion) -> Result<(), VersionError> {
        if version >= self.since() {
            return Ok(());
        }
        Err(VersionError::VerbTooNew {
            verb: self,
            since: self.since(),
            config: version,
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(value: &str) -> Result<Self, UnknownVerb> {
        [
            Self::Add,
            Self::Del,
            Self::Check,
            Self::Gc,
            Self::Status,
            Self::Version,
        ]
        .into_iter()
        .find(|verb| verb.as_str() == value)
        .ok_or_else(|| UnknownVerb {
            value: excerpt(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn verbs_need_the_version_that_brought_them() {
        let cases = [
            (Verb::Check, SpecVersion::V0_3_1, false),
            (Verb::Check, SpecVersion::V0_4_0, true),
            (Verb::Gc, SpecVersion::V1_0_0, false),
            (Verb::Gc, SpecVersion::V1_1_0, true),
            (Verb::Status, SpecVersion::V1_0_0, false),
            (Verb::Add, SpecVersion::V0_1_0, true),
        ];
        for (verb, version, allowed) in cases {
            assert_eq!(verb.require(version).is_ok(), allowed, "{verb} {version}");
        }
        let error = Verb::Gc.require(SpecVersion::V1_0_0).unwrap_err();
        assert_eq!(error.code(), Code::INCOMPATIBLE_VERSION);
        let text = error.to_string();
        assert!(text.contains("1.0.0") && text.contains("1.1.0"), "{text}");
    }

    #[test]
    fn verbs_are_spelled_in_capitals() {
        assert_eq!("GC".parse(), Ok(Verb::Gc));
        assert!("add".parse::<Verb>().is_err());
    }
}
