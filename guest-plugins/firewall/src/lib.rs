//! The firewall stage: past the host's firewall, and apart from other containers.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `ingressPolicy` | `open` | `open`: nothing is kept away. `same-bridge`: containers of other networks with such a policy are. `isolated`: those of the container's own network as well. On a point-to-point link each container has a link of its own, so `same-bridge` keeps those of one network apart too |
//! | `backend` | | `iptables`, `firewalld` or `nftables`, without effect: the host looks which firewall there is |
//! | `iptablesAdminChainName` | `CNI-ADMIN` | refused unless it is the default, the chain that the host honours |
//! | `firewalldZone` | `trusted` | refused unless it is the default, the zone that the host uses |
//!
//! The keys and their defaults are the reference plugin's. Whatever the policy, what the host's own firewall would drop of
//! the container's packets passes.

mod config;
mod plugin;

pub use config::Firewall;

#[cfg(test)]
mod tests;
