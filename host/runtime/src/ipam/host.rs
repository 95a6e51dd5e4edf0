//! What a plugin may ask of the host: the traits of `engine`, over `store`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;

use engine::{LogLevel, LogSink, ReserveError, Scope, ServiceError, StorageError, UsageCount};
use plan::{AddressPolicy, Attachment, NetworkTag};
use store::{AddressRange, CoolDown, Reservation, StorageOverlay, Store, UnixSeconds};

use crate::log::{Level, Log};
use crate::{quarantine, sweep};

/// Addresses of one network, for one attachment.
pub(super) struct Leases {
    pub(super) store: Store,
    pub(super) attachment: Attachment,
    pub(super) policy: AddressPolicy,
    pub(super) now: UnixSeconds,
    /// What this very call has reserved, and may therefore give back.
    pub(super) reserved: Vec<IpAddr>,
    /// The network was swept in this call. Once is enough, however often a plugin asks for what is taken.
    pub(super) swept: bool,
    pub(super) log: Log,
}

impl Leases {
    fn network(&self) -> NetworkTag {
        self.attachment.network_tag()
    }

    /// Frees what is provably gone; true if that was not tried before in this call.
    fn sweep_once(&mut self) -> bool {
        if self.swept {
            return false;
        }
        self.swept = true;
        sweep::network(&self.store, self.network(), &self.log, self.now);
        true
    }

    /// What the policy leaves of the plugin's ranges.
    fn clip(&self, ranges: &[engine::AddressRange]) -> Vec<AddressRange> {
        let clipped = ranges
            .iter()
            .flat_map(|range| self.policy.clip(range.first, range.last));
        clipped
            .map(|(first, last)| AddressRange { first, last })
            .collect()
    }

    /// The next free address that no live container had when the node's state was lost.
    fn next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<Option<IpAddr>, store::ReserveError> {
        let network = self.network();
        loop {
            let next =
                self.store
                    .reserve_next(network, ranges, after, &self.attachment, self.now)?;
            match next {
                Some(address) if quarantine::withhold(&self.store, &self.attachment, address)? => {}
                next => return Ok(next),
            }
        }
    }

    fn by_name(&self, address: IpAddr) -> Result<Reservation, store::ReserveError> {
        let reserve = || {
            self.store
                .reserve(self.network(), address, &self.attachment, self.now)
        };
        let reservation = reserve()?;
        if reservation == Reservation::New
            && quarantine::withhold(&self.store, &self.attachment, address)?
        {
            // It answers with what stands against it.
            return reserve();
        }
        Ok(reservation)
    }
}

fn refusal(error: store::ReserveError) -> ReserveError {
    match error {
        store::ReserveError::Taken { by } => ReserveError::Taken {
            holder: match by.attachment {
                Some(attachment) => attachment.to_string(),
                None => "a link whose record is lost".into(),
            },
        },
        store::ReserveError::TooMany => ReserveError::TooMany,
        store::ReserveError::Store(error) => ReserveError::Unavailable(Box::new(error)),
    }
}

impl engine::Leases for Leases {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        if !self.policy.allows(address) {
            return Err(ReserveError::OutsideRanges);
        }
        let reservation = match self.by_name(address) {
            // The holder may be gone without anybody having told us.
            Err(store::ReserveError::Taken { .. }) if self.sweep_once() => self.by_name(address),
            other => other,
        };
        if reservation.map_err(refusal)? == Reservation::New {
            self.reserved.push(address);
        }
        Ok(())
    }

    fn reserve_next(
        &mut self,
        ranges: &[engine::AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let ranges = self.clip(ranges);
        if ranges.is_empty() {
            return Err(ReserveError::OutsideRanges);
        }
        let mut next = self.next(&ranges, after).map_err(refusal)?;
        if next.is_none() && self.sweep_once() {
            next = self.next(&ranges, after).map_err(refusal)?;
        }
        let address = next.ok_or(ReserveError::Exhausted)?;
        self.reserved.push(address);
        Ok(address)
    }

    fn last_reserved(
        &mut self,
        ranges: &[engine::AddressRange],
    ) -> Result<Option<IpAddr>, ServiceError> {
        Ok(self
            .store
            .last_reserved(self.network(), &self.clip(ranges))?)
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        let leases = self.store.held(&self.attachment.key())?;
        Ok(leases.into_iter().map(|lease| lease.address).collect())
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        let Some(position) = self
            .reserved
            .iter()
            .position(|reserved| *reserved == address)
        else {
            return Ok(false);
        };
        self.reserved.swap_remove(position);
        Ok(self
            .store
            .release_one(self.network(), address, &self.attachment, CoolDown::NONE)?)
    }

    fn usage(&mut self, ranges: &[engine::AddressRange]) -> Result<UsageCount, ServiceError> {
        let usage = self.store.usage(self.network(), &self.clip(ranges))?;
        Ok(UsageCount {
            capacity: usage.capacity,
            taken: usage.taken,
            cooling: usage.cooling,
        })
    }
}

/// The storage of one plugin. All plugins of a call share the overlay, which is committed with the record.
pub(crate) struct PluginStorage {
    overlay: Arc<Mutex<StorageOverlay>>,
    plugin: String,
    pub(crate) writable: bool,
}

impl PluginStorage {
    pub(crate) fn of(
        overlay: &Arc<Mutex<StorageOverlay>>,
        plugin: &str,
        writable: bool,
    ) -> Box<dyn engine::Storage> {
        Box::new(Self {
            overlay: Arc::clone(overlay),
            plugin: plugin.to_owned(),
            writable,
        })
    }
}

impl PluginStorage {
    fn overlay(&self) -> std::sync::MutexGuard<'_, StorageOverlay> {
        self.overlay
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn require_writable(&self) -> Result<(), StorageError> {
        if self.writable {
            Ok(())
        } else {
            Err(StorageError::ReadOnly)
        }
    }
}

fn scope(scope: Scope) -> store::Scope {
    match scope {
        Scope::Attachment => store::Scope::Attachment,
        Scope::Durable => store::Scope::Durable,
    }
}

fn storage_failure(error: store::StorageError) -> StorageError {
    match error {
        store::StorageError::QuotaExceeded { .. } | store::StorageError::TooManyKeys => {
            StorageError::QuotaExceeded
        }
        other => StorageError::Unavailable(Box::new(other)),
    }
}

impl engine::Storage for PluginStorage {
    fn get(&mut self, of: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.overlay()
            .get(&self.plugin, scope(of), key)
            .map_err(storage_failure)
    }

    fn set(&mut self, of: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.require_writable()?;
        self.overlay()
            .set(&self.plugin, scope(of), key, &value)
            .map_err(storage_failure)
    }

    fn delete(&mut self, of: Scope, key: &str) -> Result<(), StorageError> {
        self.require_writable()?;
        self.overlay()
            .delete(&self.plugin, scope(of), key)
            .map_err(storage_failure)
    }

    fn count(&mut self, of: Scope, prefix: &str) -> Result<u64, StorageError> {
        self.overlay()
            .count(&self.plugin, scope(of), prefix)
            .map_err(storage_failure)
    }
}

/// A plugin's words, in the node's log.
pub(crate) struct LoggedWords {
    pub(crate) log: Log,
    pub(crate) plugin: String,
}

impl LogSink for LoggedWords {
    fn line(&mut self, level: LogLevel, text: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warning => Level::Warning,
            LogLevel::Error => Level::Error,
        };
        self.log
            .write(level, &format!("plugin {}: {text}", self.plugin));
    }
}
