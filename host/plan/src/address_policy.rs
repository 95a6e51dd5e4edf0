use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Addressing, Family};

mod clip;
mod problem;

pub use problem::Problem;

/// At most this many addresses for one interface.
const MOST_ADDRESSES: usize = 64;
/// At most this many routes for one interface.
const MOST_ROUTES: usize = 256;

/// A run of addresses that a network may hand out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address, of the same family.
    pub last: IpAddr,
    /// The subnet that the run is part of.
    pub subnet: IpNet,
    /// The subnet's gateway, never handed out.
    pub gateway: Option<IpAddr>,
}

impl AddressRange {
    /// Does the run hold this address? Its gateway, network and broadcast address count as not held.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        Family::of(self.first) == Family::of(address)
            && self.first <= address
            && address <= self.last
            && Some(address) != self.gateway
            && !is_reserved(self.subnet, address)
    }
}

/// What the host lets any IPAM plugin hand out on a network, read by the host itself from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// The range sets in their order (`ipam.ranges`, `runtimeConfig.ipRanges`).
    pub ranges: Vec<AddressRange>,
    /// Addresses that the operator wrote down (`ipam.addresses`), or that the runtime asked for where no ranges are
    /// configured.
    pub named: Vec<IpAddr>,
}

impl AddressPolicy {
    /// May this address be handed out?
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.named.contains(&address) || self.range_of(address).is_some()
    }

    /// The family that comes first in a result: that of the first range, else of the first named address.
    #[must_use]
    pub fn primary_family(&self) -> Option<Family> {
        let first_range = self.ranges.first().map(|range| range.first);
        first_range.or(self.named.first().copied()).map(Family::of)
    }

    /// The subnets of all ranges, each once.
    #[must_use]
    pub fn subnets(&self) -> Vec<IpNet> {
        let subnets: BTreeSet<IpNet> = self.ranges.iter().map(|range| range.subnet).collect();
        subnets.into_iter().collect()
    }

    /// What the policy leaves of a run of addresses: the parts of it that may be handed out, in ascending order. Empty
    /// if it lies outside of everything.
    #[must_use]
    pub fn clip(&self, first: IpAddr, last: IpAddr) -> Vec<(IpAddr, IpAddr)> {
        let mut parts = Vec::new();
        for range in &self.ranges {
            parts.extend(clip::clip(range, first, last));
        }
        let named = self
            .named
            .iter()
            .filter(|address| Family::of(**address) == Family::of(first));
        let named = named.filter(|address| first <= **address && **address <= last);
        parts.extend(named.map(|address| (*address, *address)));
        parts.sort_unstable();
        parts
    }

    fn range_of(&self, address: IpAddr) -> Option<&AddressRange> {
        self.ranges.iter().find(|range| range.holds(address))
    }

    /// Everything that is wrong with what an IPAM plugin answered; `held` is what it has reserved for the attachment.
    #[must_use]
    pub fn problems(&self, addressing: &Addressing, held: &[IpAddr]) -> Vec<Problem> {
        let mut problems = Vec::new();
        if addressing.addresses.is_empty() {
            problems.push(Problem::NoAddress);
        }
        if addressing.addresses.len() > MOST_ADDRESSES {
            problems.push(Problem::TooManyAddresses {
                count: addressing.addresses.len(),
            });
            return problems;
        }
        if addressing.routes.len() > MOST_ROUTES {
            problems.push(Problem::TooManyRoutes {
                count: addressing.routes.len(),
            });
        }
        let mut seen = BTreeSet::new();
        for entry in &addressing.addresses {
            let address = entry.address.addr();
            if !seen.insert(address) {
                problems.push(Problem::Repeated { address });
            }
            if let Some(problem) = self.problem_of(entry.address) {
                problems.push(problem);
            } else if !held.contains(&address) {
                problems.push(Problem::NotReserved { address });
            }
            if let Some(gateway) = entry.gateway
                && Family::of(gateway) != Family::of(address)
            {
                problems.push(Problem::GatewayFamily { address, gateway });
            }
        }
        for route in &addressing.routes {
            let family = Family::of(route.destination.addr());
            if let Some(gateway) = route.gateway
                && Family::of(gateway) != family
            {
                problems.push(Problem::RouteFamily {
                    destination: route.destination,
                    gateway,
                });
            }
        }
        problems.extend(self.order_problem(addressing));
        problems
    }

    fn problem_of(&self, entry: IpNet) -> Option<Problem> {
        let address = entry.addr();
        if self
            .ranges
            .iter()
            .any(|range| range.gateway == Some(address))
        {
            return Some(Problem::Gateway { address });
        }
        if let Some(range) = self.range_of(address) {
            let wanted = range.subnet.prefix_len();
            return (entry.prefix_len() != wanted).then_some(Problem::PrefixLength {
                address,
                answered: entry.prefix_len(),
                wanted,
            });
        }
        (!self.named.contains(&address)).then_some(Problem::OutOfRange { address })
    }

    fn order_problem(&self, addressing: &Addressing) -> Option<Problem> {
        let primary = self.primary_family()?;
        let mut families = addressing
            .addresses
            .iter()
            .map(|entry| Family::of(entry.address.addr()));
        let first = families.next()?;
        (first != primary && families.any(|family| family == primary))
            .then_some(Problem::PrimaryFamily { first, primary })
    }
}

/// Is it the network's own address or, in IPv4, its broadcast address? Subnets of one or two addresses have neither
/// (RFC 3021).
fn is_reserved(subnet: IpNet, address: IpAddr) -> bool {
    match (subnet, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => {
            net.prefix_len() < 31 && (address == net.network() || address == net.broadcast())
        }
        // The subnet-router anycast address (RFC 4291, 2.6.1).
        (IpNet::V6(net), IpAddr::V6(address)) => net.prefix_len() < 127 && address == net.network(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
