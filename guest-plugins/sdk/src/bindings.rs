//! What wit-bindgen makes of `wit/`. Private in spirit: public only because [`export_ipam!`](crate::export_ipam) expands
//! to names in here.
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
});
