//! The executables as files.

use anyhow::Result;
use wasm_cni_tests::binary;

fn holds(name: &str, text: &str) -> Result<bool> {
    let bytes = std::fs::read(binary(name)?)?;
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
