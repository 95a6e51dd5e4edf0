use std::collections::BTreeMap;

use super::durable::Durable;
use super::{Owner, Quota, Scope, Slot, bytes_of};
use crate::transaction::{View, Writing};
use crate::{Store, StoreError};

/// What the guests of one call read and wrote.
#[derive(Debug, Clone)]
pub struct StorageChanges {
    pub(super) owner: Owner,
    quota: Quota,
    /// What was read from the store: the values themselves, since a guest that reads the same decides the same.
    pub(super) reads: BTreeMap<Slot, Option<Vec<u8>>>,
    pub(super) counts: BTreeMap<Slot, u64>,
    pub(super) writes: BTreeMap<Slot, Write>,
}

/// A value to be written; None: to be removed.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) value: Option<Vec<u8>>,
    /// Bytes of the stored key and value when it was first written; None: there was none.
    pub(super) replaced: Option<u64>,
}

impl StorageChanges {
    pub(super) fn new(owner: Owner, quota: Quota) -> Self {
        Self {
            owner,
            quota,
            reads: BTreeMap::new(),
            counts: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }

    pub(super) fn touched(&self) -> usize {
        self.reads.len() + self.counts.len() + self.writes.len()
    }

    /// Is there anything that [`Store::commit_durable`] would write?
    #[must_use]
    pub fn has_durable_writes(&self) -> bool {
        self.writes.keys().any(|slot| slot.scope == Scope::Durable)
    }

    /// Compares what was read, then writes, in the caller's transaction.
    pub(crate) fn commit_attachment_scope(&self, w: &mut Writing<'_>) -> Result<(), StoreError> {
        self.check(w.view(), Scope::Attachment)?;
        for (slot, write) in self
            .writes
            .iter()
            .filter(|(slot, _)| slot.scope == Scope::Attachment)
        {
            let key = self.owner.value_key(slot);
            let size_key = self
                .owner
                .size_prefix(&slot.plugin)
                .bytes(slot.key.as_bytes());
            match &write.value {
                Some(value) => {
                    w.put(&key, value)?;
                    w.put(&size_key, &bytes_of(&slot.key, value).to_be_bytes())?;
                }
                None => {
                    w.delete(&key)?;
                    w.delete(&size_key)?;
                }
            }
        }
        Ok(())
    }

    /// Compares what was read in durable scope. It lies in another environment, so this can't be one transaction with the
    /// record; durable values are hints and no condition of correctness.
    pub(crate) fn check_durable(&self, durable: &Durable) -> Result<(), StoreError> {
        let read = self.reads.keys().chain(self.counts.keys());
        if !read.into_iter().any(|slot| slot.scope == Scope::Durable) {
            return Ok(());
        }
        match durable.if_present()? {
            Some(environment) => environment.read(|view| self.check(*view, Scope::Durable)),
            // Nothing was stored then, and nothing is now.
            None => Ok(()),
        }
    }

    fn check(&self, view: View<'_>, scope: Scope) -> Result<(), StoreError> {
        for (slot, seen) in self.reads.iter().filter(|(slot, _)| slot.scope == scope) {
            if self.owner.value(view, slot)? != *seen {
                return Err(conflict(slot, "key"));
            }
        }
        for (slot, seen) in self.counts.iter().filter(|(slot, _)| slot.scope == scope) {
            if self.owner.count(view, slot)? != *seen {
                return Err(conflict(slot, "number of keys that begin with"));
            }
        }
        Ok(())
    }

    fn write_durable(&self, w: &mut Writing<'_>) -> Result<(), StoreError> {
        for (slot, write) in self
            .writes
            .iter()
            .filter(|(slot, _)| slot.scope == Scope::Durable)
        {
            let key = self.owner.value_key(slot);
            let bytes = |value: &[u8]| bytes_of(&slot.key, value);
            let old = w.view().get(&key)?.map_or(0, bytes);
            let new = write.value.as_deref().map_or(0, bytes);
            let used = self.owner.durable_bytes(w.view(), &slot.plugin)?;
            let needed = used.saturating_sub(old).saturating_add(new);
            if needed > self.quota.durable && new > old {
                return Err(StoreError::QuotaExceeded {
                    plugin: slot.plugin.clone(),
                    needed,
                    quota: self.quota.durable,
                });
            }
            match &write.value {
                Some(value) => w.put(&key, value)?,
                None => {
                    w.delete(&key)?;
                }
            }
            w.put(
                &self.owner.durable_size_key(&slot.plugin),
                &needed.to_be_bytes(),
            )?;
        }
        Ok(())
    }
}

impl Store {
    /// Writes what guests wrote in durable scope, all or nothing, and syncs it. To be called after the record is applied;
    /// opens the durable environment only if there is something to write. Another call's later value wins.
    ///
    /// # Errors
    /// [`StoreError::QuotaExceeded`] if other calls have used the quota up meanwhile, and others.
    pub fn commit_durable(&self, changes: &StorageChanges) -> Result<(), StoreError> {
        if !changes.has_durable_writes() {
            return Ok(());
        }
        self.durable()
            .or_create()?
            .write(|w| changes.write_durable(w))
    }
}

fn conflict(slot: &Slot, what: &str) -> StoreError {
    let key: String = slot.key.escape_debug().collect();
    StoreError::Conflict {
        plugin: slot.plugin.clone(),
        what: format!("{what} \"{key}\""),
    }
}
