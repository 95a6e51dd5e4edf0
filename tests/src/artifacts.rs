use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The root of the source tree.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).into()
}

/// A built executable: from `$WASM_CNI_DIST`, else from `target/dist`, where `make build` puts it.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = match std::env::var_os("WASM_CNI_DIST") {
        Some(directory) => PathBuf::from(directory).join(name),
        None => workspace().join("target/dist").join(name),
    };
    ensure!(
        path.is_file(),
        "{} is missing: run `make build`",
        path.display()
    );
    Ok(path)
}
