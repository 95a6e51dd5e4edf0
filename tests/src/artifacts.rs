use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The root of the source tree.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).into()
}

/// Where `make build` puts things: `$CARGO_TARGET_DIR`, else `target`.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => workspace().join(directory),
        None => workspace().join("target"),
    }
}

/// A built executable.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    built(target().join("dist").join(name))
}

/// Our executable with fault points, which can be killed before each of its effects.
///
/// # Errors
/// When it has not been built.
pub fn with_fault_points() -> Result<PathBuf> {
    built(target().join("faults/wasm-cni"))
}

fn built(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.is_file(),
        "{} is missing: run `make build`",
        path.display()
    );
    Ok(path)
}
