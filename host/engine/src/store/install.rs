use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::directory::Directory;
use super::error::StoreError;
use super::manifest::{self, FORMAT, Manifest};
use super::{MANIFEST, PluginStore};
use crate::compile::{CompileError, compile};
use crate::digest;
use crate::engine::Engine;
use crate::settings::{self, Target};

impl PluginStore {
    /// Takes in a component: audits its imports, compiles it for this machine, and puts it in force under `name`, in the
    /// place of what had that name.
    ///
    /// # Errors
    /// The name is none, the bytes are no component or precompiled code, the audit refuses, or the store can't be written.
    pub fn install(
        &self,
        engine: &Engine,
        name: &str,
        wasm: &[u8],
        installed_at: SystemTime,
    ) -> Result<Manifest, StoreError> {
        if !manifest::is_name(name) {
            return Err(StoreError::BadName {
                name: name.to_owned(),
            });
        }
        let refused = |source: CompileError| StoreError::Compile {
            name: name.to_owned(),
            source,
        };
        let precompiled = compile(wasm, Target::Machine).map_err(refused)?;
        let interface = engine.audit_compiled(name, &precompiled)?;
        let since_epoch = installed_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let size = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let manifest = Manifest {
            format: FORMAT,
            name: name.to_owned(),
            digest: digest::of(wasm),
            size: size(wasm),
            precompiled_size: size(&precompiled),
            wasi: interface.uses_wasi(),
            imports: interface.imports,
            exports: interface.exports,
            compiled_for: Target::Machine.describe(),
            compatibility: settings::compatibility(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            installed_at: since_epoch.as_secs(),
        };
        self.write(&manifest, wasm, &precompiled)?;
        Ok(manifest)
    }

    /// The manifest is written last: it alone says which files are in force, so a crash leaves the old plugin or the new.
    fn write(&self, manifest: &Manifest, wasm: &[u8], native: &[u8]) -> Result<(), StoreError> {
        let directory = make_all(self.root())?.make_directory(&manifest.name)?;
        directory.write_file(&manifest.source_file(), wasm)?;
        directory.write_file(&manifest.precompiled_file(), native)?;
        let text = serde_json::to_vec_pretty(manifest)
            .map_err(|source| directory.failed(MANIFEST, source.into()))?;
        directory.write_file(MANIFEST, &text)?;
        let in_force = [
            MANIFEST,
            &manifest.source_file(),
            &manifest.precompiled_file(),
        ];
        for file in directory.entries()? {
            if !in_force.contains(&file.as_str()) {
                directory.remove_file(&file)?;
            }
        }
        Ok(())
    }
}

/// The directory of this path, with what is missing made on the way, for its owner alone.
fn make_all(path: &Path) -> Result<Directory, StoreError> {
    if let Some(directory) = Directory::open(path)? {
        return Ok(directory);
    }
    match (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(parent), Some(name)) => make_all(parent)?.make_directory(name),
        _ => Err(StoreError::Io {
            path: path.to_owned(),
            source: std::io::ErrorKind::InvalidInput.into(),
        }),
    }
}
