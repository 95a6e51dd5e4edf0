mod leases;
mod log;
mod shared;
mod storage;
mod withdrawn;

use std::error::Error;
use std::time::SystemTime;

pub use leases::{AddressRange, Leases, ReserveError, UsageCount};
pub use log::{LogLevel, LogSink};
pub use storage::{Scope, Storage, StorageError};
pub(crate) use withdrawn::Withdrawn;

/// Why the host's own store failed; its text is shown to plugin and operator.
pub type ServiceError = Box<dyn Error + Send + Sync>;

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
