//! Finds the built-in plugins, which are compiled when a command needs them.
//!
//! This tool compiles them for `wasm-cni`, so it embeds what they are compiled from. Without `WASM_CNI_BUILTIN_MODULE`,
//! the path of `wasm_cni_builtin.wasm`, the tool is built without them and says so where it matters.

use std::error::Error;
use std::{env, fs};

const VARIABLE: &str = "WASM_CNI_BUILTIN_MODULE";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rustc-check-cfg=cfg(has_builtins)");
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = fs::canonicalize(&path)
        .map_err(|error| format!("{VARIABLE}: {}: {error}", path.to_string_lossy()))?;
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env={VARIABLE}={}", path.display());
    println!("cargo::rustc-cfg=has_builtins");
    Ok(())
}
