mod policy;

use std::net::IpAddr;
use std::time::Duration;

use crate::bindings::wasm_cni::plugin::{clock, leases, log, storage, types};
use crate::{
    AddressRange, Clock, Leases, Level, Log, ReserveError, Scope, Storage, StorageError, Usage,
};

/// The host behind the component's imports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Imports;

fn lower(ranges: &[AddressRange]) -> Vec<types::AddressRange> {
    ranges.iter().copied().map(Into::into).collect()
}

impl Leases for Imports {
    fn reserve(&self, address: IpAddr) -> Result<(), ReserveError> {
        leases::reserve(address.into()).map_err(Into::into)
    }

    fn reserve_next(
        &self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        match leases::reserve_next(&lower(ranges), after.map(Into::into)) {
            Ok(address) => Ok(address.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn last_reserved(&self, ranges: &[AddressRange]) -> Option<IpAddr> {
        leases::last_reserved(&lower(ranges)).map(Into::into)
    }

    fn held(&self) -> Vec<IpAddr> {
        leases::held().into_iter().map(Into::into).collect()
    }

    fn release(&self, address: IpAddr) -> bool {
        leases::release(address.into())
    }

    fn usage(&self, ranges: &[AddressRange]) -> Usage {
        leases::usage(&lower(ranges)).into()
    }
}

impl Storage for Imports {
    fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        storage::get(scope.into(), key).map_err(Into::into)
    }

    fn set(&self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StorageError> {
        storage::set(scope.into(), key, value).map_err(Into::into)
    }

    fn delete(&self, scope: Scope, key: &str) -> Result<(), StorageError> {
        storage::delete(scope.into(), key).map_err(Into::into)
    }

    fn count(&self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        storage::count(scope.into(), prefix).map_err(Into::into)
    }
}

impl Clock for Imports {
    fn now(&self) -> Duration {
        let instant = clock::now();
        Duration::from_secs(instant.seconds)
            .saturating_add(Duration::from_nanos(u64::from(instant.nanoseconds)))
    }
}

impl Log for Imports {
    fn log(&self, level: Level, message: &str) {
        log::write(level.into(), message);
    }
}
