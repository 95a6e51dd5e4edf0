use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::Node;
use crate::artifacts::target;

/// A guest that was built from `tests/guests`: a core module that carries its world.
///
/// # Errors
/// When it has not been built.
pub fn guest(name: &str) -> Result<PathBuf> {
    let path = target().join(format!("guests/{name}.wasm"));
    ensure!(
        path.is_file(),
        "{} is missing: run `make build`",
        path.display()
    );
    Ok(path)
}

/// Installs a component on a node under this name.
///
/// # Errors
/// When `wasm-cnictl` refuses it.
pub fn install_plugin(node: &Node, name: &str, component: &std::path::Path) -> Result<()> {
    let component = component.to_str().context("a path that is not UTF-8")?;
    node.ctl(&["plugin", "install", component, "--name", name])
        .map(drop)
}
