//! The engine as its users see it: hostile plugins, WASI without a way out, and a store that trusts nobody.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod answers;
mod audit;
mod builtin;
mod changes;
mod hostile;
mod plugin_store;
mod policy;
mod recording;
mod running;
mod services;
mod support;
mod wasi;
