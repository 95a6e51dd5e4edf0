//! What can be wrong with a network config.

use serde_json::Value;
use thiserror::Error;

use super::range::RangeError;
use crate::convert::ResultError;
use crate::error::Code;
use crate::excerpt::{excerpt, excerpt_json};
use crate::ids::IdError;
use crate::version::VersionError;

/// A network config that can't be used. Keys are written with their path, such as `ipam.ranges`.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Standard input has more bytes than we read.
    #[error("the network config has {bytes} bytes or more; at most {limit} are read")]
    TooLarge {
        /// How many there are at least.
        bytes: usize,
        /// How many may be.
        limit: usize,
    },
    /// It is not JSON.
    #[error("the network config on standard input is not valid JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("the network config on standard input must be a JSON object")]
    NotAnObject,
    /// The version can't be read or is not spoken.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A name breaks its rule.
    #[error("network config key \"{key}\": {source}")]
    Name {
        /// The key.
        key: String,
        /// Which rule.
        source: IdError,
    },
    /// A required key is absent.
    #[error("the network config lacks \"{key}\"; {remedy}")]
    Missing {
        /// The key.
        key: String,
        /// What to write.
        remedy: &'static str,
    },
    /// A value of the wrong shape.
    #[error("network config key \"{key}\" has the value {value}: {source}")]
    Shape {
        /// The key.
        key: String,
        /// The value, shortened.
        value: String,
        /// Where it differs from what is expected.
        source: serde_json::Error,
    },
    /// A value that must be one of a few.
    #[error("network config key \"{key}\" has the value {value}; it must be {allowed}")]
    NotAllowed {
        /// The key.
        key: String,
        /// The value, shortened.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A number outside its bounds.
    #[error("network config key \"{key}\" is {value}; it must be {minimum} to {maximum}")]
    OutOfBounds {
        /// The key.
        key: String,
        /// The number.
        value: u64,
        /// The least allowed one.
        minimum: u64,
        /// The greatest allowed one.
        maximum: u64,
    },
    /// An address range that can't be used.
    #[error("network config key \"{key}\": {source}")]
    Range {
        /// The key.
        key: String,
        /// Why.
        source: RangeError,
    },
    /// A `prevResult` that can't be read in the config's version.
    #[error("network config key \"prevResult\": {0}")]
    PreviousResult(#[source] ResultError),
}

impl ConfigError {
    /// 6 for what can't be decoded, 1 for versions, 7 for all else.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::Json(_) | Self::NotAnObject => Code::DECODING_FAILURE,
            Self::Version(error) => error.code(),
            Self::Name { .. }
            | Self::Missing { .. }
            | Self::Shape { .. }
            | Self::NotAllowed { .. }
            | Self::OutOfBounds { .. }
            | Self::Range { .. }
            | Self::PreviousResult(_) => Code::INVALID_NETWORK_CONFIG,
        }
    }

    pub(super) fn shape(key: String, value: &Value, source: serde_json::Error) -> Self {
        Self::Shape {
            key,
            value: excerpt_json(value),
            source,
        }
    }

    pub(super) fn not_allowed(key: String, value: &str, allowed: &'static str) -> Self {
        Self::NotAllowed {
            key,
            value: excerpt(value),
            allowed,
        }
    }
}
