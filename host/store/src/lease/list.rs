use std::net::IpAddr;

use plan::{Attachment, AttachmentKey, NetworkTag};

use super::{Lease, LeaseState, index};
use crate::key::{Key, Parts, Place, Table};
use crate::{Store, StoreError};

/// The kinds of [`LeaseState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseKind {
    /// [`LeaseState::Pending`].
    Pending,
    /// [`LeaseState::Held`].
    Held,
    /// [`LeaseState::Cooling`].
    Cooling,
    /// [`LeaseState::Quarantined`].
    Quarantined,
}

impl LeaseState {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> LeaseKind {
        match self {
            Self::Pending => LeaseKind::Pending,
            Self::Held => LeaseKind::Held,
            Self::Cooling { .. } => LeaseKind::Cooling,
            Self::Quarantined { .. } => LeaseKind::Quarantined,
        }
    }
}

/// Which leases to list; what is None does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaseFilter {
    /// Only this network's.
    pub network: Option<NetworkTag>,
    /// Only those in this state.
    pub kind: Option<LeaseKind>,
}

/// Where the next page of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePosition(NetworkTag, IpAddr);

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeasePage {
    /// Sorted by network, family and address.
    pub leases: Vec<Lease>,
    /// Give this to get the next page; None: there is no more.
    pub next: Option<LeasePosition>,
}

/// A part of the list of attachments that have leases and no record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrphanPage {
    /// The attachments, each once, with its pending and held leases.
    pub orphans: Vec<(Attachment, Vec<Lease>)>,
    /// Give this to get the next page; None: there is no more.
    pub next: Option<AttachmentKey>,
}

/// Entries that one page looks at, so that no read transaction is long.
const PAGE: usize = 1024;

impl Store {
    /// The lease of an address; None: it is free.
    ///
    /// # Errors
    /// The store's own.
    pub fn lease(&self, network: NetworkTag, address: IpAddr) -> Result<Option<Lease>, StoreError> {
        let place = Place { network, address };
        let lease = self.volatile().read(|view| index::read(*view, place))?;
        Ok(lease.map(|lease| lease.at(place)))
    }

    /// A page of leases, behind `after`; the network can change between two pages. A page may be empty and yet have a
    /// next one.
    ///
    /// # Errors
    /// The store's own.
    pub fn list_leases(
        &self,
        filter: LeaseFilter,
        after: Option<LeasePosition>,
    ) -> Result<LeasePage, StoreError> {
        let prefix = match filter.network {
            Some(network) => Key::of(Table::Lease).network(network),
            None => Key::of(Table::Lease),
        };
        let after = after
            .map(|LeasePosition(network, address)| index::lease_key(Place { network, address }));
        self.volatile().read(|view| {
            let mut page = LeasePage::default();
            for (looked_at, entry) in view.scan(prefix, after.as_deref())?.enumerate() {
                let lease = Lease::decode(entry?)?;
                if looked_at + 1 == PAGE {
                    page.next = Some(LeasePosition(lease.network, lease.address));
                }
                if filter.kind.is_none_or(|kind| kind == lease.state.kind()) {
                    page.leases.push(lease);
                }
                if page.next.is_some() {
                    break;
                }
            }
            Ok(page)
        })
    }

    /// A page of what a process left behind that died between reserving and recording: attachments that have pending or
    /// held leases and no record. Whoever releases them takes the attachment's lock first and looks again: the ADD may be
    /// running.
    ///
    /// # Errors
    /// The store's own.
    pub fn orphaned_leases(&self, after: Option<AttachmentKey>) -> Result<OrphanPage, StoreError> {
        // The last key that an attachment's entries can have.
        let after = after.map(|attachment| {
            Key::of(Table::LeaseOfAttachment)
                .attachment(&attachment)
                .bytes(&[u8::MAX; 32])
        });
        self.volatile().read(|view| {
            let mut page = OrphanPage::default();
            let mut last = None;
            let prefix = Key::of(Table::LeaseOfAttachment);
            for (looked_at, entry) in view.scan(prefix, after.as_deref())?.enumerate() {
                let attachment = Parts::of_key(entry?.0).attachment()?;
                if last == Some(attachment) {
                    continue;
                }
                if looked_at >= PAGE {
                    page.next = last;
                    break;
                }
                last = Some(attachment);
                if view
                    .get(&Key::of(Table::Record).attachment(&attachment))?
                    .is_none()
                {
                    page.orphans
                        .extend(orphan(index::leases_of(*view, &attachment)?));
                }
            }
            Ok(page)
        })
    }
}

fn orphan(mut leases: Vec<Lease>) -> Option<(Attachment, Vec<Lease>)> {
    leases.retain(|lease| matches!(lease.state, LeaseState::Pending | LeaseState::Held));
    let attachment = leases.first()?.attachment.clone()?;
    Some((attachment, leases))
}
