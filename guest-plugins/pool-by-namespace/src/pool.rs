use std::collections::BTreeMap;

use host_local::HostLocal;
use wasm_cni_guest::{AddressRange, Failure};

use crate::part::PartObject;

/// The most pools of a network.
const MOST_POOLS: usize = 256;
/// The most parts of all pools together: bounds the work of checking them.
const MOST_PARTS: usize = 1024;

/// A part of the network's ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    /// The network's plugin, narrowed to the pool.
    pub(crate) addresses: HostLocal,
    /// Only the namespaces that have it by configuration may use it.
    pub(crate) exclusive: bool,
}

/// Check the pools against the network's ranges and each other.
pub(crate) fn parse(
    objects: &BTreeMap<String, Vec<PartObject>>,
    network: &HostLocal,
) -> Result<BTreeMap<String, Pool>, Failure> {
    check_bounds(objects)?;
    let mut taken: Vec<(AddressRange, &str)> = Vec::new();
    let mut pools = BTreeMap::new();
    for (name, parts) in objects {
        let mut runs = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let run = part.addresses().map_err(|why| {
                Failure::InvalidConfig(format!("ipam.pools.{name}[{index}]{why}"))
            })?;
            runs.push(run);
        }
        taken.extend(runs.iter().map(|run| (*run, name.as_str())));
        let addresses = network
            .narrowed_to(&runs)
            .map_err(|failure| failure.context(format_args!("ipam.pools.{name}")))?;
        let pool = Pool {
            addresses,
            exclusive: false,
        };
        pools.insert(name.clone(), pool);
    }
    check_overlaps(taken)?;
    Ok(pools)
}

fn check_bounds(objects: &BTreeMap<String, Vec<PartObject>>) -> Result<(), Failure> {
    let parts = objects.values().map(Vec::len).sum::<usize>();
    for (what, count, most) in [
        ("pools", objects.len(), MOST_POOLS),
        ("parts", parts, MOST_PARTS),
    ] {
        if count > most {
            return Err(Failure::InvalidConfig(format!(
                "ipam.pools: {count} {what}; at most {most} are possible"
            )));
        }
    }
    if objects.is_empty() {
        return Err(Failure::InvalidConfig(
            "ipam.pools: no pool is given; without pools the plugin host-local does the same"
                .to_owned(),
        ));
    }
    Ok(())
}

/// An address in two pools would belong to whoever comes first.
fn check_overlaps(mut taken: Vec<(AddressRange, &str)>) -> Result<(), Failure> {
    taken.sort_unstable();
    let overlap = taken.windows(2).find_map(|pair| match pair {
        [(lower, one), (upper, other)] if lower.overlaps(upper) => Some((lower, one, upper, other)),
        _ => None,
    });
    match overlap {
        None => Ok(()),
        Some((lower, one, upper, other)) => Err(Failure::InvalidConfig(format!(
            "ipam.pools: {lower} of {one} overlaps with {upper} of {other}; an address is in one pool"
        ))),
    }
}
