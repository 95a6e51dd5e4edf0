//! CNI 0.1.0 and 0.2.0: one address of each family.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ResultError;
use crate::lenient::{objects, optional_address, optional_object};
use crate::result::{CniResult, Dns, IpConfig, Route};
use crate::version::SpecVersion;

#[derive(Deserialize, Serialize)]
struct Document {
    #[serde(rename = "cniVersion", skip_deserializing)]
    cni_version: &'static str,
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    ip4: Option<Family>,
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    ip6: Option<Family>,
    #[serde(default, deserialize_with = "optional_object")]
    dns: Option<Dns>,
}

#[derive(Deserialize, Serialize)]
struct Family {
    ip: IpNet,
    #[serde(
        default,
        deserialize_with = "optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    gateway: Option<IpAddr>,
    #[serde(
        default,
        deserialize_with = "objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    routes: Vec<Hop>,
}

#[derive(Deserialize, Serialize)]
struct Hop {
    dst: IpNet,
    #[serde(
        default,
        deserialize_with = "optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    gw: Option<IpAddr>,
}

pub(super) fn read(value: &Value, version: SpecVersion) -> Result<CniResult, ResultError> {
    let document = Document::deserialize(value)
        .map_err(|source| ResultError::shape(version, value, source))?;
    let mut result = CniResult {
        dns: document.dns.unwrap_or_default(),
        ..CniResult::default()
    };
    for (family, is_ipv4, name) in [(document.ip4, true, "4"), (document.ip6, false, "6")] {
        let Some(family) = family else { continue };
        if family.ip.addr().is_ipv4() != is_ipv4 {
            return Err(ResultError::Family {
                address: family.ip,
                family: name.to_owned(),
            });
        }
        let ip = IpConfig {
            interface: None,
            address: family.ip,
            gateway: family.gateway,
        };
        result.ips.push(ip);
        result.routes.extend(
            family
                .routes
                .into_iter()
                .map(|hop| Route::new(hop.dst, hop.gw)),
        );
    }
    Ok(result)
}

pub(super) fn write(result: &CniResult, version: SpecVersion) -> Result<Value, ResultError> {
    let document = Document {
        cni_version: version.as_str(),
        ip4: family(result, true),
        ip6: family(result, false),
        dns: Some(result.dns.clone()),
    };
    if document.ip4.is_none() && document.ip6.is_none() {
        return Err(ResultError::NoAddress { version });
    }
    serde_json::to_value(document)
        .map_err(|source| ResultError::shape(version, &Value::Null, source))
}

/// The first address of a family and the routes of that family. Routes of a family without an
/// address have no place in this form.
fn family(result: &CniResult, ipv4: bool) -> Option<Family> {
    let first = result
        .ips
        .iter()
        .find(|ip| ip.address.addr().is_ipv4() == ipv4)?;
    let routes = result
        .routes
        .iter()
        .filter(|route| route.dst.addr().is_ipv4() == ipv4 && route.is_of_main_table())
        .map(|route| Hop {
            dst: route.dst,
            gw: route.gw,
        })
        .collect();
    Some(Family {
        ip: first.address,
        gateway: first.gateway,
        routes,
    })
}
