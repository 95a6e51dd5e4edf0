use std::net::IpAddr;

use wasm_cni_guest::Route;
use wasm_cni_guest::ipnet::IpNet;

/// The main table's number (`RT_TABLE_MAIN`); 0 (`RT_TABLE_UNSPEC`) and none mean it as well.
const MAIN: u32 = 254;
/// `RT_SCOPE_LINK`: the destination is on the link.
const SCOPE_LINK: u8 = 253;
/// `RT_SCOPE_HOST`: the destination is the container itself.
const SCOPE_HOST: u8 = 254;

/// The number of the table that a route is in.
pub(crate) fn number(table: Option<u32>) -> u32 {
    table.filter(|table| *table != 0).unwrap_or(MAIN)
}

/// Is it a default route of the main table?
pub(crate) fn is_default(route: &Route) -> bool {
    route.destination.prefix_len() == 0 && number(route.table) == MAIN
}

/// Is it one that `flushroutes` removes?
pub(crate) fn is_flushed(route: &Route) -> bool {
    let on_link = route.gateway.is_none() || is_of_link_scope(route);
    is_default(route)
        || number(route.table) == MAIN && !on_link && !is_link_local(route.destination.addr())
}

/// Is it one that this entry of `delroutes` names?
pub(crate) fn is_named(route: &Route, entry: &Route) -> bool {
    route.destination == entry.destination
        && (entry.gateway.is_none() || entry.gateway == route.gateway)
        && number(route.table) == number(entry.table)
}

/// Would the kernel take the two for one? Then the second can't be added.
pub(crate) fn is_same(one: &Route, other: &Route) -> bool {
    let key = |route: &Route| -> (IpNet, u32, Option<u32>) {
        (route.destination, number(route.table), route.priority)
    };
    key(one) == key(other)
}

/// Are the two one route in every respect?
pub(crate) fn is_equal(one: &Route, other: &Route) -> bool {
    let table = one.table;
    is_same(one, other)
        && *one
            == Route {
                table,
                ..other.clone()
            }
}

/// Does the route lead to the link by its own words, so that it needs no gateway?
pub(crate) fn is_of_link_scope(route: &Route) -> bool {
    matches!(route.scope, Some(SCOPE_LINK | SCOPE_HOST))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
