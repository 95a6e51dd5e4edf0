//! The SDK for wasm-cni plugins in Rust.
//!
//! A plugin is a type that is read from its configuration and implements [`Ipam`]; [`export_ipam!`] turns it into a
//! component. All logic is written against the [`Host`] traits and standard types, so the same code is tested natively
//! with a [`testing::Node`] and runs in the sandbox with the real host behind it.
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
pub use ipam::Ipam;
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
