//! Ports that lead to containers whose records are lost: they belong to somebody, and nobody knows to whom.

use plan::{ForwardTag, PortClaim, PortForward};
use serde::{Deserialize, Serialize};

use super::{claim_clash_keys, port_prefix, suffix};
use crate::key::{Key, Table};
use crate::transaction::{View, Writing};
use crate::{Store, StoreError, UnixSeconds};

/// A port of the host that must not be claimed: it leads to a container whose record is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinedPort {
    /// The chain whose maps it is an element of.
    pub tag: ForwardTag,
    /// The port and the container's address.
    pub forward: PortForward,
    /// When it was found.
    pub since: UnixSeconds,
}

impl Store {
    /// All ports in quarantine, which are few: those that lived when the state was lost.
    ///
    /// # Errors
    /// The store's own.
    pub fn quarantined_ports(&self) -> Result<Vec<QuarantinedPort>, StoreError> {
        self.volatile().read(|view| {
            let entries = view.scan(Key::of(Table::QuarantinedPort), None)?;
            entries.map(|entry| decode(entry?.1)).collect()
        })
    }

    /// The port leads to nobody any more: it can be claimed again.
    ///
    /// # Errors
    /// The store's own.
    pub fn release_port(&self, port: &QuarantinedPort) -> Result<(), StoreError> {
        self.volatile().write(|w| {
            w.delete(&key(&suffix(&port.forward.claim())))?;
            Ok(())
        })
    }
}

pub(crate) fn quarantine(w: &mut Writing<'_>, port: &QuarantinedPort) -> Result<(), StoreError> {
    let value = serde_json::to_vec(port).map_err(|source| StoreError::Encode {
        what: "a port",
        source,
    })?;
    w.put(&key(&suffix(&port.forward.claim())), &value)
}

/// One in quarantine that clashes with this claim.
pub(super) fn clashing(
    view: View<'_>,
    claim: &PortClaim,
) -> Result<Option<QuarantinedPort>, StoreError> {
    if claim.address.is_none() {
        let mut entries = view.scan(key(&port_prefix(claim)), None)?;
        return entries.next().map(|entry| decode(entry?.1)).transpose();
    }
    for suffix in claim_clash_keys(claim) {
        if let Some(value) = view.get(&key(&suffix))? {
            return decode(value).map(Some);
        }
    }
    Ok(None)
}

fn key(suffix: &[u8]) -> Key {
    Key::of(Table::QuarantinedPort).bytes(suffix)
}

fn decode(value: &[u8]) -> Result<QuarantinedPort, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Corrupt {
        what: "a port in quarantine",
        source: Some(error),
    })
}
