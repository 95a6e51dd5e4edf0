//! Results in every version of the specification.
//!
//! | version | form |
//! |---|---|
//! | 0.1.0, 0.2.0 | one address of each family in `ip4` and `ip6`, each with its routes; no interfaces |
//! | 0.3.0, 0.3.1, 0.4.0 | lists; `ips[].version` says the family |
//! | 1.0.0 | without `ips[].version` |
//! | 1.1.0 | more about interfaces and routes |
//!
//! A field that a version does not have is never written in it. The reference library lets those
//! of 1.1.0 leak into results of 1.0.0; we do not. A route of another table than main, which only
//! 1.1.0 can tell, is left out before: without its table it would be told as a route of main.

use serde_json::Value;
use thiserror::Error;

use crate::excerpt::excerpt_json;
use crate::result::CniResult;
use crate::version::{SpecVersion, VersionError};

mod ip4_ip6;
mod lists;

/// Largest result of a delegate, in bytes, that is read. Real ones have one or two kilobytes.
pub const MAX_RESULT_BYTES: usize = 1024 * 1024;

/// A result that can't be read or written in a version.
#[derive(Debug, Error)]
pub enum ResultError {
    /// A delegate printed more than we read.
    #[error("the result has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many may be.
        limit: usize,
    },
    /// A delegate printed something else than JSON.
    #[error("the result is not valid JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("the result {value} is no JSON object")]
    NotAnObject {
        /// The value, shortened.
        value: String,
    },
    /// Its `cniVersion` can't be used.
    #[error("the result: {0}")]
    Version(#[from] VersionError),
    /// It is not of the form of its version.
    #[error("the result {value} is not of the form of CNI {version}: {source}")]
    Shape {
        /// The version in which it was read.
        version: SpecVersion,
        /// The result, shortened.
        value: String,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// An address of the one family where the other was said.
    #[error("the result has {address} as an address of IPv{family}")]
    Family {
        /// The address.
        address: ipnet::IpNet,
        /// The family that was said.
        family: String,
    },
    /// An address whose `interface` is no index into `interfaces`.
    #[error("the result's address {address} is of interface {index}, and there are {interfaces}")]
    InterfaceIndex {
        /// The address.
        address: ipnet::IpNet,
        /// The index that is out of range.
        index: i64,
        /// How many interfaces there are.
        interfaces: usize,
    },
    /// CNI 0.1.0 and 0.2.0 can't say "no address".
    #[error(
        "a result without addresses can't be written in CNI {version}; raise the network's \
         \"cniVersion\" to 0.3.1 or later"
    )]
    NoAddress {
        /// The version that was asked for.
        version: SpecVersion,
    },
}

/// Reads a result as `version` forms it, whatever its own `cniVersion` says: this is how
/// `prevResult` is read, in the version of the config that carried it.
///
/// # Errors
/// [`ResultError`] where it is not of that form, or an index is out of range.
pub fn read(value: &Value, version: SpecVersion) -> Result<CniResult, ResultError> {
    if !value.is_object() {
        return Err(ResultError::NotAnObject {
            value: excerpt_json(value),
        });
    }
    if version < SpecVersion::V0_3_0 {
        ip4_ip6::read(value, version)
    } else {
        lists::read(value, version)
    }
}

/// Reads what a delegate printed for ADD: in its own `cniVersion`, or, where it says none, in the
/// config's.
///
/// # Errors
/// [`ResultError`].
pub fn read_output(stdout: &[u8], config_version: SpecVersion) -> Result<CniResult, ResultError> {
    if stdout.len() > MAX_RESULT_BYTES {
        return Err(ResultError::TooLarge {
            bytes: stdout.len(),
            limit: MAX_RESULT_BYTES,
        });
    }
    let value: Value = serde_json::from_slice(stdout).map_err(ResultError::Json)?;
    let Value::Object(document) = value else {
        return Err(ResultError::NotAnObject {
            value: excerpt_json(&value),
        });
    };
    let version = match document.get("cniVersion") {
        None | Some(Value::Null) => config_version,
        Some(Value::String(text)) if text.is_empty() => config_version,
        Some(_) => SpecVersion::of_document(&document)?,
    };
    read(&Value::Object(document), version)
}

/// Writes a result in a version.
///
/// # Errors
/// [`ResultError::NoAddress`] for 0.1.0 and 0.2.0; [`ResultError::Shape`] is not expected.
pub fn write(result: &CniResult, version: SpecVersion) -> Result<Value, ResultError> {
    if version < SpecVersion::V0_3_0 {
        ip4_ip6::write(result, version)
    } else {
        lists::write(result, version)
    }
}

impl ResultError {
    fn shape(version: SpecVersion, value: &Value, source: serde_json::Error) -> Self {
        Self::Shape {
            version,
            value: excerpt_json(value),
            source,
        }
    }
}
