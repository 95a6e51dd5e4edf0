//! Error codes, the error object that a failed call prints, and what can be wrong with a request.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::address_request::RequestedAddressError;
use crate::arguments::ArgumentsError;
use crate::config::ConfigError;
use crate::environment::EnvironmentError;
use crate::ids::IdError;
use crate::role::RoleError;
use crate::version::{SpecVersion, VersionError};

mod code;

pub use code::Code;

/// What a failed call prints to standard output, and what a delegate's failed call printed.
///
/// The specification says in one place that it goes to standard error; runtimes read it from
/// standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The version in which the request was answered. Errors of many plugins lack it.
    #[serde(
        rename = "cniVersion",
        default,
        skip_serializing_if = "String::is_empty"
    )]
    pub cni_version: String,
    /// What kind of failure it is.
    pub code: Code,
    /// What failed, why, and what to do.
    #[serde(rename = "msg", default)]
    pub message: String,
    /// More about it, several lines where useful.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
}

impl ErrorObject {
    /// An error object without details.
    pub fn new(version: SpecVersion, code: Code, message: impl Into<String>) -> Self {
        Self {
            cni_version: version.to_string(),
            code,
            message: message.into(),
            details: String::new(),
        }
    }

    /// The same object with `details`.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }
}

/// A request that can't be served as it stands.
#[derive(Debug, Error)]
pub enum Error {
    /// Environment variables are missing or can't be read.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// `CNI_ARGS` can't be read.
    #[error(transparent)]
    Arguments(#[from] ArgumentsError),
    /// Standard input can't be read.
    #[error("can't read the network config from standard input: {source}")]
    Stdin {
        /// Why.
        source: std::io::Error,
    },
    /// The container id or the interface name breaks its rule.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The versions don't fit.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The network config is wrong.
    #[error("{first}")]
    Config {
        /// The first problem.
        #[source]
        first: ConfigError,
        /// The others, so that they can be mended in one go.
        others: Vec<ConfigError>,
    },
    /// The config gives us no role.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A requested address or MAC can't be used.
    #[error(transparent)]
    RequestedAddress(#[from] RequestedAddressError),
}

impl Error {
    /// The code that the specification gives to this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Environment(_) | Self::Arguments(_) => Code::INVALID_ENVIRONMENT,
            Self::Stdin { .. } => Code::IO_FAILURE,
            Self::Id(error) => error.code(),
            Self::Version(error) => error.code(),
            Self::Config { first, .. } => first.code(),
            Self::Role(_) => Code::INVALID_NETWORK_CONFIG,
            Self::RequestedAddress(error) => error.code(),
        }
    }

    /// The error as it is printed in answer to a request in `version`.
    pub fn to_object(&self, version: SpecVersion) -> ErrorObject {
        let object = ErrorObject::new(version, self.code(), self.to_string());
        match self {
            Self::Config { others, .. } if !others.is_empty() => {
                let lines: Vec<String> = others.iter().map(ToString::to_string).collect();
                object.with_details(lines.join("\n"))
            }
            Self::Version(VersionError::Unsupported { value }) => {
                let supported = crate::version::supported_list();
                object.with_details(format!("config is {value}, plugin supports {supported}"))
            }
            _ => object,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(first: ConfigError) -> Self {
        Self::Config {
            first,
            others: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_version_names_both_sides_in_the_details() {
        let error = Error::Version("9.9.9".parse::<SpecVersion>().unwrap_err());
        let object = error.to_object(SpecVersion::LATEST);
        assert_eq!(object.code, Code::INCOMPATIBLE_VERSION);
        assert!(object.details.contains("9.9.9") && object.details.contains("0.3.1"));
    }

    #[test]
    fn all_config_problems_are_reported() {
        let error = Error::Config {
            first: ConfigError::NotAnObject,
            others: vec![ConfigError::TooLarge { bytes: 9, limit: 5 }],
        };
        assert!(error.to_object(SpecVersion::LATEST).details.contains('5'));
    }

    #[test]
    fn a_foreign_error_object_without_version_is_read() {
        let text = r#"{"code":999,"msg":"no IP addresses available"}"#;
        let object: ErrorObject = serde_json::from_str(text).unwrap();
        assert_eq!(object.code.number(), 999);
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
    }
}
