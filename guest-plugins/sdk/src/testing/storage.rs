use std::collections::BTreeMap;

use super::Key;
use crate::{Scope, StorageError};

/// In bytes, of keys and values together: what a host allows unless configured otherwise.
const ATTACHMENT_QUOTA: usize = 16 * 1024;
const DURABLE_QUOTA: usize = 1024 * 1024;

/// Whose value it is: a network's (durable) or an attachment's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Network(String),
    Attachment(Key),
}

impl Owner {
    fn network(&self) -> &str {
        match self {
            Self::Network(network) | Self::Attachment((network, _, _)) => network,
        }
    }

    fn scope(&self) -> Scope {
        match self {
            Self::Network(_) => Scope::Durable,
            Self::Attachment(_) => Scope::Attachment,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Values(BTreeMap<(Owner, String), Vec<u8>>);

impl Values {
    pub(super) fn get(&self, owner: Owner, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        check_key(key)?;
        Ok(self.0.get(&(owner, key.to_owned())).cloned())
    }

    pub(super) fn set(
        &mut self,
        owner: Owner,
        key: &str,
        value: &[u8],
    ) -> Result<(), StorageError> {
        check_key(key)?;
        let others: usize = self
            .0
            .iter()
            .filter(|((other, name), _)| *other == owner && name != key)
            .map(|((_, name), value)| name.len() + value.len())
            .sum();
        let quota = match owner.scope() {
            Scope::Attachment => ATTACHMENT_QUOTA,
            Scope::Durable => DURABLE_QUOTA,
        };
        if others + key.len() + value.len() > quota {
            return Err(StorageError::QuotaExceeded);
        }
        self.0.insert((owner, key.to_owned()), value.to_vec());
        Ok(())
    }

    pub(super) fn delete(&mut self, owner: Owner, key: &str) -> Result<(), StorageError> {
        check_key(key)?;
        self.0.remove(&(owner, key.to_owned()));
        Ok(())
    }

    pub(super) fn count(&self, network: &str, scope: Scope, prefix: &str) -> u64 {
        let counted = self.0.keys().filter(|(owner, name)| {
            owner.scope() == scope && owner.network() == network && name.starts_with(prefix)
        });
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn detach(&mut self, attachment: &Key) {
        self.0
            .retain(|(owner, _), _| !matches!(owner, Owner::Attachment(key) if key == attachment));
    }
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if (1..=256).contains(&key.len()) {
        Ok(())
    } else {
        Err(StorageError::InvalidKey)
    }
}
