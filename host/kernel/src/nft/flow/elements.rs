use std::net::IpAddr;

use plan::{Family, FlowBox, FlowDirection, FlowSet, FlowVerdict, Flows};

use super::shard::Shard;
use crate::nft::address_key::{key, number, octets};
use crate::nft::element::Element;
use crate::nft::element_groups::Groups;
use crate::nft::set::{KeyType, Set};
use crate::nft::table::TableFamily;

pub(super) const DIRECTIONS: [FlowDirection; 2] = [FlowDirection::Ingress, FlowDirection::Egress];

/// What one container's rules are in the kernel.
pub(super) fn of(flows: &Flows, set: &FlowSet) -> Groups {
    let mut groups = Vec::new();
    for family in Family::ALL {
        let addresses = flows.addresses.iter().copied();
        let addresses: Vec<_> = addresses
            .filter(|each| Family::of(*each) == family)
            .collect();
        for direction in DIRECTIONS {
            for address in &addresses {
                for verdict in [FlowVerdict::Drop, FlowVerdict::Accept] {
                    let boxes = set.boxes(family, direction, verdict);
                    let elements = boxes.map(|each| ranges(*address, each));
                    let shard = Shard::of(*address, direction);
                    groups.push((verdicts(shard, verdict), elements.collect()));
                }
            }
            let all = || addresses.iter().map(|each| Element::key(octets(*each)));
            if flows.deny_by_default.contains(&direction) {
                groups.push((denied(family, direction), all().collect()));
            }
            let mut drops = set.boxes(family, direction, FlowVerdict::Drop);
            if drops.next().is_some() {
                groups.push((judged(family, direction), all().collect()));
            }
        }
    }
    groups.retain(|(_, elements): &(Set, Vec<Element>)| !elements.is_empty());
    groups
}

/// Container, peer, protocol, port: each part filled up to a multiple of 4 bytes.
fn ranges(address: IpAddr, each: &FlowBox) -> Element {
    let bound = |peer: IpAddr, protocol: u8, port: u16| {
        let [high, low] = port.to_be_bytes();
        let rest = [protocol, 0, 0, 0, high, low, 0, 0];
        [&octets(address)[..], &octets(peer), &rest].concat()
    };
    Element::ranges(
        bound(each.peers.0, each.protocols.0, each.ports.0),
        bound(each.peers.1, each.protocols.1, each.ports.1),
    )
}

/// Boxes with this verdict.
pub(super) fn verdicts(shard: Shard, verdict: FlowVerdict) -> Set {
    let address = key(shard.family);
    Set {
        family: TableFamily::Inet,
        name: format!("{verdict}-{}", shard.name()),
        key: address
            .then(address)
            .then(KeyType::TRANSPORT_PROTOCOL)
            .then(KeyType::PORT),
        intervals: true,
        data: None,
    }
}

/// Containers that deny what they don't accept.
pub(super) fn denied(family: Family, direction: FlowDirection) -> Set {
    addresses("deny", family, direction)
}

/// Containers that drop anything.
pub(super) fn judged(family: Family, direction: FlowDirection) -> Set {
    addresses("judged", family, direction)
}

fn addresses(kind: &str, family: Family, direction: FlowDirection) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("{kind}-{direction}{}", number(family)),
        key: key(family),
        intervals: false,
        data: None,
    }
}
