//! From a step of a plan to a look at the kernel.

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use wasm_cni_tests::{Node, Pod};

use super::seen::{Namespace, Seen, leaves, list};

/// Is the step done?
pub(super) fn require(step: &Value, node: &Node, pod: &Pod<'_>, seen: &Seen) -> Result<()> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    match text("step") {
        "bridge" => {
            let link = seen.host.link(text("name"))?;
            ensure!(link["linkinfo"]["info_kind"] == "bridge", "{link}");
            same_mtu(step, link)
        }
        "vlan-gateway" => seen
            .host
            .link(text("name"))
            .and(seen.host.link(text("portName")))
            .map(drop),
        "gateway-addresses" => {
            for address in list(&step["addresses"]) {
                has_address(&seen.host, text("link"), address)?;
            }
            Ok(())
        }
        "forwarding" => {
            let path = match text("family") {
                "ipv4" => "/proc/sys/net/ipv4/ip_forward",
                _ => "/proc/sys/net/ipv6/conf/all/forwarding",
            };
            equal(&node.ok(&["cat", path])?, "1")
        }
        "veth" => veth(step, seen),
        "macvlan" => inside(step, seen, "macvlan"),
        "ipvlan" => inside(step, seen, "ipvlan"),
        "vlan" => inside(step, seen, "vlan"),
        "dummy" => inside(step, seen, "dummy"),
        "tap" => inside(step, seen, "tun"),
        "host-device" => {
            let link = seen.pod.link(text("name"))?;
            ensure!(link["ifalias"] == step["device"]["name"], "{link}");
            let device = step["device"]["name"].as_str().unwrap_or_default();
            ensure!(seen.host.link(device).is_err(), "{device} is on the host");
            Ok(())
        }
        "loopback" => is_up(seen.pod.link("lo")?),
        "spoof-check" => element(seen, "", &[text("port")]),
        "container-addresses" => {
            is_up(seen.pod.link(text("interface"))?)?;
            for entry in list(&step["addresses"]) {
                has_address(&seen.pod, text("interface"), &entry["address"])?;
            }
            Ok(())
        }
        "host-end" => {
            for address in list(&step["addresses"]) {
                has_address(&seen.host, text("link"), &single(address))?;
            }
            for address in list(&step["routes"]) {
                has_route(&seen.host, text("link"), &single(address), None)?;
            }
            Ok(())
        }
        "container-routes" => {
            for address in list(&step["onLink"]) {
                has_route(&seen.pod, text("interface"), &single(address), None)?;
            }
            routes(&seen.pod, text("interface"), &step["routes"])
        }
        "amend-addresses" => {
            for entry in list(&step["add"]) {
                has_address(&seen.pod, text("interface"), &entry["address"])?;
            }
            for entry in list(&step["remove"]) {
                let found = has_address(&seen.pod, text("interface"), &entry["address"]);
                ensure!(found.is_err(), "{entry} is there");
            }
            Ok(())
        }
        "amend-routes" => routes(&seen.pod, text("interface"), &step["add"]),
        "sysctl" => equal(&pod.sysctl(text("path"))?, text("value")),
        "link-settings" => settings(step, seen.pod.link(text("interface"))?),
        "join-vrf" => {
            let vrf = seen.pod.link(text("vrf"))?;
            let info = &vrf["linkinfo"];
            let table = &info["info_data"]["table"];
            ensure!(
                info["info_kind"] == "vrf" && (step["table"].is_null() || *table == step["table"]),
                "{vrf}"
            );
            let link = seen.pod.link(text("interface"))?;
            ensure!(link["master"] == step["vrf"], "{link}");
            routes(&seen.pod, text("interface"), &step["routes"])
        }
        // Said and done: nothing stays that could be looked at.
        "announce" => Ok(()),
        _ => traffic(step, node, seen),
    }
}

fn traffic(step: &Value, node: &Node, seen: &Seen) -> Result<()> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    match text("step") {
        "masquerade-network" => named(seen, text("network")),
        "masquerade" => elements(seen, text("network"), &step["sources"]),
        "port-forward-chain" => named(seen, text("tag")),
        "connection-zones" => named(seen, "zones"),
        "port-forwards" => {
            for forward in list(&step["forwards"]) {
                let target = leaves(&forward["target"]);
                let port = forward["hostPort"].to_string();
                let needles: Vec<&str> = target.iter().skip(1).map(String::as_str).collect();
                ensure!(needles.len() == 2, "{forward}");
                element(seen, text("tag"), &[needles.as_slice(), &[&port]].concat())?;
                if !forward["zone"].is_null() {
                    let family = if needles.iter().any(|word| word.contains(':')) {
                        6
                    } else {
                        4
                    };
                    for set in [
                        format!("error-zones-any{family}"),
                        format!("zones-any{family}"),
                    ] {
                        element(seen, &set, &[&port])?;
                    }
                }
            }
            Ok(())
        }
        "flow-table" => ensure_some(
            seen.rules.iter().any(|rule| {
                rule["chain"]["table"] == "wasm-cni"
                    && rule["chain"]["name"]
                        .as_str()
                        .is_some_and(|name| name.starts_with("filter-"))
            }),
            "no chain for flows",
        ),
        "flows" => elements(seen, "", &step["addresses"]),
        "isolation" => elements(seen, "", &step["addresses"]),
        "host-firewall-pass" => elements(seen, "pass", &step["addresses"]),
        "host-firewall-accept" => ensure_some(
            seen.rules.iter().any(|rule| {
                rule["rule"]["table"] == "filter"
                    && rule["rule"]["chain"] == "FORWARD"
                    && leaves(&rule["rule"]["expr"]).contains(&"4096".to_owned())
            }),
            "no rule of ours in the host's FORWARD",
        ),
        "hairpin" => port_flag(seen, text("port"), "hairpin"),
        "port-isolation" => port_flag(seen, text("port"), "isolated"),
        "bridge-filter" => {
            let link = seen.host.link(text("bridge"))?;
            let data = &link["linkinfo"]["info_data"];
            ensure!(data["nf_call_iptables"] == 1, "{link}");
            ensure!(data["nf_call_ip6tables"] == 1, "{link}");
            Ok(())
        }
        "route-localnet" => {
            let path = format!("/proc/sys/net/ipv4/conf/{}/route_localnet", text("link"));
            equal(&node.ok(&["cat", &path])?, "1")
        }
        "ifb" => {
            let link = seen.host.link(text("name"))?;
            ensure!(link["linkinfo"]["info_kind"] == "ifb", "{link}");
            is_up(link)
        }
        "token-bucket" => {
            let queues = node.json(&["tc", "-j", "qdisc", "show", "dev", text("link")])?;
            // Ours is in bits, that of tc in bytes per second.
            let rate = step["rate"].as_u64().unwrap_or_default() / 8;
            let held = list(&queues)
                .iter()
                .any(|queue| queue["kind"] == "tbf" && queue["options"]["rate"] == rate);
            ensure_some(held, &format!("{queues}"))
        }
        "redirect" => {
            let filters = node.ok(&["tc", "filter", "show", "dev", text("link"), "ingress"])?;
            ensure_some(filters.contains(text("target")), &filters)
        }
        // Every kind of step needs its look.
        other => bail!("nobody knows how to see a step {other:?}"),
    }
}

fn inside(step: &Value, seen: &Seen, kind: &str) -> Result<()> {
    let link = seen.pod.link(step["name"].as_str().unwrap_or_default())?;
    ensure!(link["linkinfo"]["info_kind"] == kind, "{link}");
    same_alias(step, link)?;
    same_mtu(step, link)
}

fn veth(step: &Value, seen: &Seen) -> Result<()> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    let host = seen.host.link(text("hostName"))?;
    let inside = seen.pod.link(text("containerName"))?;
    for link in [host, inside] {
        ensure!(link["linkinfo"]["info_kind"] == "veth", "{link}");
        same_mtu(step, link)?;
    }
    same_alias(step, host)?;
    let port = &step["port"];
    if port.is_null() {
        return Ok(());
    }
    ensure!(host["master"] == port["bridge"], "{host}");
    let state = &host["linkinfo"]["info_slave_data"];
    // A stage may have switched it on later.
    ensure!(
        state["hairpin"] == true || port["hairpin"] == false,
        "{host}"
    );
    ensure!(
        state["isolated"] == true || port["isolated"] == false,
        "{host}"
    );
    Ok(())
}

fn settings(step: &Value, link: &Value) -> Result<()> {
    let wanted = &step["wanted"];
    let flag = |name: &str| list(&link["flags"]).iter().any(|flag| flag == name);
    let same = [
        (&wanted["mac"], link["address"].clone()),
        (&wanted["mtu"], link["mtu"].clone()),
        (&wanted["transmitQueueLength"], link["txqlen"].clone()),
        (&wanted["promiscuous"], flag("PROMISC").into()),
        (&wanted["allMulticast"], flag("ALLMULTI").into()),
    ];
    for (wanted, found) in same {
        ensure!(
            wanted.is_null() || *wanted == found,
            "{wanted}, found {found}"
        );
    }
    Ok(())
}

fn ensure_some(found: bool, what: &str) -> Result<()> {
    ensure!(found, "{what}");
    Ok(())
}

fn equal(found: &str, wanted: &str) -> Result<()> {
    ensure!(
        found.trim_end() == wanted,
        "{found:?} instead of {wanted:?}"
    );
    Ok(())
}

/// Each ADD has a mark of its own in it.
fn same_alias(step: &Value, link: &Value) -> Result<()> {
    let words = |alias: &Value| -> Vec<String> {
        let text = alias.as_str().unwrap_or_default();
        let words = text.split(' ').filter(|word| !word.starts_with('@'));
        words.map(str::to_owned).collect()
    };
    ensure!(words(&link["ifalias"]) == words(&step["alias"]), "{link}");
    Ok(())
}

fn same_mtu(step: &Value, link: &Value) -> Result<()> {
    let wanted = &step["mtu"];
    ensure!(wanted.is_null() || link["mtu"] == *wanted, "{link}");
    Ok(())
}

fn is_up(link: &Value) -> Result<()> {
    let is_up = list(&link["flags"]).iter().any(|flag| flag == "UP");
    ensure_some(is_up, &link.to_string())
}

fn port_flag(seen: &Seen, port: &str, flag: &str) -> Result<()> {
    let link = seen.host.link(port)?;
    let on = link["linkinfo"]["info_slave_data"][flag] == true;
    ensure_some(on, &link.to_string())
}

fn has_address(namespace: &Namespace, link: &str, address: &Value) -> Result<()> {
    let address = address.as_str().unwrap_or_default();
    let mut addresses = namespace.addresses.iter();
    let found = addresses.any(|(at, known)| at == link && known == address);
    ensure_some(found, &format!("{address} is not on {link}"))
}

/// An address as the prefix that holds it alone.
fn single(address: &Value) -> Value {
    let address = address.as_str().unwrap_or_default();
    let length = if address.contains(':') { 128 } else { 32 };
    format!("{address}/{length}").into()
}

fn routes(namespace: &Namespace, link: &str, routes: &Value) -> Result<()> {
    for route in list(routes) {
        has_route(
            namespace,
            link,
            &route["destination"],
            route["gateway"].as_str(),
        )?;
    }
    Ok(())
}

fn has_route(
    namespace: &Namespace,
    link: &str,
    destination: &Value,
    gateway: Option<&str>,
) -> Result<()> {
    let mut routes = namespace.routes.iter();
    let found = routes.any(|route| {
        *destination == route.destination
            && route.link == link
            && route.gateway.as_deref() == gateway
    });
    ensure_some(
        found,
        &format!("no route to {destination} in {:?}", namespace.routes),
    )
}

fn elements(seen: &Seen, set: &str, addresses: &Value) -> Result<()> {
    for address in list(addresses) {
        element(seen, set, &[address.as_str().unwrap_or_default()])?;
    }
    Ok(())
}

fn element(seen: &Seen, set: &str, needles: &[&str]) -> Result<()> {
    let found = seen.has_element(set, needles);
    ensure_some(found, &format!("no element {needles:?} in a set {set:?}"))
}

/// Is there a chain of ours with this in its name?
fn named(seen: &Seen, tag: &str) -> Result<()> {
    let found = seen.rules.iter().any(|rule| {
        let chain = &rule["chain"];
        chain["table"] == "wasm-cni"
            && chain["name"]
                .as_str()
                .is_some_and(|name| name.contains(tag))
    });
    ensure_some(found, &format!("no chain of {tag}"))
}
