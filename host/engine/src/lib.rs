//! Runs sandboxed WebAssembly components: load, limits, audit, calls.
