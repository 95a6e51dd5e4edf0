//! What is in the kernel and not in the plan.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::seen::{Namespace, Seen, leaves, list};

/// Fails for a link, address, route or element that is new and that no step tells of.
pub(super) fn none(steps: &[Value], before: &Seen, after: &Seen) -> Result<()> {
    let planned = Planned::of(steps);
    for (before, after) in [(&before.host, &after.host), (&before.pod, &after.pod)] {
        links(&planned, before, after)?;
        addresses(&planned, before, after)?;
        routes(&planned, before, after)?;
    }
    elements(&planned, after)
}

#[derive(Default)]
struct Planned {
    links: BTreeSet<String>,
    addresses: BTreeSet<String>,
    routes: BTreeSet<String>,
    /// Every word of the steps that lead to elements.
    words: BTreeSet<String>,
}

impl Planned {
    fn of(steps: &[Value]) -> Self {
        let mut planned = Self::default();
        for step in steps {
            planned.add(step);
        }
        planned
    }

    fn add(&mut self, step: &Value) {
        let kind = step["step"].as_str().unwrap_or_default();
        let whole = |address: &Value| {
            let address = address.as_str().unwrap_or_default();
            format!("{address}/{}", if address.contains(':') { 128 } else { 32 })
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            "bridge" | "macvlan" | "ipvlan" | "vlan" | "dummy" | "tap" | "host-device" | "ifb" => {
                self.links.insert(text(&step["name"]));
            }
            "join-vrf" => {
                self.links.insert(text(&step["vrf"]));
            }
            "vlan-gateway" => {
                self.links
                    .extend([text(&step["name"]), text(&step["portName"])]);
            }
            "veth" => {
                let names = [&step["hostName"], &step["containerName"]];
                self.links.extend(names.map(text));
            }
            "gateway-addresses" => {
                self.addresses
                    .extend(list(&step["addresses"]).iter().map(text));
            }
            "container-addresses" => {
                let entries = list(&step["addresses"]).iter();
                self.addresses
                    .extend(entries.map(|entry| text(&entry["address"])));
            }
            "loopback" => {
                self.addresses
                    .extend(["127.0.0.1/8".into(), "::1/128".into()]);
            }
            "host-end" => {
                self.addresses
                    .extend(list(&step["addresses"]).iter().map(whole));
                self.routes.extend(list(&step["routes"]).iter().map(whole));
            }
            "container-routes" => {
                self.routes.extend(list(&step["onLink"]).iter().map(whole));
                let routes = list(&step["routes"]).iter();
                self.routes
                    .extend(routes.map(|route| text(&route["destination"])));
            }
            "amend-addresses" => {
                let entries = list(&step["add"]).iter();
                self.addresses
                    .extend(entries.map(|entry| text(&entry["address"])));
            }
            "amend-routes" => {
                let routes = list(&step["add"]).iter();
                self.routes
                    .extend(routes.map(|route| text(&route["destination"])));
            }
            "port-forward-chain" => {
                self.words.extend(leaves(step));
                // The host itself is near.
                self.words.insert("127.0.0.0/8".into());
            }
            _ => self.words.extend(leaves(step)),
        }
    }
}

fn links(planned: &Planned, before: &Namespace, after: &Namespace) -> Result<()> {
    let names = |namespace: &Namespace| -> BTreeSet<String> {
        let names = namespace
            .links
            .iter()
            .filter_map(|link| link["ifname"].as_str());
        names.map(str::to_owned).collect()
    };
    let known = names(before);
    let new = names(after);
    let surplus: Vec<_> = new
        .iter()
        .filter(|name| !known.contains(*name) && !planned.links.contains(*name))
        .collect();
    ensure!(
        surplus.is_empty(),
        "links that no step tells of: {surplus:?}"
    );
    Ok(())
}

fn addresses(planned: &Planned, before: &Namespace, after: &Namespace) -> Result<()> {
    let surplus: Vec<_> = after
        .addresses
        .iter()
        .filter(|entry| !before.addresses.contains(entry) && !planned.addresses.contains(&entry.1))
        .collect();
    ensure!(
        surplus.is_empty(),
        "addresses that no step tells of: {surplus:?}"
    );
    Ok(())
}

fn routes(planned: &Planned, before: &Namespace, after: &Namespace) -> Result<()> {
    let surplus: Vec<_> = after
        .routes
        .iter()
        .filter(|route| {
            !before.routes.contains(route) && !planned.routes.contains(&route.destination)
        })
        .collect();
    ensure!(
        surplus.is_empty(),
        "routes that no step tells of: {surplus:?}"
    );
    Ok(())
}

/// Every address and port of an element must be planned; an element without any must hold another planned word.
fn elements(planned: &Planned, after: &Seen) -> Result<()> {
    for (set, elements) in after.sets() {
        for element in elements {
            // The number of a zone is made up in a plan.
            let is_zone = set.contains("zones-");
            let words = leaves(if is_zone { &element[0] } else { element });
            if let Some(key) = way_key(element) {
                let mut addresses = planned.words.iter().filter_map(|word| last_octet(word));
                let told = addresses.any(|octet| Some(octet) == last_octet(key));
                ensure!(told, "way {element} of {set}, which no step tells of");
                continue;
            }
            let telling: Vec<_> = words.iter().filter(|word| is_telling(word)).collect();
            let told = if telling.is_empty() {
                words.iter().any(|word| planned.words.contains(word))
            } else {
                telling.iter().all(|word| planned.words.contains(*word))
            };
            ensure!(told, "element {element} of {set}, which no step tells of");
        }
    }
    Ok(())
}

/// The key of an element that leads to a chain: the last octet of the addresses whose rules are there.
fn way_key(element: &Value) -> Option<&str> {
    element[1]["goto"]
        .is_object()
        .then(|| element[0].as_str())
        .flatten()
}

fn last_octet(word: &str) -> Option<u8> {
    match word.parse().ok()? {
        IpAddr::V4(address) => address.octets().last().copied(),
        IpAddr::V6(address) => address.octets().last().copied(),
    }
}

/// Addresses and ports, but for those that mean anything: all addresses, and the ends of all ports and protocols.
fn is_telling(word: &str) -> bool {
    if ["0.0.0.0/0", "::/0", "0", "255", "65535"].contains(&word) {
        return false;
    }
    if word.parse::<u16>().is_ok() {
        return true;
    }
    let (address, _) = word.split_once('/').unwrap_or((word, ""));
    address.parse::<IpAddr>().is_ok()
}
