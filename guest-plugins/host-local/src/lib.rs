//! The host-local IPAM plugin: addresses from ranges on this node.
//!
//! | key of `ipam` | meaning |
//! | --- | --- |
//! | `ranges` | list of range sets, a set being a list of range objects `{subnet, rangeStart, rangeEnd, gateway, exclude}`; the interface gets one address from each set |
//! | `subnet`, `rangeStart`, `rangeEnd`, `gateway` | the old form: one range, put before `ranges` as a set of its own |
//! | `exclude` | addresses and networks that are never handed out; in a range object for that range, beside `ranges` for all |
//! | `routes` | `{dst, gw, mtu, advmss, priority, table, scope}`, copied into the answer |
//! | `resolvConf` | the host reads that file; the answer's `dns` is what it says |
//! | `dataDir` | accepted for the reference plugin's configurations and without effect: leases are kept by the host |
//!
//! The keys and their defaults are the reference plugin's, `exclude` is new. `runtimeConfig.ipRanges` stands before
//! `ranges` already when the configuration arrives here.
//!
//! In a range, `gateway` is the subnet's first address unless given, `rangeStart` its first and `rangeEnd` its last,
//! in IPv4 the last before the broadcast address. Network address, broadcast address, the gateways of all ranges and
//! what is excluded are never handed out, not even on request.
//!
//! A requested address is matched to the set that contains it; sets without a request give the next address, round
//! robin. The prefix length and gateway of the answer are those of the configuration, whatever a request says.
//!
//! As a library it serves plugins that hand out a part of such ranges: [`HostLocal::configure_beside`],
//! [`HostLocal::narrowed_to`], [`HostLocal::allocate_preferring`].

mod allocate;
mod config;
mod narrow;
mod range;
mod range_set;

pub use config::HostLocal;

#[cfg(test)]
mod tests;
