use std::fmt;
use std::net::IpAddr;

use wasm_cni_guest::AddressRange;

use crate::range::{self, Range, RangeObject};

/// One address from each set, and an answer carries at most 64.
const MOST_SETS: usize = 64;
/// In all sets together: bounds the work of checking them.
const MOST_RANGES: usize = 256;
/// In all lists together, for the same reason.
const MOST_EXCLUSIONS: usize = 1024;
/// The most runs of addresses that the host's leases search in one call.
const MOST_RUNS: usize = 1024;
/// How many runs of addresses a message names.
const SHOWN_RUNS: usize = 16;

/// Ranges of one family, from which an interface gets one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: Vec<Range>,
    /// What may be handed out, in the order of the ranges.
    available: Vec<AddressRange>,
    /// Is only a part of the ranges handed out?
    narrowed: bool,
}

/// Check the sets, each with its place in the configuration. The error names place, key and value.
pub(crate) fn parse(
    sets: &[(String, Vec<RangeObject>)],
    exclude: &[String],
) -> Result<Vec<RangeSet>, String> {
    check_bounds(sets, exclude)?;
    let mut parsed = Vec::with_capacity(sets.len());
    for (place, objects) in sets {
        parsed.push((place.as_str(), parse_ranges(place, objects)?));
    }
    check_overlaps(&parsed)?;
    let mut holes = range::parse_exclude(exclude).map_err(|why| format!("ipam.{why}"))?;
    let all = parsed.iter().flat_map(|(_, ranges)| ranges);
    holes.extend(all.map(|range| AddressRange::single(range.gateway)));
    let holes = disjoint(holes);
    parsed
        .into_iter()
        .map(|(place, ranges)| RangeSet::new(place, ranges, &holes))
        .collect()
}

fn check_bounds(sets: &[(String, Vec<RangeObject>)], exclude: &[String]) -> Result<(), String> {
    if sets.is_empty() {
        return Err("ipam.ranges: no range is given; name at least one subnet".to_owned());
    }
    let ranges = || sets.iter().flat_map(|(_, ranges)| ranges);
    let exclusions = exclude.len() + ranges().map(|range| range.exclude.len()).sum::<usize>();
    for (what, count, most) in [
        ("range sets", sets.len(), MOST_SETS),
        ("ranges", ranges().count(), MOST_RANGES),
        ("exclusions", exclusions, MOST_EXCLUSIONS),
    ] {
        if count > most {
            return Err(format!(
                "ipam.ranges: {count} {what}; at most {most} are possible"
            ));
        }
    }
    Ok(())
}

fn parse_ranges(place: &str, objects: &[RangeObject]) -> Result<Vec<Range>, String> {
    // The old form has its keys right in `ipam`.
    let at = |index: usize| match place {
        "ipam" => place.to_owned(),
        set => format!("{set}[{index}]"),
    };
    let mut ranges: Vec<Range> = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        let range = Range::new(object).map_err(|why| format!("{}.{why}", at(index)))?;
        if let Some(first) = ranges.first()
            && first.bounds.is_ipv4() != range.bounds.is_ipv4()
        {
            return Err(format!(
                "{}.subnet = \"{}\": is not of the family of {}; put it into a range set of its own",
                at(index),
                range.subnet,
                first.subnet
            ));
        }
        ranges.push(range);
    }
    if ranges.is_empty() {
        return Err(format!("{place}: is an empty range set; name a subnet"));
    }
    Ok(ranges)
}

/// The same addresses in ascending runs that do not overlap, so that those of a range are found by bisection.
fn disjoint(mut runs: Vec<AddressRange>) -> Vec<AddressRange> {
    runs.sort_unstable();
    let mut disjoint: Vec<AddressRange> = Vec::with_capacity(runs.len());
    for run in runs {
        // The last one reaches furthest: what is left of this run lies behind it.
        match disjoint.last() {
            Some(last) if last.overlaps(&run) => disjoint.extend(run.without(&[*last])),
            Some(_) | None => disjoint.push(run),
        }
    }
    disjoint
}

/// No address may be in two ranges, of one set or of two.
fn check_overlaps(sets: &[(&str, Vec<Range>)]) -> Result<(), String> {
    let mut bounds: Vec<AddressRange> = sets
        .iter()
        .flat_map(|(_, ranges)| ranges.iter().map(|range| range.bounds))
        .collect();
    bounds.sort_unstable();
    let overlap = bounds.windows(2).find_map(|pair| match pair {
        [lower, upper] if lower.overlaps(upper) => Some((*lower, *upper)),
        _ => None,
    });
    let Some((lower, upper)) = overlap else {
        return Ok(());
    };
    let has = |set: &[Range], bounds| set.iter().any(|range| range.bounds == bounds);
    // The two may be the same run: then one is the first, the other the last that has it.
    let place = sets.iter().find(|(_, set)| has(set, lower));
    let other = sets.iter().rfind(|(_, set)| has(set, upper));
    Err(format!(
        "{}: range {lower} overlaps with {upper} of {}",
        place.map_or("ipam", |(place, _)| place),
        other.map_or("ipam", |(place, _)| place)
    ))
}

impl RangeSet {
    /// The holes are those of all sets, ascending and disjoint.
    fn new(place: &str, ranges: Vec<Range>, holes: &[AddressRange]) -> Result<Self, String> {
        let mut available = Vec::new();
        for range in &ranges {
            let Some(hosts) = range.hosts() else {
                continue;
            };
            let start = holes.partition_point(|hole| hole.last() < hosts.first());
            let inside: Vec<AddressRange> = holes
                .iter()
                .skip(start)
                .take_while(|hole| hole.first() <= hosts.last())
                .chain(&range.excluded)
                .copied()
                .collect();
            available.extend(hosts.without(&inside));
        }
        if available.is_empty() {
            return Err(format!(
                "{place}: gateways and exclusions leave no address to hand out; widen the range"
            ));
        }
        if available.len() > MOST_RUNS {
            return Err(format!(
                "{place}: exclusions cut the ranges into {} runs; at most {MOST_RUNS} are possible, so exclude networks \
                 rather than single addresses",
                available.len()
            ));
        }
        Ok(Self {
            ranges,
            available,
            narrowed: false,
        })
    }

    /// The same set, which hands out only what lies in these parts. The error is the text behind the name of the set.
    pub(crate) fn narrowed_to(&self, parts: &[AddressRange]) -> Result<Self, String> {
        let within = |run: &AddressRange| -> Vec<AddressRange> {
            parts
                .iter()
                .filter_map(|part| part.intersection(run))
                .collect()
        };
        let available: Vec<AddressRange> = self.available.iter().flat_map(within).collect();
        if available.is_empty() {
            return Err("leaves no address to hand out".to_owned());
        }
        if available.len() > MOST_RUNS {
            return Err(format!(
                "leaves {} runs of addresses; at most {MOST_RUNS} are possible",
                available.len()
            ));
        }
        Ok(Self {
            ranges: self.ranges.clone(),
            available,
            narrowed: true,
        })
    }

    /// Does a range of the set hold all of this run?
    pub(crate) fn holds(&self, run: &AddressRange) -> bool {
        self.ranges.iter().any(|range| {
            let reach = range.reach();
            reach.contains(run.first()) && reach.contains(run.last())
        })
    }

    /// May this address be handed out?
    pub(crate) fn offers(&self, address: IpAddr) -> bool {
        self.available.iter().any(|run| run.contains(address))
    }

    /// The range that an address belongs to, whether or not it may be handed out.
    pub(crate) fn range_of(&self, address: IpAddr) -> Option<&Range> {
        self.ranges
            .iter()
            .find(|range| range.bounds.contains(address))
    }

    /// What may be handed out, in the order in which it is.
    pub(crate) fn available(&self) -> &[AddressRange] {
        &self.available
    }

    /// Why an address of this set may not be handed out, if it may not.
    pub(crate) fn objection(&self, address: IpAddr) -> Option<String> {
        if self.offers(address) {
            return None;
        }
        let range = self.range_of(address)?;
        let subnet = range.subnet;
        Some(if address == range.gateway {
            format!("it is the gateway of {subnet}")
        } else if address == subnet.network() {
            format!("it is the network address of {subnet}")
        } else if address.is_ipv4() && address == subnet.broadcast() {
            format!("it is the broadcast address of {subnet}")
        } else if self.narrowed {
            format!("of this range set only {self} is offered here")
        } else {
            "it is excluded, or the gateway of another range".to_owned()
        })
    }
}

/// The bounds of the ranges, as operators know them; of a narrowed set what is left.
impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds: Vec<AddressRange> = self.ranges.iter().map(|range| range.bounds).collect();
        let shown = if self.narrowed {
            &self.available
        } else {
            &bounds
        };
        for (index, run) in shown.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if index == SHOWN_RUNS {
                return f.write_str("…");
            }
            run.fmt(f)?;
        }
        Ok(())
    }
}
