//! Guests' storage: keys and values of a plugin on a network.
//!
//! A call never writes: it fills a [`StorageOverlay`], which also remembers what was read. The runtime commits the
//! overlay's [`StorageChanges`] when the whole call has succeeded.

use plan::{AttachmentKey, NetworkTag};

use crate::StoreError;
use crate::key::{Key, Parts, Table};
use crate::transaction::{View, Writing};

mod changes;
pub(crate) mod durable;
mod overlay;

#[cfg(test)]
mod tests;

pub use changes::StorageChanges;
pub use overlay::{StorageError, StorageOverlay};

/// How long a value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// As long as the attachment at hand: committed with its record and removed with it.
    Attachment,
    /// Until deleted, across reboots.
    Durable,
}

/// How many bytes a plugin may store on a network, keys and values together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// For each attachment.
    pub attachment: u64,
    /// In durable scope.
    pub durable: u64,
}

impl Default for Quota {
    /// 16 KiB an attachment, 1 MiB durable.
    fn default() -> Self {
        Self {
            attachment: 16 << 10,
            durable: 1 << 20,
        }
    }
}

/// One key of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    scope: Scope,
    plugin: String,
    key: String,
}

/// Whose storage: what the keys of an overlay are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    network: NetworkTag,
    attachment: AttachmentKey,
}

fn bytes_of(key: &str, value: &[u8]) -> u64 {
    let bytes = key.len().saturating_add(value.len());
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Owner {
    /// The key comes before the attachment, so that keys with a prefix can be counted over all attachments.
    fn value_key(&self, slot: &Slot) -> Key {
        let key = self.count_prefix(slot);
        match slot.scope {
            Scope::Attachment => key.attachment(&self.attachment),
            Scope::Durable => key,
        }
    }

    fn count_prefix(&self, slot: &Slot) -> Key {
        let table = match slot.scope {
            Scope::Attachment => Table::Storage,
            Scope::Durable => Table::Durable,
        };
        Key::of(table)
            .network(self.network)
            .name(&slot.plugin)
            .bytes(slot.key.as_bytes())
    }

    fn size_prefix(&self, plugin: &str) -> Key {
        let of_attachment = Key::of(Table::StorageOfAttachment).attachment(&self.attachment);
        of_attachment.network(self.network).name(plugin)
    }

    fn value(&self, view: View<'_>, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(view.get(&self.value_key(slot))?.map(<[u8]>::to_vec))
    }

    /// How many keys begin with the slot's key; in attachment scope over all attachments of the network.
    fn count(&self, view: View<'_>, slot: &Slot) -> Result<u64, StoreError> {
        let prefix = self.count_prefix(slot);
        // A shorter one matches only with bytes of its attachment.
        let shortest = match slot.scope {
            Scope::Attachment => prefix
                .len()
                .saturating_add(self.attachment.as_bytes().len()),
            Scope::Durable => prefix.len(),
        };
        let mut count = 0_u64;
        for entry in view.scan(prefix, None)? {
            if entry?.0.len() >= shortest {
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }

    /// Bytes of the attachment's keys and values of a plugin.
    fn attachment_bytes(&self, view: View<'_>, plugin: &str) -> Result<u64, StoreError> {
        let mut sum = 0_u64;
        for entry in view.scan(self.size_prefix(plugin), None)? {
            sum = sum.saturating_add(Parts::of_value(entry?.1).u64()?);
        }
        Ok(sum)
    }

    /// Bytes of all durable keys and values of a plugin.
    fn durable_bytes(&self, view: View<'_>, plugin: &str) -> Result<u64, StoreError> {
        match view.get(&self.durable_size_key(plugin))? {
            Some(value) => Parts::of_value(value).u64(),
            None => Ok(0),
        }
    }

    fn durable_size_key(&self, plugin: &str) -> Key {
        Key::of(Table::DurableSize)
            .network(self.network)
            .name(plugin)
    }
}

/// Removes what plugins keep for the attachment.
pub(crate) fn remove_attachment(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
) -> Result<(), StoreError> {
    let prefix = Key::of(Table::StorageOfAttachment).attachment(attachment);
    let keys = w.view().scan(prefix.clone(), None)?;
    let keys: Vec<Vec<u8>> = keys
        .map(|entry| Ok(entry?.0.to_vec()))
        .collect::<Result<_, StoreError>>()?;
    for key in keys {
        w.delete(&key)?;
        let slot = key.get(prefix.len()..).unwrap_or_default();
        w.delete(&Key::of(Table::Storage).bytes(slot).attachment(attachment))?;
    }
    Ok(())
}
