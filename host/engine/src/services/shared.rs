//! A service behind a lock, which who lent it to a call can still ask afterwards.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    AddressRange, Leases, LogLevel, LogSink, ReserveError, Scope, ServiceError, Storage,
    StorageError, UsageCount,
};

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
