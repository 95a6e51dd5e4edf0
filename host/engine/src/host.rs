//! What a plugin may call, one file for each interface of `wasm-cni:plugin`. Each call is charged before it does anything.

mod clock;
mod leases;
mod log;
mod storage;
mod transcript;

use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::transcript::Transcript;
use crate::bindings;
use crate::sandbox::CallState;

impl bindings::types::Host for CallState {}

/// Links one interface by the name that the audit knows it under.
pub(crate) fn link(linker: &mut Linker<CallState>, interface: &str) -> wasmtime::Result<()> {
    type Own = HasSelf<CallState>;
    match interface {
        "clock" => bindings::clock::add_to_linker::<_, Own>(linker, |state| state),
        "leases" => bindings::leases::add_to_linker::<_, Own>(linker, |state| state),
        "log" => bindings::log::add_to_linker::<_, Own>(linker, |state| state),
        "storage" => bindings::storage::add_to_linker::<_, Own>(linker, |state| state),
        _ => bindings::types::add_to_linker::<_, Own>(linker, |state| state),
    }
}
