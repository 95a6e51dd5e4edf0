use std::error::Error;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Why the host's own store failed; its text is shown to plugin and operator.
pub type ServiceError = Box<dyn Error + Send + Sync>;

/// A run of addresses of one family, both ends included; `first` is not greater than `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

/// How full ranges are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageCount {
    /// Addresses in the ranges; saturates at the greatest `u64`.
    pub capacity: u64,
    /// Held by an attachment, or quarantined.
    pub taken: u64,
    /// Released not long ago.
    pub cooling: u64,
}

/// Why no address was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Another attachment holds it.
    #[error("taken by {holder}")]
    Taken {
        /// Which attachment, for people.
        holder: String,
    },
    /// The operator has not configured it for this network.
    #[error("outside the configured ranges")]
    OutsideRanges,
    /// Nothing is left.
    #[error("no address is left")]
    Exhausted,
    /// One attachment may hold no more.
    #[error("one attachment may hold no more addresses")]
    TooMany,
    /// The host's store failed.
    #[error("the host's lease store failed: {0}")]
    Unavailable(#[source] ServiceError),
}

/// The addresses of one network, seen from one attachment; each call is atomic against every other process.
///
/// The implementation checks that what is asked for lies inside the operator's ranges. The engine has bounded and checked
/// `ranges` already: 1 to 1024 of one family, none inverted.
pub trait Leases: Send {
    /// Reserve this one address for the attachment.
    ///
    /// # Errors
    /// Why it was not reserved.
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError>;

    /// Reserve the next free address of `ranges`, starting behind `after` and going round once.
    ///
    /// # Errors
    /// Why none was reserved.
    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError>;

    /// The address inside `ranges` that [`Leases::reserve_next`] handed out last.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError>;

    /// The addresses that the attachment holds.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError>;

    /// Give back an address that this very call has reserved; false if it has not.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError>;

    /// How full the ranges are, all together.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError>;
}

/// How long a stored value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// As long as the attachment.
    Attachment,
    /// Until deleted, across reboots.
    Durable,
}

/// Why storage did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The quota is used up.
    #[error("the storage quota is used up")]
    QuotaExceeded,
    /// This kind of call may only read.
    #[error("this call may only read")]
    ReadOnly,
    /// The host's store failed.
    #[error("the host's store failed: {0}")]
    Unavailable(#[source] ServiceError),
}

/// A plugin's own keys and values. The engine has checked keys already: 1 to 256 bytes.
pub trait Storage: Send {
    /// The value of a key.
    ///
    /// # Errors
    /// The store failed.
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Write a value.
    ///
    /// # Errors
    /// Why it was not written.
    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError>;

    /// Remove a value; removing what is not there succeeds.
    ///
    /// # Errors
    /// Why it was not removed.
    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError>;

    /// How many keys begin with `prefix`.
    ///
    /// # Errors
    /// The store failed.
    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError>;
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For those who look for a fault.
    Debug,
    /// For the curious.
    Info,
    /// Something to look at.
    Warning,
    /// Something failed.
    Error,
}

/// Where a plugin's words go. Lines are bounded in sum and hold no control characters.
pub trait LogSink: Send {
    /// One line.
    fn line(&mut self, level: LogLevel, text: &str);
}

/// What the host offers to one call.
///
/// A call consumes it. Who needs to know afterwards what was reserved, written or said hands in an `Arc<Mutex<_>>` and
/// keeps a clone: the traits are implemented for it.
pub struct HostServices {
    /// Addresses; None: the plugin has none to give, as a policy has.
    pub leases: Option<Box<dyn Leases>>,
    /// Keys and values.
    pub storage: Box<dyn Storage>,
    /// Words for the operator.
    pub log: Box<dyn LogSink>,
    /// The instant that the call sees, all through.
    pub now: SystemTime,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Leases> Leases for Arc<Mutex<T>> {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        lock(self).reserve(address)
    }

    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        lock(self).reserve_next(ranges, after)
    }

    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError> {
        lock(self).last_reserved(ranges)
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        lock(self).held()
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        lock(self).release(address)
    }

    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError> {
        lock(self).usage(ranges)
    }
}

impl<T: Storage> Storage for Arc<Mutex<T>> {
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        lock(self).get(scope, key)
    }

    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        lock(self).set(scope, key, value)
    }

    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError> {
        lock(self).delete(scope, key)
    }

    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        lock(self).count(scope, prefix)
    }
}

impl<T: LogSink> LogSink for Arc<Mutex<T>> {
    fn line(&mut self, level: LogLevel, text: &str) {
        lock(self).line(level, text);
    }
}
