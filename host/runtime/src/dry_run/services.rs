//! What plugins are offered in a dry run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{HostServices, Leases, LogLevel, LogSink};

use super::DryRun;
use super::storage::MemoryStorage;

/// Something that a plugin's call and we hold.
pub(super) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Leases + 'static> Shared<T> {
    pub(super) fn leases(&self) -> Box<dyn Leases> {
        Box::new(Arc::clone(&self.0))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// What a plugin says.
#[derive(Default)]
pub(super) struct Words(Vec<String>);

impl LogSink for Words {
    fn line(&mut self, level: LogLevel, text: &str) {
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warning => "warning",
            LogLevel::Error => "error",
        };
        self.0.push(format!("{level}: {text}"));
    }
}

impl Shared<Words> {
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().0)
    }
}

impl DryRun {
    pub(super) fn services(
        &self,
        plugin: &str,
        leases: Option<Box<dyn Leases>>,
        words: &Shared<Words>,
    ) -> HostServices {
        HostServices {
            leases,
            storage: Box::new(MemoryStorage {
                stored: self.stored.clone(),
                plugin: plugin.to_owned(),
            }),
            log: Box::new(Arc::clone(&words.0)),
            now: self.node.now,
        }
    }
}
