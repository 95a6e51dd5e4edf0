//! The SDK for wasm-cni plugins in Rust.
