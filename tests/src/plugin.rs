use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::artifacts::target;
use crate::{BIN_DIR, Node};

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

/// What the guest `demanding` imports, so what a stage has to be granted that it serves.
pub const DEMANDING_GRANTS: [&str; 13] = [
    "deny",
    "address",
    "route",
    "neighbour",
    "mtu",
    "mac",
    "dns",
    "sysctl",
    "link-flag",
    "bandwidth",
    "flow",
    "masquerade",
    "vrf",
];

/// Installs a component on a node under this name.
///
/// # Errors
/// When `wasm-cnictl` refuses it.
pub fn install_plugin(node: &Node, name: &str, component: &std::path::Path) -> Result<()> {
    let component = component.to_str().context("a path that is not UTF-8")?;
    node.ctl(&["plugin", "install", component, "--name", name])
        .map(drop)
}

/// Puts a shell script into [`BIN_DIR`], as another vendor's executable.
///
/// # Errors
/// When it can't be written.
pub fn install_script(node: &Node, name: &str, script: &str) -> Result<()> {
    let path = format!("{BIN_DIR}/{name}");
    node.write(&path, format!("#!/bin/sh\n{script}\n"))?;
    set_permissions(node.path(&path), Permissions::from_mode(0o755))?;
    Ok(())
}
