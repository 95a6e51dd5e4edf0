use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use crate::{Node, Pod};

/// What an attachment looks like from outside: its result and what the kernel shows of it, without what no two attachments
/// share (Ethernet addresses, names of veths, namespace paths).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View(BTreeMap<String, Value>);

impl View {
    /// The attachment of `eth0` in a pod.
    ///
    /// # Errors
    /// When node or pod can't be looked at.
    pub fn of(node: &Node, pod: &Pod<'_>, result: &Value) -> Result<Self> {
        Self::of_interface(node, pod, "eth0", result)
    }

    /// The attachment of an interface in a pod.
    ///
    /// # Errors
    /// When node or pod can't be looked at.
    pub fn of_interface(
        node: &Node,
        pod: &Pod<'_>,
        interface: &str,
        result: &Value,
    ) -> Result<Self> {
        let mut seen = BTreeMap::new();
        seen.insert("result".into(), comparable_result(result));
        let links = pod.json(&["ip", "-j", "-d", "address", "show", "dev", interface])?;
        seen.insert("interface in the pod".into(), items(&links, link));
        for family in ["-4", "-6"] {
            let routes = pod.json(&["ip", "-j", family, "route", "show", "table", "main"])?;
            seen.insert(format!("routes {family} in the pod"), items(&routes, route));
            let routes = node.json(&["ip", "-j", family, "route", "show", "table", "main"])?;
            seen.insert(
                format!("routes {family} of the host"),
                items(&routes, route),
            );
        }
        let links = node.json(&["ip", "-j", "-d", "address", "show"])?;
        seen.insert("links of the host".into(), items(&links, link));
        for name in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            let value = node.ok(&["cat", &format!("/proc/sys/{name}")])?;
            seen.insert(name.into(), value.trim_end().into());
        }
        Ok(Self(seen))
    }

    /// Is it the same?
    ///
    /// # Errors
    /// When it is not; the error shows what differs.
    pub fn assert_same(&self, expected: &Self) -> Result<()> {
        let differences: Vec<_> = self
            .0
            .iter()
            .filter(|(name, value)| expected.0.get(*name) != Some(value))
            .map(|(name, value)| {
                let other = expected.0.get(name).unwrap_or(&Value::Null);
                format!("{name}\n  here: {value}\n  there: {other}")
            })
            .collect();
        ensure!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(())
    }
}

/// A result without what no two share, and with what may be left out: gateways of routes, and empty resolver settings.
#[must_use]
pub fn comparable_result(result: &Value) -> Value {
    let mut result = anonymous(result);
    let ips = result["ips"].as_array().cloned().unwrap_or_default();
    let is_ipv6 = |value: &Value| value.as_str().is_some_and(|text| text.contains(':'));
    let gateway = |destination: &Value| {
        let mut gateways = ips.iter().map(|ip| &ip["gateway"]);
        let family = is_ipv6(destination);
        gateways.find(|gateway| gateway.is_string() && is_ipv6(gateway) == family)
    };
    for route in result["routes"].as_array_mut().into_iter().flatten() {
        if route["gw"].is_null() {
            route["gw"] = gateway(&route["dst"]).cloned().unwrap_or_default();
        }
    }
    if let Some(object) = result.as_object_mut() {
        object.retain(|key, value| key != "dns" || *value != json!({}));
        object.retain(|key, value| key != "routes" || !value.is_null());
    }
    result
}

/// Lists in an order of their own.
fn items(list: &Value, of: fn(&Value) -> Option<Value>) -> Value {
    let mut items: Vec<Value> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(of)
        .collect();
    items.sort_by_key(ToString::to_string);
    Value::Array(items)
}

fn route(route: &Value) -> Option<Value> {
    let destination = route["dst"].as_str()?;
    if destination.starts_with("fe80") || destination.starts_with("ff00") {
        return None;
    }
    Some(picked(route, &["dst", "gateway", "dev"]))
}

fn link(link: &Value) -> Option<Value> {
    if link["ifname"] == "lo" {
        return None;
    }
    let mut seen = picked(link, &["ifname", "mtu", "master", "promiscuity"]);
    seen["kind"] = link["linkinfo"]["info_kind"].clone();
    let flags = link["flags"].as_array().into_iter().flatten();
    seen["up"] = flags.clone().any(|flag| flag == "UP").into();
    seen["port"] = picked(
        &link["linkinfo"]["info_slave_data"],
        &["hairpin", "isolated"],
    );
    seen["macvlan"] = link["linkinfo"]["info_data"]["mode"].clone();
    let addresses = link["addr_info"].as_array().into_iter().flatten();
    let mut addresses: Vec<Value> = addresses
        .filter(|address| address["scope"] != "link")
        .map(|address| picked(address, &["local", "prefixlen", "scope", "broadcast"]))
        .collect();
    addresses.sort_by_key(ToString::to_string);
    seen["addresses"] = addresses.into();
    Some(seen)
}

fn picked(object: &Value, keys: &[&str]) -> Value {
    let picked = keys
        .iter()
        .filter(|key| !object[**key].is_null())
        .map(|key| ((*key).to_owned(), anonymous(&object[*key])));
    Value::Object(picked.collect::<Map<_, _>>())
}

fn anonymous(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let hidden = match key.as_str() {
                    "mac" => json!("an Ethernet address"),
                    "sandbox" if value != "" => json!("the namespace"),
                    _ => anonymous(value),
                };
                (key.clone(), hidden)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(anonymous).collect(),
        Value::String(text) if text.starts_with("veth") => json!("a veth"),
        other => other.clone(),
    }
}
