//! The vrf stage: the container's interface in a routing domain of its own.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `vrfname` | required | the VRF inside the container; attachments that name the same one share it |
//! | `table` | any | its routing table, 1–252 or above 255; 0 is none |
//!
//! The keys are the reference plugin's.

mod config;
mod plugin;

pub use config::Vrf;

#[cfg(test)]
mod tests;
