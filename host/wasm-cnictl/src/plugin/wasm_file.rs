//! Reading a plugin from a file, and making a component of it where it is a core module.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use wit_component::ComponentEncoder;

use crate::cli::AdapterArgs;

/// Largest plugin, in bytes; a Python plugin has 18 MB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Component,
    CoreModule,
    /// An ELF file, which is what precompiled code is kept in.
    Native,
    Other,
}

/// Magic, version and layer (Component Model, "Binary Format").
fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Kind::Component,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Kind::CoreModule,
        [0x7f, b'E', b'L', b'F', ..] => Kind::Native,
        _ => Kind::Other,
    }
}

/// The component in `path`; made on the spot where the file is a core module.
///
/// # Errors
/// When the file is neither. Precompiled code is refused: it is native code, which nothing contains.
pub(super) fn component(path: &Path, adapters: &AdapterArgs) -> anyhow::Result<Vec<u8>> {
    let bytes = read(path)?;
    match kind(&bytes) {
        Kind::Component => Ok(bytes),
        Kind::CoreModule => componentize(&bytes, adapters)
            .with_context(|| format!("no component can be made of {}", path.display())),
        Kind::Native => bail!(
            "{} is native code and not WebAssembly; native code is never taken from outside, since \
             nothing can contain it: give the .wasm file that it was made from",
            path.display()
        ),
        Kind::Other => bail!(
            "{} is not WebAssembly: it begins neither like a component nor like a module (text, \
             .wat, has to be translated first)",
            path.display()
        ),
    }
}

/// The component that these bytes are, or that is made of them.
///
/// # Errors
/// When they are neither component nor module, or carry no world.
pub(crate) fn component_of(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    match kind(bytes) {
        Kind::Component => Ok(bytes.to_vec()),
        _ => componentize(bytes, &AdapterArgs::default()),
    }
}

/// A component of the core module in `path`.
///
/// # Errors
/// When it is none, or carries no world.
pub(super) fn component_of_module(path: &Path, adapters: &AdapterArgs) -> anyhow::Result<Vec<u8>> {
    let bytes = read(path)?;
    ensure!(
        kind(&bytes) != Kind::Component,
        "{} is a component already; it can be installed as it is",
        path.display()
    );
    ensure!(
        kind(&bytes) == Kind::CoreModule,
        "{} is no core module",
        path.display()
    );
    componentize(&bytes, adapters)
        .with_context(|| format!("no component can be made of {}", path.display()))
}

fn componentize(module: &[u8], adapters: &AdapterArgs) -> anyhow::Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module).context(
        "the module's description of its world can't be read; was it built with other tools than \
         wit-bindgen?",
    )?;
    for adapter in &adapters.adapt {
        let (name, path) = adapter_name(adapter);
        let bytes = read(Path::new(path))?;
        encoder = encoder
            .adapter(name, &bytes)
            .with_context(|| format!("adapter {path}"))?;
    }
    encoder.encode().context(
        "the module must be built against the world `wasm-cni:plugin/ipam-plugin`, and what it \
         imports besides (such as wasi_snapshot_preview1) needs an adapter: --adapt FILE",
    )
}

/// `NAME=FILE`, or a file whose name up to the first dot is the name.
fn adapter_name(adapter: &str) -> (&str, &str) {
    adapter.split_once('=').unwrap_or_else(|| {
        let file = adapter.rsplit('/').next().unwrap_or(adapter);
        (file.split('.').next().unwrap_or(file), adapter)
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let context = || format!("can't read {}", path.display());
    let file = File::open(path).with_context(context)?;
    ensure!(
        file.metadata().with_context(context)?.is_file(),
        "{} is no file",
        path.display()
    );
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(context)?;
    ensure!(
        u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES),
        "{} is larger than {MAX_FILE_BYTES} bytes",
        path.display()
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn refusal(bytes: &[u8]) -> String {
        let file = file(bytes);
        format!(
            "{:#}",
            component(file.path(), &AdapterArgs::default()).unwrap_err()
        )
    }

    #[test]
    fn native_code_is_refused() {
        assert!(refusal(b"\x7fELF\x02\x01\x01").contains("native code"));
    }

    #[test]
    fn what_is_no_webassembly_is_refused() {
        for bytes in [&b""[..], b"\0asm", b"(component)", b"#!/bin/sh\n"] {
            assert!(refusal(bytes).contains("not WebAssembly"), "{bytes:?}");
        }
    }

    #[test]
    fn a_broken_module_is_an_error_and_no_panic() {
        assert!(refusal(b"\0asm\x01\0\0\0garbage").contains("no component can be made"));
    }

    #[test]
    fn a_component_is_no_core_module() {
        let file = file(b"\0asm\x0d\0\x01\0");
        let error = component_of_module(file.path(), &AdapterArgs::default()).unwrap_err();
        assert!(error.to_string().contains("component already"), "{error}");
        assert_eq!(
            component(file.path(), &AdapterArgs::default())
                .unwrap()
                .len(),
            8
        );
    }

    #[test]
    fn an_adapter_is_named_by_its_file_unless_it_has_a_name() {
        assert_eq!(
            adapter_name("lib/wasi_snapshot_preview1.reactor.wasm"),
            (
                "wasi_snapshot_preview1",
                "lib/wasi_snapshot_preview1.reactor.wasm"
            )
        );
        assert_eq!(adapter_name("env=x/y.wasm"), ("env", "x/y.wasm"));
    }
}
