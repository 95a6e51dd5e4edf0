//! The tuning stage: sysctls of the container, and settings of its interface.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `sysctl` | `{}` | names and values, a text or a whole number; names begin with `net.`, and `IFNAME` in one is the interface's name |
//! | `mac` | | the interface's Ethernet address |
//! | `promisc` | `false` | switch promiscuous mode on; `false` leaves it as it is |
//! | `allmulti` | | switch reception of all multicast on or off |
//! | `mtu` | 0 | the interface's MTU in bytes, 68–65535; 0 leaves it as it is |
//! | `txQLen` | | the length of the transmit queue, in packets |
//! | `dataDir` | | without effect: the host keeps what was there before |
//! | `runtimeConfig.mac` | | beats `mac` |
//! | `args.cni` | | an object with any of `sysctl`, `mac`, `promisc`, `allmulti`, `mtu`, `txQLen`; beats the above, `sysctl` name by name |
//!
//! The keys and their defaults are the reference plugin's, in which `args.cni.sysctl` needs a `sysctl` beside it and here
//! does not. Names of sysctls are read as sysctl(8) reads them: the first separator, `.` or `/`, is that of the whole name,
//! and the other one stands for itself in a part's name. So `net/ipv4/conf/eth0.5/rp_filter` and
//! `net.ipv4.conf.eth0/5.rp_filter` are one, and naming it twice is refused.

mod config;
mod plugin;
mod settings;
mod sysctl;

pub use config::Tuning;

#[cfg(test)]
mod tests;
