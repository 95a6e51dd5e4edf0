//! The SDK for wasm-cni plugins in Rust.
//!
//! A plugin is a type that is read from its configuration. One that implements [`Ipam`] decides which addresses an
//! interface gets, and [`export_ipam!`] turns it into a component; one that implements [`Policy`] is a stage of a chain
//! that proposes changes or refuses, and [`export_policy!`] does. A component can be both. All logic is written against
//! the traits of [`Host`] or [`PolicyHost`] and standard types, so the same code is tested natively with a
//! [`testing::Node`] and runs in the sandbox with the real host behind it.
//!
//! # An IPAM plugin
//!
//! ```
//! use serde::Deserialize;
//! use wasm_cni_guest::ipnet::IpNet;
//! use wasm_cni_guest::{AddressRange, Allocation, Attachment, Dns, Failure, Host, InterfaceAddress, Ipam, config};
//!
//! /// `{"type": "wasm-cni", "plugin": "pool", "subnet": "10.9.0.0/24"}`
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Pool {
//!     subnet: IpNet,
//! }
//!
//! impl Ipam for Pool {
//!     fn configure(text: &str) -> Result<Self, Failure> {
//!         config::parse(text)
//!     }
//!
//!     fn allocate(&self, _: &Attachment, _: Option<Dns>, host: &impl Host) -> Result<Allocation, Failure> {
//!         let pool = [AddressRange::hosts(self.subnet)];
//!         let address = match host.held().first() {
//!             Some(held) => *held,
//!             None => host.reserve_next(&pool, host.last_reserved(&pool))?,
//!         };
//!         let address = InterfaceAddress::new(address, self.subnet.prefix_len(), None)?;
//!         Ok(Allocation { addresses: vec![address], ..Allocation::default() })
//!     }
//! }
//!
//! wasm_cni_guest::export_ipam!(Pool);
//!
//! # use wasm_cni_guest::testing::Node;
//! let node = Node::new();
//! let config = r#"{"type": "wasm-cni", "plugin": "pool", "subnet": "10.9.0.0/24"}"#;
//! let answer = node.add::<Pool>(config, &Attachment::new("pods", "4f5e", "eth0"), None)?;
//! assert_eq!(answer.addresses[0].address.to_string(), "10.9.0.1/24");
//! # Ok::<(), Failure>(())
//! ```
//!
//! # A policy plugin
//!
//! ```
//! use serde::Deserialize;
//! use wasm_cni_guest::{Attachment, Failure, Policy, PolicyHost, config};
//!
//! /// `{"type": "wasm-cni", "plugin": "office-hours", "grants": ["deny", "mtu"], "from": 8, "to": 18}`
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct OfficeHours {
//!     from: u64,
//!     to: u64,
//! }
//!
//! impl Policy for OfficeHours {
//!     fn configure(text: &str) -> Result<Self, Failure> {
//!         config::parse_stage(text)
//!     }
//!
//!     fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
//!         let hour = host.now().as_secs() / 3600 % 24;
//!         if !(self.from..self.to).contains(&hour) {
//!             let (from, to) = (self.from, self.to);
//!             host.deny(&format!("network {} is open from {from} to {to} o'clock", attachment.network));
//!         }
//!         if host.mtu().is_none_or(|mtu| mtu > 1400) {
//!             host.set_mtu(1400);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! wasm_cni_guest::export_policy!(OfficeHours);
//!
//! # use std::time::Duration;
//! # use wasm_cni_guest::testing::{Change, Node, ProposalState};
//! let node = Node::new();
//! node.set_time(Duration::from_hours(9));
//! let config = r#"{"type": "wasm-cni", "plugin": "office-hours", "from": 8, "to": 18}"#;
//! let pod = Attachment::new("pods", "4f5e", "eth0");
//! let changes = node.amend::<OfficeHours>(config, &pod, &ProposalState::bridged())?;
//! assert_eq!(changes, [Change::SetMtu(1400)]);
//! node.set_time(Duration::from_hours(20));
//! let changes = node.amend::<OfficeHours>(config, &pod, &ProposalState::bridged())?;
//! assert!(matches!(&changes[0], Change::Deny(reason) if reason.contains("from 8 to 18")));
//! # Ok::<(), Failure>(())
//! ```
//!
//! The contract behind all this is the WIT package `wasm-cni:plugin`; each item here names its counterpart there where
//! the names differ.

pub use ipnet;

mod address_range;
mod allocation;
mod attachment;
#[doc(hidden)]
pub mod bindings;
mod changes;
pub mod config;
mod convert;
mod dns;
#[doc(hidden)]
pub mod export;
mod failure;
mod flow;
mod host;
#[cfg(target_family = "wasm")]
mod imports;
mod ipam;
mod link;
mod mac_address;
mod neighbour;
mod policy;
mod port_mapping;
mod proposal;
mod route;
mod routing_rule;
mod sysctl;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use address_range::{AddressRange, RangeError};
pub use allocation::{Allocation, InterfaceAddress};
pub use attachment::{AddressRequest, Attachment, Pod, RequestSource};
pub use changes::Changes;
pub use dns::Dns;
pub use failure::{Failure, ReserveError, StorageError};
pub use flow::{BandwidthLimit, FlowDirection, FlowRule, FlowVerdict, Isolation, PortRange};
pub use host::{Clock, Host, Leases, Level, Log, Scope, Storage, Usage};
pub use ipam::{Ipam, require_held};
pub use link::{Link, LinkFlag, LinkKind, LinkSide};
pub use mac_address::{MacAddress, MacAddressError};
pub use neighbour::Neighbour;
pub use policy::{Policy, PolicyHost};
pub use port_mapping::{
    PacketCondition, PacketMark, PacketMatch, PortMapping, SourceNat, Transport,
};
pub use proposal::Proposal;
pub use route::Route;
pub use routing_rule::{IpFamily, RoutingRule};
pub use sysctl::Sysctl;

/// The examples of the guide, so that they go on compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Guide;
