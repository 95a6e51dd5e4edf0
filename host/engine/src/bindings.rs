//! What `wit/` says, as Rust types. Private: [`lower`](crate::lower) and [`lift`](crate::lift) are the only ways across.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "ipam-plugin",
    imports: { default: trappable },
});

pub(crate) use self::exports::wasm_cni::plugin::ipam;
pub(crate) use self::wasm_cni::plugin::{clock, leases, log, storage, types};
