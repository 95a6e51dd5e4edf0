use serde::{Deserialize, Serialize};

use super::ServiceError;

/// How long a stored value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// As long as the attachment.
    Attachment,
    /// Until deleted, across reboots.
    Durable,
}

/// Why storage did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The quota is used up.
    #[error("the storage quota is used up")]
    QuotaExceeded,
    /// This kind of call may only read.
    #[error("this call may only read")]
    ReadOnly,
    /// The host's store failed.
    #[error("the host's store failed: {0}")]
    Unavailable(#[source] ServiceError),
}

/// A plugin's own keys and values. The engine has checked keys already: 1 to 256 bytes.
pub trait Storage: Send {
    /// The value of a key.
    ///
    /// # Errors
    /// The store failed.
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Write a value.
    ///
    /// # Errors
    /// Why it was not written.
    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError>;

    /// Remove a value; removing what is not there succeeds.
    ///
    /// # Errors
    /// Why it was not removed.
    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError>;

    /// How many keys begin with `prefix`.
    ///
    /// # Errors
    /// The store failed.
    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError>;
}
