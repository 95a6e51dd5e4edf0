//! The static IPAM plugin: addresses that the configuration names.
