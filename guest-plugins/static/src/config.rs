use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use wasm_cni_guest::{Dns, Failure, InterfaceAddress, Route, config};

/// The most addresses and routes that an answer may carry.
const MOST_ADDRESSES: usize = 64;
const MOST_ROUTES: usize = 256;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Static {
    pub(crate) addresses: Vec<InterfaceAddress>,
    pub(crate) routes: Vec<Route>,
    pub(crate) dns: Dns,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IpamObject {
    #[serde(default)]
    addresses: Vec<AddressObject>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    dns: Dns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressObject {
    address: IpNet,
    #[serde(default, deserialize_with = "config::optional_address")]
    gateway: Option<IpAddr>,
}

impl Static {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: IpamObject = config::parse(text)?;
        for (key, count, most) in [
            ("addresses", object.addresses.len(), MOST_ADDRESSES),
            ("routes", object.routes.len(), MOST_ROUTES),
        ] {
            if count > most {
                return Err(Failure::InvalidConfig(format!(
                    "ipam.{key} has {count} entries; at most {most} are possible"
                )));
            }
        }
        Ok(Self {
            addresses: checked(object.addresses).map_err(Failure::InvalidConfig)?,
            routes: object.routes,
            dns: object.dns,
        })
    }
}

fn checked(objects: Vec<AddressObject>) -> Result<Vec<InterfaceAddress>, String> {
    let mut addresses: Vec<InterfaceAddress> = Vec::with_capacity(objects.len());
    for (index, AddressObject { address, gateway }) in objects.into_iter().enumerate() {
        if addresses
            .iter()
            .any(|other| other.address.addr() == address.addr())
        {
            return Err(format!(
                "ipam.addresses[{index}].address = \"{address}\": is listed twice"
            ));
        }
        if let Some((gateway, why)) =
            gateway.and_then(|gateway| Some((gateway, objection(address, gateway)?)))
        {
            return Err(format!(
                "ipam.addresses[{index}].gateway = \"{gateway}\": {why}"
            ));
        }
        addresses.push(InterfaceAddress { address, gateway });
    }
    Ok(addresses)
}

/// Why this can't be the gateway of an address, if it can't.
pub(crate) fn objection(address: IpNet, gateway: IpAddr) -> Option<&'static str> {
    if gateway == address.addr() {
        Some("is the interface's own address")
    } else if gateway.is_ipv4() != address.addr().is_ipv4() {
        Some("is not of the address's family")
    } else {
        None
    }
}
