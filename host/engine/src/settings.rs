//! The one place that makes a wasmtime `Config`, for compiling and for running.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::{Config, ModuleVersionStrategy};

use crate::code_memory::PageProtection;

/// For which processor a component is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The least processor of the architecture: built-in plugins, which are compiled elsewhere than they run.
    Baseline,
    /// The processor at hand, all its features used: installed plugins.
    Machine,
}

impl Target {
    /// As a manifest names it, e.g. `x86_64 machine`.
    #[must_use]
    pub fn describe(self) -> String {
        let level = match self {
            Self::Baseline => "baseline",
            Self::Machine => "machine",
        };
        format!("{} {level}", std::env::consts::ARCH)
    }
}

type Switch = (&'static str, bool, fn(&mut Config, bool) -> &mut Config);

/// Every setting that differs from, or must not follow, wasmtime's default. A table, so that [`compatibility`] covers it.
const SWITCHES: [Switch; 12] = [
    ("wasm_component_model", true, Config::wasm_component_model),
    ("consume_fuel", true, Config::consume_fuel),
    ("epoch_interruption", true, Config::epoch_interruption),
    // Same input, same answer on every processor.
    (
        "relaxed_simd_deterministic",
        true,
        Config::relaxed_simd_deterministic,
    ),
    ("wasm_relaxed_simd", false, Config::wasm_relaxed_simd),
    ("wasm_memory64", false, Config::wasm_memory64),
    ("wasm_wide_arithmetic", false, Config::wasm_wide_arithmetic),
    (
        "wasm_custom_page_sizes",
        false,
        Config::wasm_custom_page_sizes,
    ),
    // Initial memory is mapped, not copied: 5 ms less for a Python plugin.
    ("memory_init_cow", true, Config::memory_init_cow),
    // Nothing unwinds through a plugin's frames, and registering the tables costs time at each start.
    ("native_unwind_info", false, Config::native_unwind_info),
    // Only backtraces would read it.
    ("generate_address_map", false, Config::generate_address_map),
    ("signals_based_traps", true, Config::signals_based_traps),
];

/// The settings under which components run (`None`) or are compiled.
pub(crate) fn config(compile_for: Option<Target>) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    for (_, enable, set) in SWITCHES {
        set(&mut config, enable);
    }
    config.with_custom_code_memory(Some(Arc::new(PageProtection::new())));
    match compile_for {
        None => forbid_compiling(&mut config),
        Some(Target::Machine) => compile_deterministically(&mut config),
        Some(Target::Baseline) => {
            compile_deterministically(&mut config);
            config.target(baseline_triple())?;
        }
    }
    Ok(config)
}

/// Names this set of settings, our version, wasmtime's and the architecture, in 32 hexadecimal digits: what precompiled
/// code must have been made with to be loadable here. wasmtime checks its own record of the same when it loads.
pub(crate) fn compatibility() -> String {
    let mut hasher = Sha256::new();
    hasher.update("wasm-cni precompiled component, format 1; NaNs canonical\n");
    hasher.update(env!("CARGO_PKG_VERSION"));
    hasher.update(ModuleVersionStrategy::WasmtimeVersion.as_str());
    hasher.update(std::env::consts::ARCH);
    for (name, enabled, _) in SWITCHES {
        hasher.update(format!("\n{name}={enabled}"));
    }
    crate::digest::hex(hasher.finalize().iter().take(16))
}

#[cfg(feature = "compiler")]
fn forbid_compiling(config: &mut Config) {
    config.enable_compiler(false);
}

#[cfg(not(feature = "compiler"))]
fn forbid_compiling(_: &mut Config) {}

#[cfg(feature = "compiler")]
fn compile_deterministically(config: &mut Config) {
    config.cranelift_nan_canonicalization(true);
}

#[cfg(not(feature = "compiler"))]
fn compile_deterministically(_: &mut Config) {}

/// Rust's and wasmtime's names of an architecture agree but for RISC-V.
fn baseline_triple() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "aarch64-unknown-linux-gnu",
        "riscv64" => "riscv64gc-unknown-linux-gnu",
        "s390x" => "s390x-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
