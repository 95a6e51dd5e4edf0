//! Leases, attachment records and guests' storage of one node, on LMDB.
//!
//! Many processes at once, no daemon, and any of them may be killed at any moment. Each method is one short transaction;
//! none is open between two calls, while a guest runs, or while a process waits for a lock.
//!
//! - [`Store`]: the handle; [`Location`] says where.
//! - [`Lease`]: an address that is not free, unique for each network and address.
//! - [`Record`]: what was done for an attachment and how to take it back.
//! - [`StorageOverlay`]: what guests read and write, committed with the record.
//! - [`AttachmentLock`]: one call at a time for an attachment; [`ContainerLock`] for what those of one container share.
//!
//! Everything lies in one tree (`key.rs` lists the kinds of entries). The clock is the caller's.

mod address;
mod environment;
mod error;
mod intervals;
mod key;
mod lease;
mod location;
mod lock;
mod network;
mod port_claim;
mod record;
mod storage;
mod store;
mod transaction;

#[cfg(test)]
mod testing;

pub use address::AddressRange;
pub use error::StoreError;
pub use lease::{
    CoolDown, Lease, LeaseFilter, LeaseKind, LeasePage, LeasePosition, LeaseState, LinkEvidence,
    MAX_ADDRESSES, OrphanPage, QuarantinedAddress, Reservation, ReserveError, UnixSeconds, Usage,
};
pub use location::Location;
pub use lock::{AttachmentLock, ContainerLock, LockError, NodeLock, SweepLock};
pub use network::Forgotten;
pub use port_claim::QuarantinedPort;
pub use record::{
    Document, RECORD_FORMAT, Record, RecordPage, RecordState, Removed, StagePart, UnreadableRecord,
};
pub use storage::{Quota, Scope, StorageChanges, StorageError, StorageOverlay};
pub use store::Store;
