//! The component's exports, on top of [`Ipam`](crate::Ipam) and [`Policy`](crate::Policy).

/// Make a component's `ipam` export of a type that implements [`Ipam`](crate::Ipam). Use it once, in a crate of type
/// `cdylib`, beside [`export_policy!`](crate::export_policy) if the component is both. Off Wasm it expands to nothing, so
/// that the crate can be tested natively.
#[macro_export]
macro_rules! export_ipam {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::ExportedIpam<$plugin>;
    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };
    };
}

/// Make a component's `policy` export of a type that implements [`Policy`](crate::Policy). Use it once, in a crate of type
/// `cdylib`, beside [`export_ipam!`](crate::export_ipam) if the component is both. Off Wasm it expands to nothing, so that
/// the crate can be tested natively.
#[macro_export]
macro_rules! export_policy {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::ExportedPolicy<$plugin>;
    $crate::bindings::policy::export!(Exported with_types_in $crate::bindings::policy);
        };
    };
}

#[cfg(target_family = "wasm")]
mod ipam;
#[cfg(target_family = "wasm")]
mod policy;

#[cfg(target_family = "wasm")]
pub use ipam::ExportedIpam;
#[cfg(target_family = "wasm")]
pub use policy::ExportedPolicy;
