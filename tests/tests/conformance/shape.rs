//! The form of results in each version of the specification.

use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::judge::items;

/// Versions in which results can be asked for, oldest first. The reference plugins of release 1.1.1 end with 1.0.0.
pub(crate) const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// Is this version the given one or newer?
pub(crate) fn at_least(version: &str, least: &str) -> bool {
    let rank = |of: &str| VERSIONS.iter().position(|known| *known == of);
    rank(version) >= rank(least)
}

/// Fails unless a result of an interface plugin's ADD has the form of this version.
pub(crate) fn judge(version: &str, result: &Value) -> Result<()> {
    let form = if at_least(version, "0.3.0") {
        with_interfaces
    } else {
        by_family
    };
    ensure!(result["cniVersion"] == version, "cniVersion: {result}");
    dns(&result["dns"])
        .and_then(|()| form(version, result))
        .with_context(|| result.to_string())
}

fn by_family(_version: &str, result: &Value) -> Result<()> {
    only(result, &["cniVersion", "ip4", "ip6", "dns"])?;
    for (family, is_v4) in [("ip4", true), ("ip6", false)] {
        let config = &result[family];
        if config.is_null() {
            continue;
        }
        only(config, &["ip", "gateway", "routes"])?;
        ensure!(address(&config["ip"])?.is_ipv4() == is_v4, "{family}");
        for route in items(&config["routes"]) {
            only(route, &["dst", "gw"])?;
            ensure!(address(&route["dst"])?.is_ipv4() == is_v4, "{family}");
        }
    }
    Ok(())
}

fn with_interfaces(version: &str, result: &Value) -> Result<()> {
    let has_extras = at_least(version, "1.1.0");
    only(
        result,
        &["cniVersion", "interfaces", "ips", "routes", "dns"],
    )?;
    for interface in items(&result["interfaces"]) {
        let extras: &[_] = if has_extras {
            &["mtu", "socketPath", "pciID"]
        } else {
            &[]
        };
        only(interface, &[&["name", "mac", "sandbox"], extras].concat())?;
        ensure!(interface["name"].is_string(), "an interface without a name");
    }
    let interfaces = items(&result["interfaces"]).count();
    for ip in items(&result["ips"]) {
        only(ip, &["version", "interface", "address", "gateway"])?;
        let family = if address(&ip["address"])?.is_ipv4() {
            "4"
        } else {
            "6"
        };
        if at_least(version, "1.0.0") {
            ensure!(ip["version"].is_null(), "ips[].version has gone with 1.0.0");
        } else {
            ensure!(ip["version"] == family, "ips[].version");
        }
        if let Some(index) = ip["interface"].as_u64() {
            ensure!(
                usize::try_from(index)? < interfaces,
                "ips[].interface out of range"
            );
        }
    }
    for route in items(&result["routes"]) {
        let extras: &[_] = if has_extras {
            &["mtu", "advmss", "priority", "table", "scope"]
        } else {
            &[]
        };
        only(route, &[&["dst", "gw"], extras].concat())?;
        address(&route["dst"])?;
    }
    Ok(())
}

fn dns(value: &Value) -> Result<()> {
    if value.is_null() {
        return Ok(());
    }
    only(value, &["nameservers", "domain", "search", "options"])
}

fn only(value: &Value, known: &[&str]) -> Result<()> {
    let object = value
        .as_object()
        .with_context(|| format!("no object: {value}"))?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!("{key} does not belong there: {value}"),
        None => Ok(()),
    }
}

/// The address of `10.1.0.2/24`.
fn address(value: &Value) -> Result<IpAddr> {
    let text = value
        .as_str()
        .with_context(|| format!("no address: {value}"))?;
    let (address, prefix) = text.split_once('/').with_context(|| text.to_owned())?;
    let address: IpAddr = address.parse().with_context(|| text.to_owned())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    ensure!(prefix.parse::<u8>()? <= longest, "{text}");
    Ok(address)
}
