use super::{LogLevel, LogSink, Scope, Storage, StorageError};

/// What there is between two calls: nothing.
pub(crate) struct Withdrawn;

impl Withdrawn {
    fn refuse<T>() -> Result<T, StorageError> {
        Err(StorageError::Unavailable("no call is running".into()))
    }
}

impl Storage for Withdrawn {
    fn get(&mut self, _: Scope, _: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Self::refuse()
    }

    fn set(&mut self, _: Scope, _: &str, _: Vec<u8>) -> Result<(), StorageError> {
        Self::refuse()
    }

    fn delete(&mut self, _: Scope, _: &str) -> Result<(), StorageError> {
        Self::refuse()
    }

    fn count(&mut self, _: Scope, _: &str) -> Result<u64, StorageError> {
        Self::refuse()
    }
}

impl LogSink for Withdrawn {
    fn line(&mut self, _: LogLevel, _: &str) {}
}
