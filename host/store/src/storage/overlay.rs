use std::collections::BTreeMap;

use plan::Attachment;

use super::changes::{StorageChanges, Write};
use super::{Owner, Quota, Scope, Slot, bytes_of};
use crate::transaction::View;
use crate::{Store, StoreError};

const MAX_KEY: usize = 256;
const MAX_PLUGIN: usize = 128;
/// Keys and prefixes that the calls of one ADD may touch: bounds the memory that guests cost.
const MAX_TOUCHED: usize = 4096;

/// Why a guest's storage did not serve it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Keys have 1–256 bytes.
    #[error("a storage key has 1 to {MAX_KEY} bytes, not {0}")]
    InvalidKey(usize),
    /// Names of plugins have 1–128 bytes.
    #[error("a plugin that uses storage has a name of 1 to {MAX_PLUGIN} bytes, not {0}")]
    InvalidPlugin(usize),
    /// More than 4096 keys and prefixes.
    #[error("one call touches more than {MAX_TOUCHED} storage keys")]
    TooManyKeys,
    /// The quota is used up.
    #[error("the value would make this plugin's storage {needed} bytes, its quota is {quota}")]
    QuotaExceeded {
        /// Bytes of all keys and values together.
        needed: u64,
        /// Bytes.
        quota: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the guests of one call see of their storage: the stored values with their own writes on top. What was read once
/// stays as it was read.
#[derive(Debug)]
pub struct StorageOverlay {
    store: Store,
    quota: Quota,
    changes: StorageChanges,
    /// Bytes in use by scope and plugin, with the writes.
    used: BTreeMap<(Scope, String), u64>,
}

impl Store {
    /// An empty overlay for one call on one attachment, all plugins of the chain together.
    #[must_use]
    pub fn storage(&self, attachment: &Attachment, quota: Quota) -> StorageOverlay {
        let owner = Owner {
            network: attachment.network_tag(),
            attachment: attachment.key(),
        };
        StorageOverlay {
            store: self.clone(),
            quota,
            changes: StorageChanges::new(owner, quota),
            used: BTreeMap::new(),
        }
    }
}

impl StorageOverlay {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StorageError::InvalidKey`] and others.
    pub fn get(
        &mut self,
        plugin: &str,
        scope: Scope,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let slot = self.slot(plugin, scope, key)?;
        if let Some(write) = self.changes.writes.get(&slot) {
            return Ok(write.value.clone());
        }
        if let Some(read) = self.changes.reads.get(&slot) {
            return Ok(read.clone());
        }
        let value = self.stored(&slot)?;
        self.changes.reads.insert(slot, value.clone());
        Ok(value)
    }

    /// Writes a value.
    ///
    /// # Errors
    /// [`StorageError::QuotaExceeded`] and others; the old value stays then.
    pub fn set(
        &mut self,
        plugin: &str,
        scope: Scope,
        key: &str,
        value: &[u8],
    ) -> Result<(), StorageError> {
        let slot = self.slot(plugin, scope, key)?;
        self.write(slot, Some(value))
    }

    /// Removes a value; removing what is not there succeeds.
    ///
    /// # Errors
    /// [`StorageError::InvalidKey`] and others.
    pub fn delete(&mut self, plugin: &str, scope: Scope, key: &str) -> Result<(), StorageError> {
        let slot = self.slot(plugin, scope, key)?;
        self.write(slot, None)
    }

    /// How many keys begin with `prefix` (at most 256 bytes, may be empty): in attachment scope over all attachments of
    /// the network, the one at hand included.
    ///
    /// # Errors
    /// [`StorageError::InvalidKey`] and others.
    pub fn count(&mut self, plugin: &str, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        if prefix.len() > MAX_KEY {
            return Err(StorageError::InvalidKey(prefix.len()));
        }
        let slot = self.checked(plugin, scope, prefix)?;
        let stored = match self.changes.counts.get(&slot) {
            Some(count) => *count,
            None => {
                let owner = self.changes.owner;
                let count = self
                    .read(scope, |view| owner.count(view, &slot))?
                    .unwrap_or(0);
                self.changes.counts.insert(slot, count);
                count
            }
        };
        let (mut more, mut less) = (0_u64, 0_u64);
        for (slot, write) in &self.changes.writes {
            let counted =
                slot.scope == scope && slot.plugin == plugin && slot.key.starts_with(prefix);
            match (counted, write.replaced.is_some(), write.value.is_some()) {
                (true, false, true) => more += 1,
                (true, true, false) => less += 1,
                _ => {}
            }
        }
        Ok(stored.saturating_add(more).saturating_sub(less))
    }

    /// What there is to commit.
    #[must_use]
    pub fn into_changes(self) -> StorageChanges {
        self.changes
    }

    fn slot(&self, plugin: &str, scope: Scope, key: &str) -> Result<Slot, StorageError> {
        if !(1..=MAX_KEY).contains(&key.len()) {
            return Err(StorageError::InvalidKey(key.len()));
        }
        self.checked(plugin, scope, key)
    }

    fn checked(&self, plugin: &str, scope: Scope, key: &str) -> Result<Slot, StorageError> {
        if !(1..=MAX_PLUGIN).contains(&plugin.len()) {
            return Err(StorageError::InvalidPlugin(plugin.len()));
        }
        if self.changes.touched() >= MAX_TOUCHED {
            return Err(StorageError::TooManyKeys);
        }
        Ok(Slot {
            scope,
            plugin: plugin.to_owned(),
            key: key.to_owned(),
        })
    }

    fn write(&mut self, slot: Slot, value: Option<&[u8]>) -> Result<(), StorageError> {
        let size = |value: Option<&[u8]>| value.map_or(0, |value| bytes_of(&slot.key, value));
        let (old, replaced) = match self.changes.writes.get(&slot) {
            Some(write) => (size(write.value.as_deref()), write.replaced),
            None => {
                let stored = size(self.stored(&slot)?.as_deref());
                (stored, Some(stored).filter(|stored| *stored > 0))
            }
        };
        let used = self.used(slot.scope, &slot.plugin)?.saturating_sub(old);
        let needed = used.saturating_add(size(value));
        let quota = match slot.scope {
            Scope::Attachment => self.quota.attachment,
            Scope::Durable => self.quota.durable,
        };
        if value.is_some() && needed > quota {
            return Err(StorageError::QuotaExceeded { needed, quota });
        }
        self.used.insert((slot.scope, slot.plugin.clone()), needed);
        let value = value.map(<[u8]>::to_vec);
        self.changes.writes.insert(slot, Write { value, replaced });
        Ok(())
    }

    fn used(&self, scope: Scope, plugin: &str) -> Result<u64, StoreError> {
        if let Some(used) = self.used.get(&(scope, plugin.to_owned())) {
            return Ok(*used);
        }
        let owner = self.changes.owner;
        let used = self.read(scope, |view| match scope {
            Scope::Attachment => owner.attachment_bytes(view, plugin),
            Scope::Durable => owner.durable_bytes(view, plugin),
        })?;
        Ok(used.unwrap_or(0))
    }

    fn stored(&self, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError> {
        let owner = self.changes.owner;
        Ok(self
            .read(slot.scope, |view| owner.value(view, slot))?
            .flatten())
    }

    /// None: nothing was ever stored in this scope.
    fn read<T>(
        &self,
        scope: Scope,
        f: impl FnOnce(View<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match scope {
            Scope::Attachment => self.store.volatile().read(|view| f(*view)).map(Some),
            Scope::Durable => match self.store.durable().if_present()? {
                Some(environment) => environment.read(|view| f(*view)).map(Some),
                None => Ok(None),
            },
        }
    }
}
