//! The sbr stage: source based routing. What is sent from one of the interface's addresses leaves by this interface,
//! whatever the container's other interfaces are.
//!
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `table` | | the routing table that the rules of all addresses name, 1–252 or above 255; what is in it is somebody else's business, such as that of `routes[].table` in `ipam` |
//! | `gateways` | `[]` | at most one of each family; beats the gateways that come with the addresses |
//! | `addSourceHints` | `false` | without effect: see below |
//!
//! The keys and their defaults are the reference plugin's. With `table` nothing but the rules is added, as there. Without it
//! each address gets a table of its own, counted from 100, past those that rules and routes name already. It gets:
//!
//! - the address's network by the link itself; on a point-to-point link, where only the gateway is on the link, the gateway
//!   by the link and the network through it;
//! - the interface's routes of the family that lead through a gateway of that network, or through none; they leave the
//!   main table;
//! - a default route through the gateway unless one of these is.
//!
//! The reference plugin also takes the route to the network itself out of the main table, unless `addSourceHints` keeps it
//! there with the address as its source. The kernel makes that very route with the address, and it stays in any case.
//!
//! Which tables other attachments of the same container use is known only as far as their rules and routes are shown.

mod config;
mod number;
mod plugin;
mod table;

pub use config::Sbr;

#[cfg(test)]
mod tests;
