use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Component, InstancePre};

use crate::audit::{AuditError, Import};
use crate::builtin::Builtin;
use crate::link::Links;
use crate::plugin::Plugin;
use crate::sandbox::CallState;
use crate::settings;
use crate::watchdog;

/// Runs precompiled components; it can't compile any. All engines of a process are one, and clones are cheap.
#[derive(Clone)]
pub struct Engine {
    wasmtime: &'static wasmtime::Engine,
    links: Arc<Mutex<Links>>,
}

/// WebAssembly can't be run in this process at all.
#[derive(Debug, thiserror::Error)]
#[error("WebAssembly can't be run here: {source:#}")]
pub struct EngineError {
    #[source]
    pub(crate) source: wasmtime::Error,
}

/// Why a precompiled component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// wasmtime does not take it: made by another version or other settings, for another processor, or damaged.
    #[error("plugin {plugin}: its precompiled code can't be used here: {source:#}")]
    Incompatible {
        /// The plugin's name.
        plugin: String,
        /// What wasmtime says.
        #[source]
        source: wasmtime::Error,
    },
    /// It imports or exports what no plugin may, or lacks what it must have.
    #[error("plugin {plugin}: {source}")]
    Audit {
        /// The plugin's name.
        plugin: String,
        /// What is wrong with it.
        #[source]
        source: AuditError,
    },
}

impl Engine {
    /// An engine for running plugins.
    ///
    /// # Errors
    /// The process can't run WebAssembly, for example because the architecture is not supported.
    pub fn new() -> Result<Self, EngineError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "load").entered();
        let wasmtime =
            watchdog::engine_of_process(|| wasmtime::Engine::new(&settings::config(None)?))
                .map_err(|source| EngineError { source })?;
        let links = Arc::new(Mutex::new(Links::new(wasmtime)));
        Ok(Self { wasmtime, links })
    }

    /// Loads a component that is part of this executable. `name` is what errors call it.
    ///
    /// # Errors
    /// The build embedded something else than this executable can run.
    pub fn load_builtin(&self, name: &str, builtin: Builtin) -> Result<Plugin, LoadError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "load").entered();
        self.plugin(name, None, builtin.load(self.wasmtime()))
    }

    /// Maps the precompiled component that an open file holds; the file must have been checked by the plugin store.
    pub(crate) fn load_file(
        &self,
        name: &str,
        digest: &str,
        file: &File,
    ) -> Result<Plugin, LoadError> {
        // Components can only be loaded by path; this one leads to the file that was checked, whatever happened to its name.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the plugin store has opened this file without following links and has checked, on the open descriptor and
        // on each directory above it, that only its owner (root, or the user who runs us) can have written it; it was
        // written there by `PluginStore::install`, from our own compiler. So its code is trusted as our executable is.
        // Nobody truncates it: it is only ever replaced by renaming another over it.
        #[allow(unsafe_code, reason = "precompiled code is native code")]
        let component = unsafe { Component::deserialize_file(self.wasmtime(), path) };
        self.plugin(name, Some(digest.to_owned()), component)
    }

    /// What a component that was compiled just now imports and exports, provided that it passes the audit.
    #[cfg(feature = "compiler")]
    pub(crate) fn audit_compiled(
        &self,
        name: &str,
        precompiled: &[u8],
    ) -> Result<crate::audit::Interface, LoadError> {
        // SAFETY: the caller is `PluginStore::install`, which has these bytes from `compile`.
        #[allow(unsafe_code, reason = "precompiled code is native code")]
        let component = unsafe { Component::deserialize(self.wasmtime(), precompiled) };
        Ok(self.plugin(name, None, component)?.interface().clone())
    }

    fn plugin(
        &self,
        name: &str,
        digest: Option<String>,
        component: wasmtime::Result<Component>,
    ) -> Result<Plugin, LoadError> {
        let plugin = name.to_owned();
        match component {
            Err(source) => Err(LoadError::Incompatible { plugin, source }),
            Ok(component) => Plugin::new(self.clone(), plugin.clone(), digest, component)
                .map_err(|source| LoadError::Audit { plugin, source }),
        }
    }

    /// Links a component that passed the audit, which found these imports.
    pub(crate) fn link(
        &self,
        component: &Component,
        imports: &[Import],
    ) -> wasmtime::Result<InstancePre<CallState>> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.link(component, imports)
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        self.wasmtime
    }
}
