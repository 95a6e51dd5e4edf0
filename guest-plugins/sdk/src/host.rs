use std::net::IpAddr;
use std::time::Duration;

use crate::{AddressRange, ReserveError, StorageError};

/// All that a plugin can ask of the host.
///
/// A plugin's binary imports only the interfaces whose functions it calls.
pub trait Host: Leases + Storage + Clock + Log {}

impl<T: Leases + Storage + Clock + Log> Host for T {}

/// Addresses, owned by the host (WIT `leases`).
///
/// Each call is atomic against every other process on the node, so uniqueness is never the plugin's job. What a failed
/// ADD has reserved is released by the host.
pub trait Leases {
    /// Reserve this one address for the attachment at hand. Reserving what it holds already succeeds, and an address
    /// that is cooling down is granted.
    ///
    /// # Errors
    /// [`ReserveError::Taken`], [`ReserveError::OutsideRanges`], [`ReserveError::TooMany`] or
    /// [`ReserveError::Unavailable`].
    fn reserve(&self, address: IpAddr) -> Result<(), ReserveError>;

    /// Reserve the next free address of `ranges` (at most 1024, all of one family, searched in their order), starting
    /// behind `after` and going round once. When nothing is free the address that has cooled longest is taken.
    ///
    /// # Errors
    /// [`ReserveError::Exhausted`], [`ReserveError::OutsideRanges`], [`ReserveError::TooMany`] or
    /// [`ReserveError::Unavailable`].
    fn reserve_next(
        &self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError>;

    /// The address inside `ranges` that [`reserve_next`](Self::reserve_next) handed out last, for round robin.
    fn last_reserved(&self, ranges: &[AddressRange]) -> Option<IpAddr>;

    /// The addresses that the attachment at hand holds.
    fn held(&self) -> Vec<IpAddr>;

    /// Give back an address that this very call has reserved. False if it has reserved no such address.
    fn release(&self, address: IpAddr) -> bool;

    /// How full the ranges are, all together.
    fn usage(&self, ranges: &[AddressRange]) -> Usage;
}

/// How full ranges are (WIT `usage-count`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Addresses in the ranges; saturates at [`u64::MAX`].
    pub capacity: u64,
    /// Held by an attachment, or quarantined because the link could not be proven gone.
    pub taken: u64,
    /// Released not long ago; handed out again only when nothing else is left.
    pub cooling: u64,
}

/// The plugin's own keys and values, kept by the host per network and plugin (WIT `storage`).
///
/// What is written takes effect only if the whole call and its ADD succeed.
pub trait Storage {
    /// The value of a key, in attachment scope that of the attachment at hand.
    ///
    /// # Errors
    /// [`StorageError::InvalidKey`] or [`StorageError::Unavailable`].
    fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Write a value.
    ///
    /// # Errors
    /// Any [`StorageError`].
    fn set(&self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StorageError>;

    /// Remove a value; removing what is not there succeeds.
    ///
    /// # Errors
    /// Any [`StorageError`] but [`StorageError::QuotaExceeded`].
    fn delete(&self, scope: Scope, key: &str) -> Result<(), StorageError>;

    /// How many keys begin with `prefix`: in attachment scope over all attachments of the network.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`].
    fn count(&self, scope: Scope, prefix: &str) -> Result<u64, StorageError>;
}

/// How long a stored value lives (WIT `scope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// As long as the attachment at hand, with which the host removes it.
    Attachment,
    /// Until deleted, across reboots: a hint, never a condition of correctness.
    Durable,
}

/// The time (WIT `clock`).
pub trait Clock {
    /// The instant at which the host began this call, since 1970-01-01T00:00:00Z. The same throughout a call.
    fn now(&self) -> Duration;
}

/// Words for the operator (WIT `log`).
pub trait Log {
    /// Write one line to the host's log, which keeps at most 64 KiB a call.
    fn log(&self, level: Level, message: &str);
}

/// How much a line of the log matters (WIT `level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth a line.
    Info,
    /// Something that the operator should look at.
    Warning,
    /// Something that did not work.
    Error,
}
