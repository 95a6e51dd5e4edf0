use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Scope, StorageError};
use plan::Attachment;
use store::{Quota, StorageChanges, StorageOverlay, Store};

/// What the plugins of one call write, each under its own keys.
pub(crate) fn overlay(store: &Store, attachment: &Attachment) -> Arc<Mutex<StorageOverlay>> {
    Arc::new(Mutex::new(store.storage(attachment, Quota::default())))
}

/// What finished calls want stored.
pub(crate) fn changes(
    store: &Store,
    attachment: &Attachment,
    overlay: &Mutex<StorageOverlay>,
) -> StorageChanges {
    let mut shared = overlay.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *shared, store.storage(attachment, Quota::default())).into_changes()
}

/// The storage of one plugin. All plugins of a call share the overlay, which is committed with the record.
pub(crate) struct PluginStorage {
    overlay: Arc<Mutex<StorageOverlay>>,
    plugin: String,
    writable: bool,
}

impl PluginStorage {
    pub(crate) fn of(
        overlay: &Arc<Mutex<StorageOverlay>>,
        plugin: &str,
        writable: bool,
    ) -> Box<dyn engine::Storage> {
        Box::new(Self {
            overlay: Arc::clone(overlay),
            plugin: plugin.to_owned(),
            writable,
        })
    }

    fn overlay(&self) -> MutexGuard<'_, StorageOverlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn require_writable(&self) -> Result<(), StorageError> {
        if self.writable {
            Ok(())
        } else {
            Err(StorageError::ReadOnly)
        }
    }
}

fn scope(scope: Scope) -> store::Scope {
    match scope {
        Scope::Attachment => store::Scope::Attachment,
        Scope::Durable => store::Scope::Durable,
    }
}

fn storage_failure(error: store::StorageError) -> StorageError {
    match error {
        store::StorageError::QuotaExceeded { .. } | store::StorageError::TooManyKeys => {
            StorageError::QuotaExceeded
        }
        other => StorageError::Unavailable(Box::new(other)),
    }
}

impl engine::Storage for PluginStorage {
    fn get(&mut self, of: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.overlay()
            .get(&self.plugin, scope(of), key)
            .map_err(storage_failure)
    }

    fn set(&mut self, of: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.require_writable()?;
        self.overlay()
            .set(&self.plugin, scope(of), key, &value)
            .map_err(storage_failure)
    }

    fn delete(&mut self, of: Scope, key: &str) -> Result<(), StorageError> {
        self.require_writable()?;
        self.overlay()
            .delete(&self.plugin, scope(of), key)
            .map_err(storage_failure)
    }

    fn count(&mut self, of: Scope, prefix: &str) -> Result<u64, StorageError> {
        self.overlay()
            .count(&self.plugin, scope(of), prefix)
            .map_err(storage_failure)
    }
}
