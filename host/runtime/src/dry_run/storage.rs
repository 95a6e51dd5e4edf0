//! Storage in which nothing is yet.

use std::collections::BTreeMap;

use engine::{Scope, Storage, StorageError};

use super::services::Shared;

/// What all plugins have written, each under its own keys.
#[derive(Default)]
pub(super) struct Stored(BTreeMap<(String, u8, String), Vec<u8>>);

/// One plugin's view.
pub(super) struct MemoryStorage {
    pub(super) stored: Shared<Stored>,
    pub(super) plugin: String,
}

impl MemoryStorage {
    fn place(&self, scope: Scope, key: &str) -> (String, u8, String) {
        let scope = match scope {
            Scope::Attachment => 0,
            Scope::Durable => 1,
        };
        (self.plugin.clone(), scope, key.to_owned())
    }
}

impl Storage for MemoryStorage {
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let place = self.place(scope, key);
        Ok(self.stored.lock().0.get(&place).cloned())
    }

    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        let place = self.place(scope, key);
        self.stored.lock().0.insert(place, value);
        Ok(())
    }

    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError> {
        let place = self.place(scope, key);
        self.stored.lock().0.remove(&place);
        Ok(())
    }

    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        let (plugin, scope, prefix) = self.place(scope, prefix);
        let stored = self.stored.lock();
        let keys = stored.0.keys();
        let begins = keys.filter(|(owner, of, key)| {
            *owner == plugin && *of == scope && key.starts_with(&prefix)
        });
        Ok(u64::try_from(begins.count()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_and_scope_has_its_own_keys() {
        let stored = Shared::default();
        let of = |plugin: &str| MemoryStorage {
            stored: stored.clone(),
            plugin: plugin.into(),
        };
        let (mut one, mut other) = (of("one"), of("other"));
        one.set(Scope::Attachment, "pod/a", b"1".to_vec()).unwrap();
        one.set(Scope::Durable, "pod/b", b"2".to_vec()).unwrap();
        other
            .set(Scope::Attachment, "pod/c", b"3".to_vec())
            .unwrap();
        assert_eq!(one.count(Scope::Attachment, "pod/").unwrap(), 1);
        assert_eq!(one.get(Scope::Attachment, "pod/c").unwrap(), None);
        assert_eq!(
            of("one").get(Scope::Durable, "pod/b").unwrap(),
            Some(b"2".to_vec())
        );
        one.delete(Scope::Attachment, "pod/a").unwrap();
        assert_eq!(one.count(Scope::Attachment, "").unwrap(), 0);
    }
}
