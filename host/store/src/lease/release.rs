use std::net::IpAddr;

use plan::{Attachment, AttachmentKey, NetworkTag};

use super::{CoolDown, Lease, LeaseState, LinkEvidence, QuarantinedAddress, StoredLease, index};
use crate::key::Place;
use crate::transaction::Writing;
use crate::{Store, StoreError};

impl Store {
    /// The addresses that the attachment has reserved or holds on any network, in ascending order for each.
    ///
    /// # Errors
    /// The store's own.
    pub fn held(&self, attachment: &AttachmentKey) -> Result<Vec<Lease>, StoreError> {
        let mut leases = self.leases_of(attachment)?;
        leases.retain(|lease| matches!(lease.state, LeaseState::Pending | LeaseState::Held));
        Ok(leases)
    }

    /// All leases that the attachment holds or may hold: as [`Store::held`], and the quarantined.
    ///
    /// # Errors
    /// The store's own.
    pub fn leases_of(&self, attachment: &AttachmentKey) -> Result<Vec<Lease>, StoreError> {
        self.volatile()
            .read(|view| index::leases_of(*view, attachment))
    }

    /// Releases what the attachment has reserved or holds, as after a failed ADD or a sweep of orphaned leases; what is
    /// quarantined stays so. Returns what was released, as it was.
    ///
    /// # Errors
    /// The store's own.
    pub fn release(
        &self,
        attachment: &AttachmentKey,
        cool_down: CoolDown,
    ) -> Result<Vec<Lease>, StoreError> {
        self.release_where(attachment, cool_down, |state| {
            matches!(state, LeaseState::Pending | LeaseState::Held)
        })
    }

    /// Releases only what is pending: what an ADD that failed has reserved itself.
    ///
    /// # Errors
    /// The store's own.
    pub fn release_pending(
        &self,
        attachment: &AttachmentKey,
        cool_down: CoolDown,
    ) -> Result<Vec<Lease>, StoreError> {
        self.release_where(attachment, cool_down, |state| *state == LeaseState::Pending)
    }

    fn release_where(
        &self,
        attachment: &AttachmentKey,
        cool_down: CoolDown,
        which: impl Fn(&LeaseState) -> bool,
    ) -> Result<Vec<Lease>, StoreError> {
        self.volatile().write(|w| {
            let mut leases = index::leases_of(w.view(), attachment)?;
            leases.retain(|lease| which(&lease.state));
            for lease in &leases {
                cool(w, lease, cool_down)?;
            }
            Ok(leases)
        })
    }

    /// Releases one address that the attachment has reserved or holds; false if it has no such address.
    ///
    /// # Errors
    /// The store's own.
    pub fn release_one(
        &self,
        network: NetworkTag,
        address: IpAddr,
        attachment: &Attachment,
        cool_down: CoolDown,
    ) -> Result<bool, StoreError> {
        let place = Place { network, address };
        self.volatile()
            .write(|w| match index::read(w.view(), place)? {
                Some(lease) if lease.is_held_by(attachment) => {
                    cool(w, &lease.at(place), cool_down)?;
                    Ok(true)
                }
                _ => Ok(false),
            })
    }

    /// Frees an address at once, whoever has it and whatever speaks for it: the operator's word. Returns the lease that
    /// there was.
    ///
    /// # Errors
    /// The store's own.
    pub fn force_release(
        &self,
        network: NetworkTag,
        address: IpAddr,
    ) -> Result<Option<Lease>, StoreError> {
        let place = Place { network, address };
        self.volatile().write(|w| {
            let lease = index::read(w.view(), place)?;
            if lease.is_some() {
                index::replace(w, place, None)?;
            }
            Ok(lease.map(|lease| lease.at(place)))
        })
    }

    /// Keeps an address from being handed out, whatever its state.
    ///
    /// # Errors
    /// The store's own.
    pub fn quarantine(&self, address: &QuarantinedAddress) -> Result<(), StoreError> {
        self.volatile().write(|w| quarantine(w, address))
    }

    /// Quarantines what the attachment has reserved or holds, since its link could not be proven gone. Its record, if it
    /// has one, stays, so that a sweep can try again; [`Store::remove`] then lets the addresses cool down. Returns how
    /// many were quarantined.
    ///
    /// # Errors
    /// The store's own.
    pub fn quarantine_attachment(
        &self,
        attachment: &AttachmentKey,
        evidence: &LinkEvidence,
    ) -> Result<usize, StoreError> {
        self.volatile().write(|w| {
            let mut leases = index::leases_of(w.view(), attachment)?;
            leases.retain(|lease| !matches!(lease.state, LeaseState::Quarantined { .. }));
            for lease in &leases {
                let state = LeaseState::Quarantined {
                    evidence: evidence.clone(),
                };
                set_state(w, lease, state)?;
            }
            Ok(leases.len())
        })
    }
}

pub(crate) fn quarantine(
    w: &mut Writing<'_>,
    address: &QuarantinedAddress,
) -> Result<(), StoreError> {
    let place = Place {
        network: address.network,
        address: address.address,
    };
    let lease = StoredLease {
        attachment: address.attachment.clone(),
        since: address.since,
        state: LeaseState::Quarantined {
            evidence: address.evidence.clone(),
        },
    };
    index::replace(w, place, Some(&lease))
}

/// Whatever the attachment has cools down, the quarantined as well.
pub(crate) fn cool_all(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
    cool_down: CoolDown,
) -> Result<Vec<Lease>, StoreError> {
    let leases = index::leases_of(w.view(), attachment)?;
    for lease in &leases {
        cool(w, lease, cool_down)?;
    }
    Ok(leases)
}

/// The attachment's pending leases are held from now on.
pub(crate) fn hold_pending(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
) -> Result<(), StoreError> {
    for lease in index::leases_of(w.view(), attachment)? {
        if lease.state == LeaseState::Pending {
            set_state(w, &lease, LeaseState::Held)?;
        }
    }
    Ok(())
}

fn cool(w: &mut Writing<'_>, lease: &Lease, cool_down: CoolDown) -> Result<(), StoreError> {
    match cool_down.state() {
        Some(state) => set_state(w, lease, state),
        None => index::replace(
            w,
            Place {
                network: lease.network,
                address: lease.address,
            },
            None,
        ),
    }
}

fn set_state(w: &mut Writing<'_>, lease: &Lease, state: LeaseState) -> Result<(), StoreError> {
    let place = Place {
        network: lease.network,
        address: lease.address,
    };
    let stored = StoredLease {
        attachment: lease.attachment.clone(),
        since: lease.since,
        state,
    };
    index::replace(w, place, Some(&stored))
}
