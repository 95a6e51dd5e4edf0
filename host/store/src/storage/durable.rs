use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::environment::{Durability, Environment, Readiness, mark_ready};
use crate::store::creation_lock;
use crate::{Location, StoreError};

/// Creating takes two writes and a sync.
const CREATION_WAIT: Duration = Duration::from_secs(5);

/// The environment of durable storage, opened when it is first used.
#[derive(Debug)]
pub(crate) struct Durable {
    location: Location,
    opened: Mutex<Option<Arc<Environment>>>,
}

impl Durable {
    pub(crate) fn new(location: Location) -> Self {
        Self {
            location,
            opened: Mutex::new(None),
        }
    }

    /// None: nothing was ever stored; nothing is created.
    pub(crate) fn if_present(&self) -> Result<Option<Arc<Environment>>, StoreError> {
        if self.location.durable_directory().join("data.mdb").exists() {
            self.or_create().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn or_create(&self) -> Result<Arc<Environment>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = opened.as_ref() {
            return Ok(Arc::clone(environment));
        }
        let environment = Arc::new(open(&self.location.prepare_durable()?)?);
        *opened = Some(Arc::clone(&environment));
        Ok(environment)
    }
}

fn open(directory: &Path) -> Result<Environment, StoreError> {
    if let Some(environment) = Environment::open_prepared(directory, Durability::Synced)?
        && environment.readiness()? == Readiness::Ready
    {
        return Ok(environment);
    }
    let _creation = creation_lock(directory, CREATION_WAIT)?;
    let environment = Environment::prepare_and_open(directory, Durability::Synced)?;
    if environment.readiness()? == Readiness::Unfinished {
        environment.initialise()?;
        environment.write(mark_ready)?;
    }
    Ok(environment)
}
