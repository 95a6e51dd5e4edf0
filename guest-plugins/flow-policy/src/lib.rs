//! The flow-policy stage: which packets may reach and leave a container.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `ingress` | `{}` | what the container receives, an object of the keys below |
//! | `egress` | `{}` | what it sends, likewise |
//! | `….default` | `accept` | `accept` or `drop`: what becomes of a flow that no entry is about |
//! | `….allow` | `[]` | entries whose flows pass |
//! | `….deny` | `[]` | entries whose flows are dropped; they beat `allow` |
//!
//! An entry is about the flows that meet all of its keys:
//!
//! | key of an entry | default | meaning |
//! | --- | --- | --- |
//! | `cidr`, or a list `cidrs` | anybody | the other side: a network, which is of one family, or a single address |
//! | `protocol` | `any` | `tcp`, `udp`, `sctp`, `icmp`, `icmpv6`, `any`, or the IP protocol's number |
//! | `ports` | any | destination ports, numbers and ranges such as `"8000-8100"`; without a protocol those of TCP and UDP |
//!
//! Replies follow their flow. Several stages may say something: a drop beats an accept, whichever says it. All entries
//! together make at most 256 rules: one for each network, protocol and range of ports.

mod config;
mod entry;
mod plugin;
mod ports;
mod protocol;

pub use config::FlowPolicy;

#[cfg(test)]
mod tests;
