//! The portmap stage: ports of the host that lead to the container.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `runtimeConfig.portMappings` | `[]` | `{hostPort, containerPort, protocol, hostIP}`; without any there is nothing to do. `protocol` is `tcp` (default), `udp` or `sctp` in any case; without `hostIP` the port is open on every address |
//! | `snat` | `true` | replace the source address where the port would otherwise be out of reach: for the host's loopback, the container itself and its neighbours |
//! | `masqAll` | `false` | with `snat`: replace everybody's source address |
//! | `conditionsV4`, `conditionsV6` | `[]` | further conditions for packets of that family, see below |
//! | `markMasqBit` | 13 | the bit of the packet mark, 0–31, that says between the hooks whose source address is replaced |
//! | `backend` | | `iptables` or `nftables`, without effect: the host uses nftables |
//! | `externalSetMarkChain` | | refused: it names an iptables chain, and the host calls none |
//!
//! The keys and their defaults are the reference plugin's. A mapping whose `hostIP` is of a family that the container has
//! no address of is left out, as there; unlike there, the log says so, and a port that is asked for twice is refused.
//!
//! # Conditions
//!
//! A list is either iptables' words or nftables' text, told apart by its first character as in the reference plugin;
//! either is taken with either `backend`. All conditions must be met.
//!
//! | iptables | nftables |
//! | --- | --- |
//! | `-s`, `--src`, `--source` NETWORK | `ip saddr`, `ip6 saddr` NETWORK |
//! | `-d`, `--dst`, `--destination` NETWORK | `ip daddr`, `ip6 daddr` NETWORK |
//! | `-i`, `--in-interface` NAME (`+` at the end: any) | `iifname`, `meta iifname` NAME (`*` at the end: any) |
//! | `-m mark --mark VALUE/MASK` | `mark`, `meta mark` VALUE, with `& MASK` before the operator |
//!
//! iptables' `!` may stand before the option or before the value; nftables' operators are `==` and `!=`. Anything else is
//! refused, the outgoing interface too: it is not known yet where a destination is rewritten.

mod condition;
mod config;
mod mapping;
mod plugin;

pub use config::Portmap;

#[cfg(test)]
mod tests;
