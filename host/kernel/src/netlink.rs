//! Requests to the kernel's routing netlink, and its answers as plain values.

mod address;
mod kept_route;
mod link;
mod neighbour;
mod notices;
mod nsid;
mod route;
mod rule;
mod socket;
mod tc;

pub(crate) use address::{AddressState, address_message};
pub(crate) use kept_route::KeptRoute;
pub(crate) use link::LinkState;
pub(crate) use neighbour::NeighbourState;
pub(crate) use notices::Notices;
pub(crate) use route::{RouteState, on_link, removal_message, route_message};
pub(crate) use rule::RuleState;
pub(crate) use socket::{Refusal, RouteSocket};
pub(crate) use tc::{FilterState, QdiscState, options, tc_message};
