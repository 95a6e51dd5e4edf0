use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use engine::{
    AddressRange, HostServices, Leases, LogLevel, LogSink, ReserveError, Scope, ServiceError,
    Storage, StorageError, UsageCount,
};

use super::now;

/// A host in memory, which remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    held: Vec<IpAddr>,
    ranges: Vec<AddressRange>,
    values: BTreeMap<(Scope, String), Vec<u8>>,
    lines: Vec<(LogLevel, String)>,
    broken: bool,
}

impl Recorder {
    /// A host whose store fails at everything.
    pub(crate) fn broken() -> Self {
        let recorder = Self::default();
        recorder.0.lock().unwrap().broken = true;
        recorder
    }

    pub(crate) fn services(&self) -> HostServices {
        HostServices {
            leases: Some(Box::new(Arc::clone(&self.0))),
            storage: Box::new(Arc::clone(&self.0)),
            log: Box::new(Arc::clone(&self.0)),
            now: now(),
        }
    }

    /// Does nobody else hold anything of it any more?
    pub(crate) fn is_given_back(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn held(&self) -> Vec<IpAddr> {
        self.0.lock().unwrap().held.clone()
    }

    pub(crate) fn ranges(&self) -> Vec<AddressRange> {
        self.0.lock().unwrap().ranges.clone()
    }

    pub(crate) fn keep(&self, scope: Scope, key: &str, value: &[u8]) {
        let mut memory = self.0.lock().unwrap();
        memory
            .values
            .insert((scope, key.to_owned()), value.to_vec());
    }

    pub(crate) fn value(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.0
            .lock()
            .unwrap()
            .values
            .get(&(scope, key.to_owned()))
            .cloned()
    }

    pub(crate) fn lines(&self) -> Vec<(LogLevel, String)> {
        self.0.lock().unwrap().lines.clone()
    }
}

impl Memory {
    fn work(&self) -> Result<(), ServiceError> {
        if self.broken {
            Err("disk on fire".into())
        } else {
            Ok(())
        }
    }
}

impl Leases for Memory {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        self.work().map_err(ReserveError::Unavailable)?;
        if self.held.contains(&address) {
            return Err(ReserveError::Taken {
                holder: "pods/c0/eth0".to_owned(),
            });
        }
        self.held.push(address);
        Ok(())
    }

    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        self.ranges = ranges.to_vec();
        let address = after.or(ranges.first().map(|range| range.first));
        let address = address.ok_or(ReserveError::Exhausted)?;
        self.reserve(address).map(|()| address)
    }

    fn last_reserved(&mut self, _: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError> {
        self.work().map(|()| self.held.last().copied())
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        self.work().map(|()| self.held.clone())
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        self.work()?;
        let before = self.held.len();
        self.held.retain(|held| *held != address);
        Ok(self.held.len() < before)
    }

    fn usage(&mut self, _: &[AddressRange]) -> Result<UsageCount, ServiceError> {
        self.work().map(|()| UsageCount {
            capacity: 256,
            taken: 2,
            cooling: 1,
        })
    }
}

impl Storage for Memory {
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.work().map_err(StorageError::Unavailable)?;
        Ok(self.values.get(&(scope, key.to_owned())).cloned())
    }

    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.work().map_err(StorageError::Unavailable)?;
        self.values.insert((scope, key.to_owned()), value);
        Ok(())
    }

    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError> {
        self.values.remove(&(scope, key.to_owned()));
        Ok(())
    }

    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        let begins = |key: &&(Scope, String)| key.0 == scope && key.1.starts_with(prefix);
        Ok(self
            .values
            .keys()
            .filter(begins)
            .count()
            .try_into()
            .unwrap())
    }
}

impl LogSink for Memory {
    fn line(&mut self, level: LogLevel, text: &str) {
        self.lines.push((level, text.to_owned()));
    }
}
