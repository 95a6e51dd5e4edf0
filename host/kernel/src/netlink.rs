//! Requests to the kernel's routing netlink, and its answers as plain values.

mod address;
mod link;
mod nsid;
mod route;
mod socket;

pub(crate) use address::{AddressState, address_message};
pub(crate) use link::LinkState;
pub(crate) use route::{RouteState, route_message};
pub(crate) use socket::{Refusal, RouteSocket};
