//! The static IPAM plugin: the addresses that the configuration or the runtime names.
//!
//! | key of `ipam` | meaning |
//! | --- | --- |
//! | `addresses` | `{address, gateway}`, the address with its prefix length |
//! | `routes` | `{dst, gw, mtu, advmss, priority, table, scope}`, copied into the answer |
//! | `dns` | `{nameservers, domain, search, options}`, copied into the answer |
//!
//! Addresses come, as in the reference plugin, from the first of these that names any: `runtimeConfig.ips`;
//! `args.cni.ips`; `addresses` together with `IP` of `CNI_ARGS`, to which `GATEWAY` of `CNI_ARGS` gives the gateway of
//! each address whose network contains it.
//!
//! The reference plugin wants a prefix length with every requested address. Here a request without one is taken where
//! its meaning is plain: exactly one network of `addresses` contains it, and gives prefix length and gateway. Otherwise
//! it is refused.
//!
//! Unlike the reference plugin's, every address is reserved: a second container that asks for it is refused with the
//! name of the holder, and CHECK fails once the address is no longer held. As with the reference's, CHECK fails as well where
//! the result tells another gateway than is configured.

mod allocate;
mod config;

pub use config::Static;

#[cfg(test)]
mod tests;
