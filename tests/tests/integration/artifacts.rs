//! The executables as files.

use std::path::Path;

use anyhow::Result;
use wasm_cni_tests::{binary, with_fault_points};

fn holds(name: &str, text: &str) -> Result<bool> {
    file_holds(&binary(name)?, text)
}

fn file_holds(path: &Path, text: &str) -> Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes()))
}

#[test]
fn the_compiler_is_in_the_tool_and_not_in_the_plugin() -> Result<()> {
    assert!(holds("wasm-cnictl", "cranelift-codegen")?);
    assert!(!holds("wasm-cni", "cranelift-codegen")?);
    Ok(())
}

#[test]
fn the_plugin_is_static() -> Result<()> {
    assert!(holds("wasm-cnictl", "/ld-linux")?);
    assert!(!holds("wasm-cni", "/ld-linux")?);
    Ok(())
}

#[test]
fn nobody_can_have_the_plugin_killed_at_a_fault_point() -> Result<()> {
    assert!(file_holds(&with_fault_points()?, "WASM_CNI_FAULT_POINT")?);
    for name in ["wasm-cni", "wasm-cnictl"] {
        assert!(!holds(name, "WASM_CNI_FAULT_POINT")?, "{name}");
    }
    Ok(())
}
