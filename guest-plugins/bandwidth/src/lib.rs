//! The bandwidth stage: rates for what a container receives and sends.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `ingressRate`, `ingressBurst` | 0 | what the container receives: bits per second, and bits at once |
//! | `egressRate`, `egressBurst` | 0 | what the container sends |
//! | `runtimeConfig.bandwidth` | | an object with the same four keys; without effect if the configuration has any of them |
//! | `shapedSubnets`, `unshapedSubnets` | `[]` | refused unless empty: rates are for all that an interface carries |
//!
//! The keys and their defaults are the reference plugin's. 0 is no limit. A rate and its burst come together; a burst is
//! less than 4 GiB, in bits 34359738360.

mod config;
mod plugin;

pub use config::Bandwidth;

#[cfg(test)]
mod tests;
