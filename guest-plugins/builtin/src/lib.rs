//! All built-in plugins as one component.
//!
//! One component costs one instantiation whatever the number of plugins in it. They are told apart by the key `plugin`
//! of the configuration, or by `type` in the reference plugins' own configurations, which have no `plugin`.

mod ipam;
mod name;
mod policy;

pub use ipam::{BuiltinIpam, IPAM_PLUGINS};
pub use policy::{BuiltinPolicy, POLICY_PLUGINS};

wasm_cni_guest::export_ipam!(BuiltinIpam);
wasm_cni_guest::export_policy!(BuiltinPolicy);

#[cfg(test)]
mod tests;
