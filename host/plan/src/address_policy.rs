use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Addressing, Family};

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

/// What is wrong with an IPAM plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is none.
    #[error("the answer has no address")]
    NoAddress,
    /// There are more than an interface may have.
    #[error("the answer has {count} addresses; {MOST_ADDRESSES} are the most for one interface")]
    TooManyAddresses {
        /// How many.
        count: usize,
    },
    /// There are more than an interface may have.
    #[error("the answer has {count} routes; {MOST_ROUTES} are the most for one interface")]
    TooManyRoutes {
        /// How many.
        count: usize,
    },
    /// The address stands there twice.
    #[error("address {address} stands in the answer more than once")]
    Repeated {
        /// The address.
        address: IpAddr,
    },
    /// The address is outside what the operator configured.
    #[error("address {address} lies outside the network's ranges")]
    OutOfRange {
        /// The address.
        address: IpAddr,
    },
    /// The address is the gateway's.
    #[error("address {address} is the network's gateway")]
    Gateway {
        /// The address.
        address: IpAddr,
    },
    /// The prefix is not that of the subnet.
    #[error("address {address} has prefix length {answered}, its subnet has {wanted}")]
    PrefixLength {
        /// The address.
        address: IpAddr,
        /// What the plugin said.
        answered: u8,
        /// What the subnet says.
        wanted: u8,
    },
    /// The attachment does not hold it.
    #[error("address {address} is not reserved for this attachment")]
    NotReserved {
        /// The address.
        address: IpAddr,
    },
    /// The gateway is of another family than the address.
    #[error("address {address} has gateway {gateway}, which is of the other family")]
    GatewayFamily {
        /// The address.
        address: IpAddr,
        /// The gateway.
        gateway: IpAddr,
    },
    /// The gateway is of another family than the destination.
    #[error("the route to {destination} has gateway {gateway}, which is of the other family")]
    RouteFamily {
        /// The destination.
        destination: IpNet,
        /// The gateway.
        gateway: IpAddr,
    },
    /// The families stand in the wrong order.
    #[error("an {first} address comes first, but the network's primary family is {primary}")]
    PrimaryFamily {
        /// The family of the first address.
        first: Family,
        /// The network's primary family.
        primary: Family,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InterfaceAddress;

    fn policy() -> AddressPolicy {
        let range = |first: &str, last: &str, subnet: &str, gateway: &str| AddressRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            subnet: subnet.parse().unwrap(),
            gateway: Some(gateway.parse().unwrap()),
        };
        AddressPolicy {
            ranges: vec![
                range("10.1.0.0", "10.1.0.255", "10.1.0.0/24", "10.1.0.1"),
                range("fd00::", "fd00::ffff", "fd00::/64", "fd00::1"),
            ],
            named: vec![],
        }
    }

    fn answer(addresses: &[&str]) -> Addressing {
        let addresses = addresses
            .iter()
            .map(|text| InterfaceAddress {
                address: text.parse().unwrap(),
                gateway: None,
            })
            .collect();
        Addressing {
            addresses,
            ..Addressing::default()
        }
    }

    fn problems(addresses: &[&str]) -> Vec<Problem> {
        let answer = answer(addresses);
        let held: Vec<_> = answer
            .addresses
            .iter()
            .map(|entry| entry.address.addr())
            .collect();
        policy().problems(&answer, &held)
    }

    #[test]
    fn a_good_answer_has_no_problem() {
        assert_eq!(problems(&["10.1.0.2/24", "fd00::2/64"]), []);
    }

    #[test]
    fn every_kind_of_bad_address_is_named() {
        assert_eq!(problems(&[]), [Problem::NoAddress]);
        for (text, wanted) in [
            ("10.2.0.2/24", "outside"),
            ("10.1.0.0/24", "outside"),
            ("10.1.0.255/24", "outside"),
            ("10.1.0.1/24", "gateway"),
            ("10.1.0.2/16", "prefix length"),
        ] {
            let found = problems(&[text]);
            assert!(
                found.len() == 1 && found[0].to_string().contains(wanted),
                "{text}: {found:?}"
            );
        }
        assert!(matches!(
            problems(&["10.1.0.2/24", "10.1.0.2/24"])[..],
            [Problem::Repeated { .. }]
        ));
        assert!(matches!(
            problems(&["fd00::2/64", "10.1.0.2/24"])[..],
            [Problem::PrimaryFamily { .. }]
        ));
    }

    #[test]
    fn an_address_that_was_not_reserved_is_refused() {
        let answer = answer(&["10.1.0.2/24"]);
        assert!(matches!(
            policy().problems(&answer, &[])[..],
            [Problem::NotReserved { .. }]
        ));
    }

    #[test]
    fn ten_thousand_addresses_are_one_problem() {
        let many: Vec<String> = (0..10_000)
            .map(|n| format!("10.1.{}.{}/24", n / 250, n % 250))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(
            problems(&many)[..],
            [Problem::TooManyAddresses { count: 10_000 }]
        ));
    }
}
