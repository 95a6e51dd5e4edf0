use std::fmt;

use thiserror::Error;

/// Why a plugin can't do what it was asked (WIT `failure`).
///
/// The text is shown to the operator, at most 4 KiB of it: say what failed, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The plugin's own configuration is wrong; the text names key and value. CNI code 7.
    #[error("invalid configuration: {0}")]
    InvalidConfig(String),
    /// No address, or no other resource, is left.
    #[error("exhausted: {0}")]
    Exhausted(String),
    /// The request is understood and refused.
    #[error("denied: {0}")]
    Denied(String),
    /// Passing: the same request may succeed soon. CNI code 11.
    #[error("retry later: {0}")]
    RetryLater(String),
    /// The plugin can't serve any request now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The same failure with words in front of its text: `{context}: {text}`.
    #[must_use]
    pub fn context(self, context: impl fmt::Display) -> Self {
        let prefixed = |text: String| format!("{context}: {text}");
        match self {
            Self::InvalidConfig(text) => Self::InvalidConfig(prefixed(text)),
            Self::Exhausted(text) => Self::Exhausted(prefixed(text)),
            Self::Denied(text) => Self::Denied(prefixed(text)),
            Self::RetryLater(text) => Self::RetryLater(prefixed(text)),
            Self::Unavailable(text) => Self::Unavailable(prefixed(text)),
            Self::Other(text) => Self::Other(prefixed(text)),
        }
    }
}

/// Why no address was reserved (WIT `reserve-failure`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReserveError {
    /// Another attachment holds it; the text says which.
    #[error("the address is taken: {0}")]
    Taken(String),
    /// It lies outside what the operator configured for this network.
    #[error("the address lies outside what is configured for this network")]
    OutsideRanges,
    /// Nothing is left in the given ranges.
    #[error("no address is left")]
    Exhausted,
    /// This call has reserved as many addresses as one attachment may hold (64).
    #[error("one attachment may hold no more than 64 addresses")]
    TooMany,
    /// The host's store failed; the text says how.
    #[error("the host's leases are unavailable: {0}")]
    Unavailable(String),
}

impl From<ReserveError> for Failure {
    fn from(error: ReserveError) -> Self {
        let text = error.to_string();
        match error {
            ReserveError::Exhausted => Self::Exhausted(text),
            ReserveError::Taken(_) | ReserveError::OutsideRanges | ReserveError::TooMany => {
                Self::Denied(text)
            }
            ReserveError::Unavailable(_) => Self::Unavailable(text),
        }
    }
}

/// Why nothing was read or written (WIT `storage-failure`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorageError {
    /// Keys: 1–256 bytes.
    #[error("a storage key has 1 to 256 bytes")]
    InvalidKey,
    /// The quota is used up (16 KiB an attachment, 1 MiB durable, unless configured otherwise).
    #[error("the storage quota is used up")]
    QuotaExceeded,
    /// This kind of call may only read.
    #[error("this kind of call may only read the storage")]
    ReadOnly,
    /// The host's store failed; the text says how.
    #[error("the host's storage is unavailable: {0}")]
    Unavailable(String),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let text = error.to_string();
        match error {
            StorageError::Unavailable(_) => Self::Unavailable(text),
            StorageError::InvalidKey | StorageError::QuotaExceeded | StorageError::ReadOnly => {
                Self::Other(text)
            }
        }
    }
}
