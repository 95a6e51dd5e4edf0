//! Ports and ranges of ports.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use wasm_cni_guest::PortRange;

/// A port or a range as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) PortRange);

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortsVisitor)
    }
}

struct PortsVisitor;

impl Visitor<'_> for PortsVisitor {
    type Value = Ports;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port, 1 to 65535, or a range such as \"8000-8100\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Ports, E> {
        match u16::try_from(number) {
            Ok(port @ 1..) => Ok(Ports(PortRange {
                first: port,
                last: port,
            })),
            _ => Err(E::custom("is no port; ports are 1 to 65535")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ports, E> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first @ 1..), Ok(last)) if first <= last => Ok(Ports(PortRange { first, last })),
            (Ok(first @ 1u16..), Ok(last @ 1u16..)) => Err(E::custom(format_args!(
                "ends before it begins; {last}-{first} is meant, perhaps"
            ))),
            _ => Err(E::custom(
                "is no range of ports; a range is such as \"8000-8100\", of ports 1 to 65535",
            )),
        }
    }
}

/// The same ports in ascending ranges with at least one other port between them.
pub(crate) fn merged(ports: &[Ports]) -> Vec<PortRange> {
    let mut ranges: Vec<PortRange> = ports.iter().map(|ports| ports.0).collect();
    ranges.sort_unstable_by_key(|range| range.first);
    let mut merged: Vec<PortRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(range.last);
            }
            Some(_) | None => merged.push(range),
        }
    }
    merged
}
