//! A container's flow rules as boxes: ranges of peers, protocols and ports.
//!
//! A packet is a point: peer, protocol, destination port. The kernel's sets of concatenated ranges take no two elements
//! that overlap, so the boxes of one family, direction and verdict are disjoint. A box that drops may overlap one that
//! accepts: who looks a packet up asks for drops first.

mod cuboid;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Family, FlowDirection, FlowRule, FlowVerdict, Flows, PortRange};
use cuboid::{Cuboid, Range};

const DIRECTIONS: [FlowDirection; 2] = [FlowDirection::Ingress, FlowDirection::Egress];

/// The rules of one container, ready for the kernel. Made from the same [`Flows`] it is always the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSet {
    boxes: Vec<FlowBox>,
}

/// Packets of one family and direction that share a verdict. All ends are included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBox {
    /// Seen from the container.
    pub direction: FlowDirection,
    /// What becomes of the packets.
    pub verdict: FlowVerdict,
    /// First and last address of the other side, of one family.
    pub peers: (IpAddr, IpAddr),
    /// First and last number of the IP protocol.
    pub protocols: (u8, u8),
    /// First and last destination port. All of them if the box holds a protocol without ports.
    pub ports: (u16, u16),
}

/// Why rules can't become a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowSetError {
    /// A rule names ports of a protocol that has none.
    #[error(
        "flow rule `{rule}` names ports, and protocol {protocol} has none: leave the ports out, or name one of {}",
        with_ports()
    )]
    NoPorts {
        /// The rule.
        rule: FlowRule,
        /// The protocol's number.
        protocol: u8,
    },
    /// A range that ends before it begins.
    #[error("flow rule `{rule}` has a port range that ends before it begins: swap its ends")]
    PortsReversed {
        /// The rule.
        rule: FlowRule,
    },
    /// The rules overlap in too many ways.
    #[error(
        "the {rules} flow rules of {addresses} addresses make more than {most} entries for the kernel: use fewer rules, or rules that overlap less",
        most = FlowSet::MOST_ELEMENTS
    )]
    TooMany {
        /// How many rules there are.
        rules: usize,
        /// How many addresses the container has.
        addresses: usize,
    },
}

impl FlowSet {
    /// The most elements of kernel sets that one container may have: each box counts once for each address of its family.
    pub const MOST_ELEMENTS: usize = 4096;

    /// Cuts the rules into boxes.
    ///
    /// # Errors
    /// Rules without a meaning, or too many of them.
    pub fn of(flows: &Flows) -> Result<Self, FlowSetError> {
        let mut boxes = Vec::new();
        let mut elements = 0;
        for rule in &flows.rules {
            check(rule)?;
        }
        for family in Family::ALL {
            let addresses = flows.addresses.iter();
            let of_family = addresses.filter(|each| Family::of(**each) == family);
            let addresses = of_family.count();
            if addresses == 0 {
                continue;
            }
            for (direction, verdict) in looked_up(flows) {
                let rules = flows.rules.iter();
                let rules =
                    rules.filter(|rule| rule.direction == direction && rule.verdict == verdict);
                let cuboids: Vec<_> = rules.flat_map(|rule| cuboids(family, rule)).collect();
                let room = (Self::MOST_ELEMENTS - elements) / addresses;
                let disjoint = cuboid::disjoint(&cuboids, room).ok_or(FlowSetError::TooMany {
                    rules: flows.rules.len(),
                    addresses: flows.addresses.len(),
                })?;
                elements += disjoint.len() * addresses;
                let named = |cuboid: Cuboid| FlowBox {
                    direction,
                    verdict,
                    peers: (
                        family.address(cuboid.peers.0),
                        family.address(cuboid.peers.1),
                    ),
                    protocols: (cuboid.protocols.0 as u8, cuboid.protocols.1 as u8),
                    ports: (cuboid.ports.0 as u16, cuboid.ports.1 as u16),
                };
                boxes.extend(disjoint.into_iter().map(named));
            }
        }
        Ok(Self { boxes })
    }

    /// The boxes of one family, direction and verdict; no two overlap.
    pub fn boxes(
        &self,
        family: Family,
        direction: FlowDirection,
        verdict: FlowVerdict,
    ) -> impl Iterator<Item = &FlowBox> {
        self.boxes.iter().filter(move |each| {
            Family::of(each.peers.0) == family
                && each.direction == direction
                && each.verdict == verdict
        })
    }
}

/// Where nothing is denied by default, what is accepted need not be looked up.
fn looked_up(flows: &Flows) -> impl Iterator<Item = (FlowDirection, FlowVerdict)> {
    DIRECTIONS.into_iter().flat_map(|direction| {
        let denies = flows.deny_by_default.contains(&direction);
        let accepts = denies.then_some((direction, FlowVerdict::Accept));
        [(direction, FlowVerdict::Drop)].into_iter().chain(accepts)
    })
}

fn check(rule: &FlowRule) -> Result<(), FlowSetError> {
    let Some(ports) = rule.ports else {
        return Ok(());
    };
    match rule.protocol {
        Some(protocol) if !FlowRule::PROTOCOLS_WITH_PORTS.contains(&protocol) => {
            Err(FlowSetError::NoPorts {
                rule: *rule,
                protocol,
            })
        }
        _ if ports.first > ports.last => Err(FlowSetError::PortsReversed { rule: *rule }),
        _ => Ok(()),
    }
}

/// What the rule means for one family. A box with some ports only holds protocols that have ports.
fn cuboids(family: Family, rule: &FlowRule) -> Vec<Cuboid> {
    let peers = match rule.peer {
        None => (0, family.greatest_number()),
        Some(peer) if Family::of(peer.addr()) == family => bounds(peer),
        Some(_) => return Vec::new(),
    };
    let ports = match rule.ports {
        Some(PortRange { first, last }) => (u128::from(first), u128::from(last)),
        None => (0, u128::from(u16::MAX)),
    };
    let cuboid = |first: u8, last: u8| Cuboid {
        peers,
        protocols: (u128::from(first), u128::from(last)),
        ports,
    };
    match rule.protocol {
        Some(protocol) => vec![cuboid(protocol, protocol)],
        None if rule.ports.is_none() => vec![cuboid(0, u8::MAX)],
        None => FlowRule::PROTOCOLS_WITH_PORTS
            .map(|protocol| cuboid(protocol, protocol))
            .to_vec(),
    }
}

fn bounds(network: IpNet) -> Range {
    (
        Family::number_of(network.network()),
        Family::number_of(network.broadcast()),
    )
}

fn with_ports() -> String {
    FlowRule::PROTOCOLS_WITH_PORTS
        .map(|protocol| protocol.to_string())
        .join(", ")
}
