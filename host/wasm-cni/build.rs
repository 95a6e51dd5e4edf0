//! Finds the precompiled built-in plugins, which become part of the executable.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=WASM_CNI_BUILTINS");
    let path = match env::var_os("WASM_CNI_BUILTINS") {
        Some(path) => PathBuf::from(path),
        None => {
            PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../target/guests/builtin.cwasm")
        }
    };
    println!("cargo::rerun-if-changed={}", path.display());
    let path = fs::canonicalize(&path).map_err(|error| {
        let path = path.display();
        format!("{path}: {error}: the built-in plugins are compiled first; run `make build`")
    })?;
    println!("cargo::rustc-env=WASM_CNI_BUILTINS={}", path.display());
    Ok(())
}
