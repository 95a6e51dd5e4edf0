//! CNI 0.3.0 to 1.1.0: lists of interfaces, addresses and routes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ResultError;
use crate::lenient::{objects, optional_address, optional_object};
use crate::result::{CniResult, Dns, Interface, IpConfig, Route};
use crate::version::SpecVersion;

#[derive(Deserialize, Serialize)]
struct Document {
    #[serde(rename = "cniVersion", skip_deserializing)]
    cni_version: &'static str,
    #[serde(
        default,
        deserialize_with = "objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    interfaces: Vec<Interface>,
    #[serde(
        default,
        deserialize_with = "objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    ips: Vec<Ip>,
    #[serde(
        default,
        deserialize_with = "objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    routes: Vec<Route>,
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    dns: Option<Dns>,
}

#[derive(Deserialize, Serialize)]
struct Ip {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interface: Option<i64>,
    address: IpNet,
    #[serde(
        default,
        deserialize_with = "optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    gateway: Option<IpAddr>,
}

pub(super) fn read(value: &Value, version: SpecVersion) -> Result<CniResult, ResultError> {
    let mut document = Document::deserialize(value)
        .map_err(|source| ResultError::shape(version, value, source))?;
    if version < SpecVersion::V1_1_0 {
        strip(&mut document);
    }
    let interfaces = document.interfaces;
    let ips = document
        .ips
        .into_iter()
        .map(|ip| read_ip(ip, interfaces.len()))
        .collect::<Result<_, _>>()?;
    let dns = document.dns.unwrap_or_default();
    Ok(CniResult {
        interfaces,
        ips,
        routes: document.routes,
        dns,
    })
}

fn read_ip(ip: Ip, interfaces: usize) -> Result<IpConfig, ResultError> {
    let family = if ip.address.addr().is_ipv4() {
        "4"
    } else {
        "6"
    };
    if let Some(said) = ip.version.filter(|said| !said.is_empty() && said != family) {
        return Err(ResultError::Family {
            address: ip.address,
            family: said,
        });
    }
    // An IPAM plugin gives no interfaces. Some set an index all the same, which means nothing.
    let interface = ip.interface.filter(|_| interfaces > 0).map(|index| {
        let out_of_range = || ResultError::InterfaceIndex {
            address: ip.address,
            index,
            interfaces,
        };
        usize::try_from(index)
            .ok()
            .filter(|index| *index < interfaces)
            .ok_or_else(out_of_range)
    });
    let interface = interface.transpose()?;
    Ok(IpConfig {
        interface,
        address: ip.address,
        gateway: ip.gateway,
    })
}

pub(super) fn write(result: &CniResult, version: SpecVersion) -> Result<Value, ResultError> {
    let mut document = Document {
        cni_version: version.as_str(),
        interfaces: result.interfaces.clone(),
        ips: result.ips.iter().map(|ip| write_ip(ip, version)).collect(),
        routes: result.routes.clone(),
        // Before 1.0.0 an empty object is written where nothing is set.
        dns: (version < SpecVersion::V1_0_0 || !result.dns.is_empty()).then(|| result.dns.clone()),
    };
    if version < SpecVersion::V1_1_0 {
        strip(&mut document);
    }
    serde_json::to_value(document)
        .map_err(|source| ResultError::shape(version, &Value::Null, source))
}

fn write_ip(ip: &IpConfig, version: SpecVersion) -> Ip {
    let family = if ip.address.addr().is_ipv4() {
        "4"
    } else {
        "6"
    };
    Ip {
        version: (version < SpecVersion::V1_0_0).then(|| family.to_owned()),
        interface: ip.interface.and_then(|index| i64::try_from(index).ok()),
        address: ip.address,
        gateway: ip.gateway,
    }
}

/// Takes out what only 1.1.0 can tell.
fn strip(document: &mut Document) {
    document.routes.retain(Route::is_of_main_table);
    for interface in &mut document.interfaces {
        interface.mtu = None;
        interface.socket_path = None;
        interface.pci_id = None;
    }
    for route in &mut document.routes {
        *route = Route::new(route.dst, route.gw);
    }
}
