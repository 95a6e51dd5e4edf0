use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use wasm_cni_guest::{AddressRange, config};

/// A range as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RangeObject {
    pub(crate) subnet: IpNet,
    #[serde(default, deserialize_with = "config::optional_address")]
    pub(crate) range_start: Option<IpAddr>,
    #[serde(default, deserialize_with = "config::optional_address")]
    pub(crate) range_end: Option<IpAddr>,
    #[serde(default, deserialize_with = "config::optional_address")]
    pub(crate) gateway: Option<IpAddr>,
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
}

/// A range, checked, with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) subnet: IpNet,
    pub(crate) gateway: IpAddr,
    /// From `rangeStart` to `rangeEnd` as written; contains a request, and overlaps are judged by it.
    pub(crate) bounds: AddressRange,
    /// What `exclude` of this range names.
    pub(crate) excluded: Vec<AddressRange>,
}

impl Range {
    /// The error is the text behind the name of the range.
    pub(crate) fn new(object: &RangeObject) -> Result<Self, String> {
        let subnet = checked_subnet(object.subnet)?;
        let hosts = AddressRange::hosts(subnet);
        let gateway = object.gateway.unwrap_or(hosts.first());
        if gateway.is_ipv4() != hosts.is_ipv4() {
            return Err(format!(
                "gateway = \"{gateway}\": is not of the family of subnet {subnet}"
            ));
        }
        let end = |key: &str, given: Option<IpAddr>, default: IpAddr| match given {
            Some(address) if !subnet.contains(&address) => {
                Err(format!("{key} = \"{address}\": is not in subnet {subnet}"))
            }
            given => Ok(given.unwrap_or(default)),
        };
        let first = end("rangeStart", object.range_start, hosts.first())?;
        let last = end("rangeEnd", object.range_end, hosts.last())?;
        let bounds = AddressRange::new(first, last)
            .map_err(|_| format!("rangeStart {first} comes after rangeEnd {last}"))?;
        let excluded = parse_exclude(&object.exclude)?;
        let whole = AddressRange::whole(subnet);
        if let Some(stray) = excluded.iter().find(|hole| !hole.overlaps(&whole)) {
            return Err(format!("exclude {stray} is not in subnet {subnet}"));
        }
        Ok(Self {
            subnet,
            gateway,
            bounds,
            excluded,
        })
    }

    /// The bounds, and the network or broadcast address where they begin or end beside it: so a network inside of the
    /// bounds is inside of these.
    pub(crate) fn reach(&self) -> AddressRange {
        let (whole, hosts) = (
            AddressRange::whole(self.subnet),
            AddressRange::hosts(self.subnet),
        );
        let end = |bound: IpAddr, host: IpAddr, outermost: IpAddr| {
            if bound == host { outermost } else { bound }
        };
        let first = end(self.bounds.first(), hosts.first(), whole.first());
        let last = end(self.bounds.last(), hosts.last(), whole.last());
        AddressRange::new(first, last).unwrap_or(self.bounds)
    }

    /// What may be handed out at all: the bounds without network and broadcast address.
    pub(crate) fn hosts(&self) -> Option<AddressRange> {
        self.bounds.intersection(&AddressRange::hosts(self.subnet))
    }
}

fn checked_subnet(subnet: IpNet) -> Result<IpNet, String> {
    let network = subnet.trunc();
    if network != subnet {
        return Err(format!(
            "subnet = \"{subnet}\": has host bits set; the network is {network}"
        ));
    }
    if subnet.max_prefix_len() - subnet.prefix_len() < 2 {
        let longest = subnet.max_prefix_len() - 2;
        return Err(format!(
            "subnet = \"{subnet}\": too small to allocate from; the longest prefix is /{longest}"
        ));
    }
    Ok(subnet)
}

/// Read a list of addresses and networks.
pub(crate) fn parse_exclude(entries: &[String]) -> Result<Vec<AddressRange>, String> {
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            parse_excluded(entry).map_err(|why| format!("exclude[{index}] = \"{entry}\": {why}"))
        })
        .collect()
}

fn parse_excluded(entry: &str) -> Result<AddressRange, String> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(AddressRange::single(address.to_canonical()));
    }
    let network: IpNet = entry
        .parse()
        .map_err(|_| "is neither an address nor a network such as 10.1.0.0/28".to_owned())?;
    if network.trunc() != network {
        return Err(format!(
            "has host bits set; the network is {}",
            network.trunc()
        ));
    }
    Ok(AddressRange::whole(network))
}
