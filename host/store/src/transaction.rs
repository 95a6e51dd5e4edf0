use std::ops::Bound;

use heed::types::Bytes;
use heed::{Database, RoTxn, RwTxn, WithoutTls};

use crate::StoreError;
use crate::key::Key;

type Tree<'e> = Database<'e, Bytes, Bytes>;

/// A key and its value.
pub(crate) type Entry<'a> = (&'a [u8], &'a [u8]);

/// A read transaction.
pub(crate) struct Snapshot<'e> {
    tree: Tree<'e>,
    txn: RoTxn<'e, WithoutTls>,
}

impl<'e> Snapshot<'e> {
    pub(crate) fn new(tree: Tree<'e>, txn: RoTxn<'e, WithoutTls>) -> Self {
        Self { tree, txn }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            tree: self.tree,
            txn: &self.txn,
        }
    }
}

/// A write transaction.
pub(crate) struct Writing<'e> {
    tree: Tree<'e>,
    txn: RwTxn<'e>,
}

impl<'e> Writing<'e> {
    pub(crate) fn new(tree: Tree<'e>, txn: RwTxn<'e>) -> Self {
        Self { tree, txn }
    }

    /// What the transaction sees, its own changes included.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            tree: self.tree,
            txn: &self.txn,
        }
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        Ok(self.tree.put(&mut self.txn, key, value)?)
    }

    /// False if there was no such key.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.tree.delete(&mut self.txn, key)?)
    }

    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        Ok(self.tree.clear(&mut self.txn)?)
    }

    pub(crate) fn commit(self) -> Result<(), StoreError> {
        Ok(self.txn.commit()?)
    }
}

/// What can be read in either kind of transaction.
#[derive(Clone, Copy)]
pub(crate) struct View<'t> {
    tree: Tree<'t>,
    txn: &'t RoTxn<'t, WithoutTls>,
}

impl<'t> View<'t> {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<&'t [u8]>, StoreError> {
        Ok(self.tree.get(self.txn, key)?)
    }

    /// The entry with the greatest key that is not greater than `key`, if it begins with `prefix`.
    pub(crate) fn floor(&self, prefix: &[u8], key: &[u8]) -> Result<Option<Entry<'t>>, StoreError> {
        let entry = self.tree.get_lower_than_or_equal_to(self.txn, key)?;
        Ok(entry.filter(|(key, _)| key.starts_with(prefix)))
    }

    /// The entries whose keys begin with `prefix`, in order; only those behind `after`, if given.
    pub(crate) fn scan(
        &self,
        prefix: Key,
        after: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
        let from = match after {
            Some(after) if after >= &prefix[..] => Bound::Excluded(after),
            _ => Bound::Included(&prefix[..]),
        };
        let entries = self.tree.range(self.txn, &(from, Bound::Unbounded))?;
        Ok(entries
            .map(|entry| entry.map_err(StoreError::from))
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(&prefix),
                Err(_) => true,
            }))
    }
}
