use wasmtime::Precompiled;
use wasmtime::component::Component;

use crate::settings::{self, Target};

/// Why bytes were not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Native code from elsewhere is never run.
    #[error(
        "this is precompiled native code; only WebAssembly components are taken, since native code can't be contained. \
         Give the `.wasm` file that it was made from"
    )]
    Precompiled,
    /// A core module.
    #[error(
        "this is a core module, not a component; make a component of it, for example with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// Not WebAssembly.
    #[error("this is not a WebAssembly component: it does not begin with the magic bytes of one")]
    NotWasm,
    /// wasmtime refuses it.
    #[error("the component can't be compiled: {0:#}")]
    Refused(#[source] wasmtime::Error),
}

/// Compiles a component to what [`Engine`](crate::Engine) runs.
///
/// # Errors
/// The bytes are no component, or one that uses what is not supported.
pub fn compile(wasm: &[u8], target: Target) -> Result<Vec<u8>, CompileError> {
    check_kind(wasm)?;
    let config = settings::config(Some(target)).map_err(CompileError::Refused)?;
    let engine = wasmtime::Engine::new(&config).map_err(CompileError::Refused)?;
    let component = Component::from_binary(&engine, wasm).map_err(CompileError::Refused)?;
    component.serialize().map_err(CompileError::Refused)
}

/// The preamble of a binary: magic, version, layer (Component Model, "Binary Format").
fn check_kind(wasm: &[u8]) -> Result<(), CompileError> {
    match wasm.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => Err(CompileError::CoreModule),
        _ => match wasmtime::Engine::detect_precompiled(wasm) {
            Some(Precompiled::Module | Precompiled::Component) => Err(CompileError::Precompiled),
            None => Err(CompileError::NotWasm),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precompiled_input_is_refused() {
        let native = compile(&wat::parse_str("(component)").unwrap(), Target::Machine).unwrap();
        assert!(matches!(
            compile(&native, Target::Machine),
            Err(CompileError::Precompiled)
        ));
    }

    #[test]
    fn a_core_module_is_told_apart_from_garbage() {
        let module = wat::parse_str("(module)").unwrap();
        assert!(matches!(
            compile(&module, Target::Machine),
            Err(CompileError::CoreModule)
        ));
        for garbage in [&b""[..], b"\0asm", b"#!/bin/sh\n"] {
            assert!(matches!(
                compile(garbage, Target::Machine),
                Err(CompileError::NotWasm)
            ));
        }
    }
}
