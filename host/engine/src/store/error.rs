use std::io;
use std::path::PathBuf;

use super::manifest::ManifestError;
use super::trust::Distrust;
use crate::engine::LoadError;

/// Why a plugin was not opened, listed, installed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing of this name.
    #[error(
        "plugin {name} is neither built in nor installed under {}; install it with `wasm-cnictl plugin install \
         FILE.wasm --name {name}`", root.display()
    )]
    NotInstalled {
        /// The plugin's name.
        name: String,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// Not a name that a plugin can have.
    #[error(
        "{name:?} is no plugin name: 1 to 63 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit"
    )]
    BadName {
        /// As written.
        name: String,
    },
    /// The configuration pins another component.
    #[error(
        "plugin {name}: the configuration wants {wanted} and {installed} is installed, so it was not run; install the one \
         that is wanted, or change `digest`"
    )]
    WrongDigest {
        /// The plugin's name.
        name: String,
        /// `digest` of the configuration.
        wanted: String,
        /// What is installed.
        installed: String,
    },
    /// Compiled by another version or for another machine, or the precompiled file is gone.
    #[error(
        "plugin {name} is not compiled for this version of wasm-cni (it was by version {compiled_by}); run `wasm-cnictl \
         plugin install {} --name {name}`", source_path.display()
    )]
    Stale {
        /// The plugin's name.
        name: String,
        /// The version that compiled it.
        compiled_by: String,
        /// The component it was compiled from.
        source_path: PathBuf,
    },
    /// The precompiled file is not as long as when it was written.
    #[error("{} has {size} bytes instead of {expected}, so it was not run; install the plugin again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// Bytes when written.
        expected: u64,
    },
    /// Somebody else could have written it.
    #[error("{} is not trusted: {distrust}", path.display())]
    Untrusted {
        /// A directory or file on the way to the code.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        distrust: Distrust,
    },
    /// The manifest says nothing useful.
    #[error("{}: {source}; install the plugin again", path.display())]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// The kernel refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// It can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It can't be compiled.
    #[cfg(feature = "compiler")]
    #[error("plugin {name} was not installed: {source}")]
    Compile {
        /// The plugin's name.
        name: String,
        /// Why.
        #[source]
        source: crate::compile::CompileError,
    },
}
