use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::environment::{Durability, Environment, Readiness, mark_ready};
use crate::lease::QuarantinedAddress;
use crate::lock::{LockError, Mode, lock};
use crate::port_claim::{self, QuarantinedPort};
use crate::storage::durable::Durable;
use crate::{Location, StoreError};

/// How long an opener waits for another process that is filling a new store: it reads the host's links once.
const CREATION_WAIT: Duration = Duration::from_secs(10);

/// The state of one node: leases, records of attachments, guests' storage, locks.
///
/// Any number of processes may have it open. In one process a location can be open once; the handle can be cloned and
/// shared by threads. It must not be used in a child after `fork` (LMDB). No method keeps a transaction open.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    volatile: Environment,
    durable: Durable,
    /// While the store is new: the lock that every other opener waits for. Freed by death, and then the next opener has
    /// a new store again.
    creation: Mutex<Option<File>>,
}

impl Store {
    /// Opens the state, creating it if need be. Waits at most 10 seconds for a process that is creating it.
    ///
    /// # Errors
    /// [`StoreError::NewerFormat`], [`StoreError::CreationBusy`], [`StoreError::NoSpace`] and others.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        Self::open_within(location, CREATION_WAIT)
    }

    /// As [`Store::open`], with another bound on the wait.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_within(location: &Location, wait: Duration) -> Result<Self, StoreError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "store").entered();
        let directory = location.prepare()?;
        if let Some(volatile) = open_ready(&directory)? {
            return Ok(Self::with(location, volatile, None));
        }
        let creation = creation_lock(&directory, wait)?;
        let volatile = Environment::prepare_and_open(&directory, Durability::UntilReboot)?;
        if volatile.readiness()? == Readiness::Ready {
            return Ok(Self::with(location, volatile, None));
        }
        location.delete_other_boots();
        volatile.initialise()?;
        Ok(Self::with(location, volatile, Some(creation)))
    }

    fn with(location: &Location, volatile: Environment, creation: Option<File>) -> Self {
        let durable = Durable::new(location.clone());
        Self {
            inner: Arc::new(Inner {
                volatile,
                durable,
                creation: Mutex::new(creation),
            }),
        }
    }

    /// Has this process just created the store? Exactly one is told so; until it calls [`Store::finish_new`] nobody can
    /// reserve or record anything: others wait in [`Store::open`].
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.creation().is_some()
    }

    /// Ends the creation: from now on these addresses and ports are quarantined and others can open the store. If the process dies
    /// before, the next opener has a new store. Does nothing if the store is not new.
    ///
    /// # Errors
    /// The store's own; the store is still new then.
    pub fn finish_new(
        &self,
        addresses: &[QuarantinedAddress],
        ports: &[QuarantinedPort],
    ) -> Result<(), StoreError> {
        let mut creation = self.creation();
        if creation.is_none() {
            return Ok(());
        }
        self.volatile().write(|w| {
            for address in addresses {
                crate::lease::quarantine(w, address)?;
            }
            for port in ports {
                port_claim::quarantine(w, port)?;
            }
            mark_ready(w)
        })?;
        *creation = None;
        Ok(())
    }

    /// Could a call write now? Begins a write transaction and changes nothing.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        self.require_finished()?;
        self.volatile().write(|_| Ok(()))
    }

    /// The directory of the state that dies with the boot.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.volatile.path()
    }

    pub(crate) fn require_finished(&self) -> Result<(), StoreError> {
        if self.is_new() {
            Err(StoreError::NotFinished)
        } else {
            Ok(())
        }
    }

    pub(crate) fn volatile(&self) -> &Environment {
        &self.inner.volatile
    }

    pub(crate) fn durable(&self) -> &Durable {
        &self.inner.durable
    }

    fn creation(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.inner
            .creation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_ready(directory: &Path) -> Result<Option<Environment>, StoreError> {
    let environment = Environment::open_prepared(directory, Durability::UntilReboot)?;
    let Some(environment) = environment else {
        return Ok(None);
    };
    let readiness = environment.readiness()?;
    Ok(Some(environment).filter(|_| readiness == Readiness::Ready))
}

/// Excludes other processes that create the environment in this directory.
pub(crate) fn creation_lock(directory: &Path, wait: Duration) -> Result<File, StoreError> {
    let path: PathBuf = directory.join("creation.lock");
    lock(&path, 0, Mode::Exclusive, wait).map_err(|error| match error {
        LockError::Busy { waited } => StoreError::CreationBusy {
            path: directory.to_owned(),
            waited,
        },
        LockError::File { path, source } => crate::environment::file_error("lock", &path, source),
    })
}

#[cfg(test)]
mod tests;
