use plan::NetworkTag;

use crate::key::{Key, Place, Table};
use crate::lease::{Lease, index};
use crate::transaction::Writing;
use crate::{Store, StoreError};

/// What [`Store::forget_network`] removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// The leases that there were, as they were.
    pub leases: Vec<Lease>,
    /// Keys of durable storage, of all plugins.
    pub durable_keys: usize,
}

impl Store {
    /// Removes all that is kept of a network beside its attachments: leases of every state, where round robin stands, and
    /// the durable storage of its plugins. For a network without attachments: whoever held an address has it no more.
    ///
    /// # Errors
    /// The store's own.
    pub fn forget_network(&self, network: NetworkTag) -> Result<Forgotten, StoreError> {
        let leases = self.volatile().write(|w| {
            let leases: Vec<Lease> = w
                .view()
                .scan(Key::of(Table::Lease).network(network), None)?
                .map(|entry| Lease::decode(entry?))
                .collect::<Result<_, _>>()?;
            for lease in &leases {
                let place = Place {
                    network,
                    address: lease.address,
                };
                index::replace(w, place, None)?;
            }
            delete_all(w, Table::Cursor, network)?;
            Ok::<_, StoreError>(leases)
        })?;
        let durable_keys = match self.durable().if_present()? {
            Some(environment) => environment.write(|w| {
                delete_all(w, Table::DurableSize, network)?;
                delete_all(w, Table::Durable, network)
            })?,
            None => 0,
        };
        Ok(Forgotten {
            leases,
            durable_keys,
        })
    }
}

fn delete_all(w: &mut Writing<'_>, table: Table, network: NetworkTag) -> Result<usize, StoreError> {
    let keys: Vec<Vec<u8>> = w
        .view()
        .scan(Key::of(table).network(network), None)?
        .map(|entry| Ok(entry?.0.to_vec()))
        .collect::<Result<_, StoreError>>()?;
    for key in &keys {
        w.delete(key)?;
    }
    Ok(keys.len())
}

#[cfg(test)]
mod tests {
    use plan::Attachment;

    use super::*;
    use crate::testing::{TestStore, attachment, network};
    use crate::{AddressRange, CoolDown, Quota, Scope};

    fn range() -> [AddressRange; 1] {
        [AddressRange {
            first: "10.1.0.2".parse().unwrap(),
            last: "10.1.0.9".parse().unwrap(),
        }]
    }

    fn remember(store: &Store, attachment: &Attachment) {
        let mut overlay = store.storage(attachment, Quota::default());
        overlay.set("p", Scope::Durable, "k", b"v").unwrap();
        store.commit_durable(&overlay.into_changes()).unwrap();
    }

    #[test]
    fn nothing_is_left_of_a_network_and_others_keep_theirs() {
        let store = TestStore::new();
        let other = Attachment {
            network: "other".into(),
            ..attachment("b")
        };
        for who in [&attachment("a"), &other] {
            let tag = who.network_tag();
            store.reserve_next(tag, &range(), None, who, 1).unwrap();
            remember(&store, who);
        }
        store
            .release(&attachment("a").key(), CoolDown::lasting(1, 60))
            .unwrap();
        let forgotten = store.forget_network(network()).unwrap();
        assert_eq!((forgotten.leases.len(), forgotten.durable_keys), (1, 1));
        assert_eq!(store.last_reserved(network(), &range()).unwrap(), None);
        assert_eq!(store.usage(network(), &range()).unwrap().cooling, 0);
        assert_eq!(
            store.forget_network(network()).unwrap(),
            Forgotten::default()
        );
        let usage = store.usage(other.network_tag(), &range()).unwrap();
        assert_eq!(usage.taken, 1);
        assert!(
            store
                .last_reserved(other.network_tag(), &range())
                .unwrap()
                .is_some()
        );
        assert_eq!(
            store
                .forget_network(other.network_tag())
                .unwrap()
                .durable_keys,
            1
        );
    }
}
