//! What wit-bindgen makes of `wit/`. Private in spirit: public only because [`export_ipam!`](crate::export_ipam) and
//! [`export_policy!`](crate::export_policy) expand to names in here.
//!
//! Each world has an `export!` of its own, so a component exports only what it is. The types and the interfaces that both
//! worlds import are generated once, with the world of IPAM.
//!
//! Off Wasm the imports compile to functions that nothing calls.

#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "ipam-plugin",
    pub_export_macro: true,
    default_bindings_module: "wasm_cni_guest::bindings",
    generate_unused_types: true,
});

/// The world of policy plugins.
pub mod policy {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy-plugin",
        pub_export_macro: true,
        default_bindings_module: "wasm_cni_guest::bindings::policy",
        with: {
            "wasm-cni:plugin/types@0.1.0": crate::bindings::wasm_cni::plugin::types,
            "wasm-cni:plugin/clock@0.1.0": crate::bindings::wasm_cni::plugin::clock,
            "wasm-cni:plugin/log@0.1.0": crate::bindings::wasm_cni::plugin::log,
            "wasm-cni:plugin/storage@0.1.0": crate::bindings::wasm_cni::plugin::storage,
        },
        generate_all,
    });
}
