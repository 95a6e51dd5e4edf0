use crate::bindings::storage::{Host, Scope, StorageFailure};
use crate::sandbox::CallState;
use crate::services::{self, StorageError};

/// As the contract says.
const LONGEST_KEY: usize = 256;

impl Host for CallState {
    fn get(
        &mut self,
        scope: Scope,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, StorageFailure>> {
        self.budget.charge(key.len())?;
        let storage = self.storage("get")?;
        if !is_key(&key) {
            return Ok(Err(StorageFailure::InvalidKey));
        }
        Ok(storage.get(lift(scope), &key).map_err(failure))
    }

    fn set(
        &mut self,
        scope: Scope,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), StorageFailure>> {
        self.budget.charge(key.len().saturating_add(value.len()))?;
        let storage = self.storage("set")?;
        if !is_key(&key) {
            return Ok(Err(StorageFailure::InvalidKey));
        }
        Ok(storage.set(lift(scope), &key, value).map_err(failure))
    }

    fn delete(
        &mut self,
        scope: Scope,
        key: String,
    ) -> wasmtime::Result<Result<(), StorageFailure>> {
        self.budget.charge(key.len())?;
        let storage = self.storage("delete")?;
        if !is_key(&key) {
            return Ok(Err(StorageFailure::InvalidKey));
        }
        Ok(storage.delete(lift(scope), &key).map_err(failure))
    }

    /// The empty prefix counts everything, so only the length is checked.
    fn count(
        &mut self,
        scope: Scope,
        prefix: String,
    ) -> wasmtime::Result<Result<u64, StorageFailure>> {
        self.budget.charge(prefix.len())?;
        let storage = self.storage("count")?;
        if prefix.len() > LONGEST_KEY {
            return Ok(Err(StorageFailure::InvalidKey));
        }
        Ok(storage.count(lift(scope), &prefix).map_err(failure))
    }
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len())
}

fn lift(scope: Scope) -> services::Scope {
    match scope {
        Scope::Attachment => services::Scope::Attachment,
        Scope::Durable => services::Scope::Durable,
    }
}

fn failure(error: StorageError) -> StorageFailure {
    match error {
        StorageError::QuotaExceeded => StorageFailure::QuotaExceeded,
        StorageError::ReadOnly => StorageFailure::ReadOnly,
        StorageError::Unavailable(source) => StorageFailure::Unavailable(source.to_string()),
    }
}
