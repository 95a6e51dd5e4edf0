//! What `wit/` says, as Rust types. Private: [`lower`](crate::lower) and [`lift`](crate::lift) are the only ways across.
//!
//! One world with all interfaces of all kinds of plugins, so that they share their types; which of them a component imports
//! and exports is looked at one by one.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package wasm-cni:host;
        world every-plugin {
            include wasm-cni:plugin/ipam-plugin@0.1.0;
            include wasm-cni:plugin/policy-plugin@0.1.0;
        }
    ",
    imports: { default: trappable },
});

pub(crate) use self::exports::wasm_cni::plugin::{ipam, policy};
pub(crate) use self::wasm_cni::plugin::*;
