use std::net::IpAddr;

use super::AddressRange;
use crate::Family;

/// The common part of a range and a run, without the addresses that are never handed out.
pub(super) fn clip(range: &AddressRange, first: IpAddr, last: IpAddr) -> Vec<(IpAddr, IpAddr)> {
    if Family::of(range.first) != Family::of(first) {
        return Vec::new();
    }
    let (mut first, last) = (first.max(range.first), last.min(range.last));
    let never = [
        Some(range.subnet.network()),
        range.gateway,
        Some(range.subnet.broadcast()),
    ];
    let mut holes: Vec<IpAddr> = never
        .into_iter()
        .flatten()
        .filter(|hole| !range.holds(*hole))
        .collect();
    holes.sort_unstable();
    let mut parts = Vec::new();
    for hole in holes {
        if hole < first || last < hole {
            continue;
        }
        parts.extend(
            before(hole)
                .filter(|end| first <= *end)
                .map(|end| (first, end)),
        );
        match after(hole) {
            Some(next) => first = next,
            None => return parts,
        }
    }
    if first <= last {
        parts.push((first, last));
    }
    parts
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address)
            .checked_sub(1)
            .map(|number| IpAddr::V4(number.into())),
        IpAddr::V6(address) => u128::from(address)
            .checked_sub(1)
            .map(|number| IpAddr::V6(number.into())),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address)
            .checked_add(1)
            .map(|number| IpAddr::V4(number.into())),
        IpAddr::V6(address) => u128::from(address)
            .checked_add(1)
            .map(|number| IpAddr::V6(number.into())),
    }
}
