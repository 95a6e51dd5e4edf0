//! Installed plugins on disk: native code that is run as root, so who can have written it is checked each time.

mod directory;
mod error;
#[cfg(feature = "compiler")]
mod install;
mod manifest;
mod trust;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use self::directory::Directory;
pub use self::error::StoreError;
pub use self::manifest::{Manifest, ManifestError};
pub use self::trust::Distrust;
use crate::engine::Engine;
use crate::plugin::Plugin;
use crate::settings;

/// A directory of installed plugins.
///
/// ```text
/// /var/lib/wasm-cni/plugins/          0700
///   tenant-ipam/                      0700
///     manifest.json                   0600  which of the files is in force, and what it is
///     <sha256>.wasm                   0600  the component as it was given
///     <sha256>-<settings>.cwasm       0600  the same, precompiled for this machine and version
/// ```
/// The directory is never taken from the environment, whose owner would then choose what code root runs.
#[derive(Debug, Clone)]
pub struct PluginStore {
    root: PathBuf,
    /// The same directory once it has been opened, for which each one above it was checked.
    opened: Arc<OnceLock<Directory>>,
}

/// A manifest has a few hundred bytes; the limit keeps a stray file from filling the memory.
const LARGEST_MANIFEST: u64 = 256 << 10;
const MANIFEST: &str = "manifest.json";

impl PluginStore {
    /// Where plugins are unless a root-only configuration file or a tool's user says otherwise.
    pub const DEFAULT_ROOT: &str = "/var/lib/wasm-cni/plugins";

    /// The store in an absolute directory, which need not exist until something is installed.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            opened: Arc::default(),
        }
    }

    /// The store's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Loads an installed plugin; never compiles one.
    ///
    /// With `digest` (`sha256:…`, from the network's configuration) exactly that component is loaded or none.
    ///
    /// # Errors
    /// It is not installed, or another one is, or was compiled for something else, or somebody else could have changed it.
    pub fn open(
        &self,
        engine: &Engine,
        name: &str,
        digest: Option<&str>,
    ) -> Result<Plugin, StoreError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "load").entered();
        let directory = self.plugin_directory(name)?;
        let manifest = read_manifest(&directory, name)?;
        if let Some(wanted) = digest.filter(|wanted| *wanted != manifest.digest) {
            return Err(StoreError::WrongDigest {
                name: name.to_owned(),
                wanted: wanted.to_owned(),
                installed: manifest.digest,
            });
        }
        let stale = || StoreError::Stale {
            name: name.to_owned(),
            compiled_by: manifest.version.clone(),
            source_path: self.root.join(name).join(manifest.source_file()),
        };
        if manifest.compatibility != settings::compatibility() {
            return Err(stale());
        }
        let precompiled = manifest.precompiled_file();
        let file = directory.open_file(&precompiled)?.ok_or_else(stale)?;
        let size = file
            .metadata()
            .map_err(|source| directory.failed(&precompiled, source))?
            .len();
        if size != manifest.precompiled_size {
            return Err(StoreError::Damaged {
                path: directory.path().join(&precompiled),
                size,
                expected: manifest.precompiled_size,
            });
        }
        Ok(engine.load_file(name, &manifest.digest, &file)?)
    }

    /// What is known about an installed plugin, whether or not it can be loaded.
    ///
    /// # Errors
    /// It is not installed, or what is there can't be trusted or read.
    pub fn inspect(&self, name: &str) -> Result<Manifest, StoreError> {
        read_manifest(&self.plugin_directory(name)?, name)
    }

    /// All installed plugins by name; an entry that can't be read is an error of its own, the others are still listed.
    ///
    /// # Errors
    /// The store's directory can't be trusted or read. A directory that does not exist holds no plugins.
    pub fn list(&self) -> Result<Vec<Result<Manifest, StoreError>>, StoreError> {
        let Some(directory) = self.directory()? else {
            return Ok(Vec::new());
        };
        let mut names = directory.entries()?;
        names.sort();
        let plugins = names.iter().filter(|name| manifest::is_name(name));
        Ok(plugins.map(|name| self.inspect(name)).collect())
    }

    /// Removes a plugin. Networks that name it can then add no more containers; what runs is not touched.
    ///
    /// # Errors
    /// It is not installed, or can't be removed.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let directory = self.plugin_directory(name)?;
        // The manifest goes first: without it the rest is nothing.
        directory.remove_file(MANIFEST)?;
        for file in directory.entries()? {
            directory.remove_file(&file)?;
        }
        match self.directory()? {
            Some(root) => root.remove_directory(name),
            None => Ok(()),
        }
    }

    /// The store's directory. None if it does not exist.
    fn directory(&self) -> Result<Option<&Directory>, StoreError> {
        if let Some(opened) = self.opened.get() {
            return Ok(Some(opened));
        }
        let opened = Directory::open(&self.root)?;
        Ok(opened.map(|opened| self.opened.get_or_init(|| opened)))
    }

    fn plugin_directory(&self, name: &str) -> Result<Directory, StoreError> {
        let not_installed = || StoreError::NotInstalled {
            name: name.to_owned(),
            root: self.root.clone(),
        };
        if !manifest::is_name(name) {
            return Err(StoreError::BadName {
                name: name.to_owned(),
            });
        }
        let root = self.directory()?.ok_or_else(not_installed)?;
        root.open_directory(name)?.ok_or_else(not_installed)
    }
}

fn read_manifest(directory: &Directory, name: &str) -> Result<Manifest, StoreError> {
    let text = directory.read_file(MANIFEST, LARGEST_MANIFEST)?;
    let text = text.ok_or_else(|| StoreError::NotInstalled {
        name: name.to_owned(),
        root: directory.path().to_owned(),
    })?;
    Manifest::parse(&text, name).map_err(|source| StoreError::BadManifest {
        path: directory.path().join(MANIFEST),
        source,
    })
}
