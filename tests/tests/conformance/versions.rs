//! Each plugin in each version of the specification: ADD, the form of its result, the kernel, CHECK, DEL, DEL again.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod, link_kind};

use crate::case::Case;
use crate::judge::{equal, has_flag, lan, mapping, nothing_left, same};
use crate::lists::{behind_bridge, bridged, link, pods};
use crate::shape::{VERSIONS, at_least, judge};
use crate::vrf::in_vrf;

const OWN: [&str; 2] = ["10.1.0.2/24", "fd00:1::2/64"];
const BRIDGED: &[&str] = &["bridge", "host-local"];

/// What is told of one plugin.
#[derive(Clone, Copy)]
struct Life {
    plugin: &'static str,
    others: &'static [&'static str],
    /// The oldest version that it speaks.
    since: &'static str,
    list: fn() -> Conflist,
    /// Makes what it needs; false where the kernel can't.
    prepare: fn(&Node) -> Result<bool>,
    /// What CHECK with the reference plugin in the list complains of, though all is well.
    complaint: Option<&'static str>,
    /// Is it in effect?
    works: fn(&Node, &Pod<'_>) -> Result<()>,
}

pub(crate) fn cases() -> Vec<Case> {
    let of_plugin = |life: Life| {
        let spoken = VERSIONS
            .into_iter()
            .filter(move |version| at_least(version, life.since));
        spoken.map(move |version| in_version(life, version))
    };
    lives().into_iter().flat_map(of_plugin).collect()
}

fn in_version(life: Life, version: &'static str) -> Case {
    let title = format!("version_{}", version.replace('.', "_"));
    let case = Case::new(title, move |node| live(&life, version, node));
    let case = case.of(life.plugin).with(life.others);
    match life.complaint {
        _ if version == "1.1.0" => case.reference_left_out(),
        Some(complaint) if at_least(version, "0.4.0") => case.reference_fails(complaint),
        // It prints the form of 1.0.0 in each version.
        _ if life.plugin == "loopback" && version != "1.0.0" => {
            case.reference_fails(if at_least(version, "0.3.0") {
                "ips[].version"
            } else {
                "interfaces"
            })
        }
        _ => case,
    }
}

fn live(life: &Life, version: &str, node: &Node) -> Result<()> {
    if !(life.prepare)(node)? {
        return Ok(());
    }
    let pod = node.pod("a")?;
    let list = (life.list)().with("/cniVersion", version);
    let result = list.add(node, &pod)?;
    judge(version, &result)?;
    (life.works)(node, &pod)?;
    if at_least(version, "0.4.0") {
        list.check(node, &pod, &result).context("CHECK")?;
        list.del(node, &pod, &result)?;
    } else {
        list.del(node, &pod, &Value::Null)?;
    }
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    nothing_left(node, &[result])
}

fn lives() -> Vec<Life> {
    let base = Life {
        plugin: "bridge",
        others: &["host-local"],
        since: "0.1.0",
        list: || bridged(&json!({"ipMasq": true})),
        prepare: |_| Ok(true),
        complaint: None,
        works: reaches_gateway,
    };
    let stage = Life {
        others: BRIDGED,
        ..base
    };
    vec![
        base,
        Life {
            plugin: "ptp",
            list: || pods(&[link("ptp", &json!({"ipMasq": true}))]),
            ..base
        },
        Life {
            plugin: "macvlan",
            list: || pods(&[link("macvlan", &json!({"master": "eth0"}))]),
            prepare: |node| {
                lan(node)?;
                link_kind(node, &["link", "eth0", "type", "macvlan"])
            },
            works: has_addresses,
            ..base
        },
        Life {
            plugin: "host-device",
            list: || pods(&[link("host-device", &json!({"device": "eth0"}))]),
            prepare: |node| lan(node).map(|()| true),
            works: has_addresses,
            ..base
        },
        Life {
            plugin: "loopback",
            others: &[],
            list: || pods(&[json!({"type": "loopback"})]),
            works: |_, pod| ensure_up(pod, "lo"),
            ..base
        },
        Life {
            plugin: "static",
            others: &["bridge"],
            list: || {
                let addresses = json!([
                    {"address": "10.1.0.2/24", "gateway": "10.1.0.1"},
                    {"address": "fd00:1::2/64", "gateway": "fd00:1::1"},
                ]);
                bridged(&json!({"ipam": {"type": "static", "addresses": addresses}}))
            },
            ..base
        },
        Life {
            plugin: "portmap",
            list: || {
                let entry = json!({"type": "portmap", "capabilities": {"portMappings": true}});
                behind_bridge(&entry).capability("portMappings", json!([mapping("tcp", 8080, 80)]))
            },
            complaint: Some("could not check ipv6 dnat"),
            ..stage
        },
        Life {
            plugin: "bandwidth",
            since: "0.3.0",
            list: || {
                behind_bridge(&json!({
                    "type": "bandwidth",
                    "ingressRate": 80_000_000, "ingressBurst": 8_000_000,
                    "egressRate": 80_000_000, "egressBurst": 8_000_000,
                }))
            },
            ..stage
        },
        Life {
            plugin: "firewall",
            since: "0.4.0",
            list: || behind_bridge(&json!({"type": "firewall"})),
            ..stage
        },
        Life {
            plugin: "tuning",
            list: || behind_bridge(&json!({"type": "tuning", "mtu": 1400})),
            works: |node, pod| {
                same("MTU", &pod.link("eth0")?["mtu"], 1400)?;
                reaches_gateway(node, pod)
            },
            ..stage
        },
        Life {
            plugin: "sbr",
            list: || behind_bridge(&json!({"type": "sbr"})),
            complaint: Some("Failed to find Gateway"),
            works: |_, pod| {
                let rules = pod.ok(&["ip", "rule", "show"])?;
                ensure!(rules.contains("from 10.1.0.2 "), "{rules}");
                Ok(())
            },
            ..stage
        },
        Life {
            plugin: "vrf",
            since: "0.3.1",
            list: || in_vrf(&json!({})),
            prepare: |node| link_kind(node, &["type", "vrf", "table", "77"]),
            works: |node, pod| {
                same("master", &pod.link("eth0")?["master"], "red")?;
                has_addresses(node, pod)
            },
            ..stage
        },
    ]
}

fn has_addresses(_node: &Node, pod: &Pod<'_>) -> Result<()> {
    equal("addresses", pod.addresses("eth0")?, OWN)?;
    ensure_up(pod, "eth0")
}

fn reaches_gateway(node: &Node, pod: &Pod<'_>) -> Result<()> {
    has_addresses(node, pod)?;
    for gateway in ["10.1.0.1", "fd00:1::1"] {
        ensure!(pod.reaches(gateway)?, "{gateway} is not reached");
    }
    Ok(())
}

fn ensure_up(pod: &Pod<'_>, name: &str) -> Result<()> {
    let link = pod.link(name)?;
    ensure!(has_flag(&link, "UP"), "{name} is not up: {link}");
    Ok(())
}
