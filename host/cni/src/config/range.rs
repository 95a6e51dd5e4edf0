//! Address ranges, in the form and with the rules of the reference plugin host-local.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::error::ConfigError;
use super::section::Section;
use crate::lenient::{Object, optional_address};

/// A range as written: `subnet`, `rangeStart`, `rangeEnd`, `gateway`; with capital letters in front, as runtimes that use
/// the library go-cni write them, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RangeConfig {
    /// The subnet, without host bits.
    #[serde(alias = "Subnet")]
    pub subnet: IpNet,
    /// The first address that may be given out.
    #[serde(default, alias = "RangeStart", deserialize_with = "optional_address")]
    pub range_start: Option<IpAddr>,
    /// The last address that may be given out.
    #[serde(default, alias = "RangeEnd", deserialize_with = "optional_address")]
    pub range_end: Option<IpAddr>,
    /// The gateway, which is never given out.
    #[serde(default, alias = "Gateway", deserialize_with = "optional_address")]
    pub gateway: Option<IpAddr>,
}

/// A range with its defaults filled in and its rules checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The subnet, which gives the prefix length of every address.
    pub subnet: IpNet,
    /// The first address that may be given out; by default the subnet's second.
    pub start: IpAddr,
    /// The last address that may be given out; by default the subnet's last, which for IPv4 is the
    /// one before the broadcast address.
    pub end: IpAddr,
    /// The gateway; by default the subnet's second address. Never given out.
    pub gateway: IpAddr,
}

/// The ranges of one family of which an attachment gets one address.
pub type RangeSet = Vec<Range>;

/// A range that can't be used.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RangeError {
    /// The subnet has host bits set.
    #[error("subnet {subnet} has host bits set; write {network}")]
    HostBits {
        /// The subnet as written.
        subnet: IpNet,
        /// The subnet as it should be.
        network: IpNet,
    },
    /// The subnet is longer than /30 or /126.
    #[error("subnet {subnet} is too small to give out addresses; use /30 or /126 at the longest")]
    TooSmall {
        /// The subnet.
        subnet: IpNet,
    },
    /// An address that is not in the subnet.
    #[error("{key} {address} is not in subnet {subnet}")]
    Outside {
        /// Which address.
        key: &'static str,
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// The range ends at the address that reaches all of the subnet.
    #[error("rangeEnd {address} is the broadcast address of {subnet}; end one address earlier")]
    Broadcast {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// The gateway is of the other family.
    #[error("gateway {gateway} and subnet {subnet} are of different families")]
    GatewayFamily {
        /// The gateway.
        gateway: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// The start is behind the end.
    #[error("rangeStart {start} is behind rangeEnd {end}")]
    Reversed {
        /// The start.
        start: IpAddr,
        /// The end.
        end: IpAddr,
    },
    /// A set without a range.
    #[error("a set of ranges is empty; write at least one {{\"subnet\": …}} in it")]
    EmptySet,
    /// A set with both families.
    #[error("a set of ranges mixes IPv4 and IPv6; give each family its own set")]
    MixedFamilies,
    /// Two ranges with a common address.
    #[error("ranges {first} and {second} overlap")]
    Overlap {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
}

impl RangeConfig {
    /// Fills in the defaults and checks the rules.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn resolve(&self) -> Result<Range, RangeError> {
        let subnet = self.subnet;
        if subnet.trunc() != subnet {
            return Err(RangeError::HostBits {
                subnet,
                network: subnet.trunc(),
            });
        }
        if subnet.prefix_len() + 2 > subnet.max_prefix_len() {
            return Err(RangeError::TooSmall { subnet });
        }
        let gateway = self.gateway.unwrap_or_else(|| second_address(subnet));
        if gateway.is_ipv4() != subnet.addr().is_ipv4() {
            return Err(RangeError::GatewayFamily { gateway, subnet });
        }
        let start = self.range_start.unwrap_or_else(|| second_address(subnet));
        let end = self.range_end.unwrap_or_else(|| last_address(subnet));
        for (key, address) in [("rangeStart", start), ("rangeEnd", end)] {
            if !subnet.contains(&address) {
                return Err(RangeError::Outside {
                    key,
                    address,
                    subnet,
                });
            }
        }
        if end.is_ipv4() && end == subnet.broadcast() {
            return Err(RangeError::Broadcast {
                address: end,
                subnet,
            });
        }
        if start > end {
            return Err(RangeError::Reversed { start, end });
        }
        Ok(Range {
            subnet,
            start,
            end,
            gateway,
        })
    }
}

impl Range {
    /// Whether an address may be given out of this range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.start <= address && address <= self.end && address != self.gateway
    }

    fn is_ipv4(&self) -> bool {
        self.subnet.addr().is_ipv4()
    }

    fn describe(&self) -> String {
        format!("{}-{}", self.start, self.end)
    }
}

/// Resolves all sets and checks that no address is in two ranges.
///
/// # Errors
/// The first rule that is broken.
pub fn resolve_sets(sets: &[Vec<RangeConfig>]) -> Result<Vec<RangeSet>, RangeError> {
    let resolved: Vec<RangeSet> = sets
        .iter()
        .map(|set| resolve_set(set))
        .collect::<Result<_, _>>()?;
    let mut all: Vec<&Range> = resolved.iter().flatten().collect();
    all.sort_by_key(|range| range.start);
    for pair in all.windows(2) {
        if let [first, second] = pair
            && first.is_ipv4() == second.is_ipv4()
            && second.start <= first.end
        {
            let (first, second) = (first.describe(), second.describe());
            return Err(RangeError::Overlap { first, second });
        }
    }
    Ok(resolved)
}

/// The sets of ranges under a key, as written.
pub(super) fn read_sets(
    section: &Section<'_>,
    key: &str,
) -> Result<Vec<Vec<RangeConfig>>, ConfigError> {
    let sets = section
        .read::<Vec<Vec<Object<RangeConfig>>>>(key)?
        .unwrap_or_default();
    Ok(sets
        .into_iter()
        .map(|set| set.into_iter().map(|Object(range)| range).collect())
        .collect())
}

fn resolve_set(set: &[RangeConfig]) -> Result<RangeSet, RangeError> {
    let ranges: RangeSet = set
        .iter()
        .map(RangeConfig::resolve)
        .collect::<Result<_, _>>()?;
    let first = ranges.first().ok_or(RangeError::EmptySet)?;
    if ranges
        .iter()
        .any(|range| range.is_ipv4() != first.is_ipv4())
    {
        return Err(RangeError::MixedFamilies);
    }
    Ok(ranges)
}

/// The address after the subnet's own.
fn second_address(subnet: IpNet) -> IpAddr {
    match subnet.network() {
        IpAddr::V4(network) => IpAddr::V4((u32::from(network) | 1).into()),
        IpAddr::V6(network) => IpAddr::V6((u128::from(network) | 1).into()),
    }
}

/// The last address that a host can have.
fn last_address(subnet: IpNet) -> IpAddr {
    match subnet.broadcast() {
        IpAddr::V4(broadcast) => IpAddr::V4((u32::from(broadcast) & !1).into()),
        IpAddr::V6(last) => IpAddr::V6(last),
    }
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
