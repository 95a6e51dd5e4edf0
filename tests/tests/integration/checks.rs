//! CHECK of chains: each single thing that is ours is missed, and nothing that a later plugin did.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Conflist, Node, Pod};

use crate::lists::{self, SUBNETS};
use crate::{addresses, node};

const DIFFERS: u64 = 113;

/// Every kind of stage, with spoof check; of the version whose results tell an MTU.
fn everything() -> Conflist {
    lists::full_chain(8000)
        .with("/cniVersion", "1.1.0")
        .with("/plugins/0/link/macspoofchk", true)
}

/// CHECK of the first entry.
fn differs(list: &Conflist, node: &Node, pod: &Pod<'_>, result: &Value) -> Result<()> {
    let failure = list.entry(0, node, pod, "CHECK", result)?.fail()?;
    ensure!(failure.code == DIFFERS, "{failure:?}");
    Ok(())
}

/// A set, and an element of it as `nft` writes it.
type Element = (String, String, String);

/// The elements of our tables that are about one of these words.
fn elements(node: &Node, words: &[String]) -> Result<Vec<Element>> {
    let mut found = Vec::new();
    for family in ["inet", "bridge"] {
        let listed = node.ok(&["nft", "list", "table", family, "wasm-cni"])?;
        let mut set = String::new();
        for line in listed.lines() {
            let mut head = line.split_whitespace();
            if let (Some("set" | "map"), Some(name), Some("{")) =
                (head.next(), head.next(), head.next())
            {
                name.clone_into(&mut set);
            }
            let text = line
                .trim()
                .trim_start_matches("elements = {")
                .trim_end_matches('}');
            let listed_here = line.contains("elements = {") || line.starts_with("\t\t\t");
            for element in text.split(',').map(str::trim).filter(|_| listed_here) {
                let mut parts = element.split([' ', '-']);
                if parts.any(|part| words.iter().any(|word| word == part)) {
                    found.push((family.to_owned(), set.clone(), element.to_owned()));
                }
            }
        }
    }
    Ok(found)
}

#[test]
fn each_element_of_a_pod_that_is_removed_is_missed() -> Result<()> {
    let node = node!();
    let list = everything();
    let pod = node.pod("a")?;
    let mut result = list.add(&node, &pod)?;
    let of = |result: &Value| {
        let mut words = addresses(result);
        // Zones are by the port; `nft` lists that in errors as it stands in the packet.
        words.extend(["8000", "0x1f40"].map(str::to_owned));
        words.extend(
            result["interfaces"][1]["name"]
                .as_str()
                .map(|name| format!("\"{name}\"")),
        );
        words
    };
    let count = elements(&node, &of(&result))?.len();
    ensure!(count > 15, "{count} elements");
    let mut sets = Vec::new();
    for number in 0..count {
        let own = elements(&node, &of(&result))?;
        let (family, set, element) = own.get(number).context("fewer elements than before")?;
        sets.push(set.split('-').next().unwrap_or_default().to_owned());
        list.check(&node, &pod, &result)?;
        let braced = format!("{{ {element} }}");
        node.ok(&["nft", "delete", "element", family, "wasm-cni", set, &braced])?;
        differs(&list, &node, &pod, &result).with_context(|| format!("{set}: {element}"))?;
        list.del(&node, &pod, &result)?;
        result = list.add(&node, &pod)?;
    }
    for kind in [
        "pods4",
        "any4",
        "any6",
        "pass4",
        "isolated4",
        "own",
        "judged",
        "drop",
        "spoof",
        "zones",
        "error",
    ] {
        ensure!(sets.iter().any(|set| set == kind), "no {kind} in {sets:?}");
    }
    Ok(())
}

/// A name, a shell command inside the pod, one on the node ($1: the host's end).
const DAMAGE: [(&str, &str, &str); 9] = [
    (
        "the sysctl changed",
        "echo 77 >/proc/sys/net/core/somaxconn",
        "",
    ),
    ("the MTU changed", "ip link set eth0 mtu 1400", ""),
    ("the queue removed", "", "tc qdisc delete dev \"$1\" root"),
    (
        "the redirection removed",
        "",
        "tc qdisc delete dev \"$1\" ingress",
    ),
    (
        "the ifb removed",
        "",
        "ip link delete \"$(ip -o link show type ifb | cut -d' ' -f2 | tr -d :)\"",
    ),
    (
        "the ifb set down",
        "",
        "ip link set \"$(ip -o link show type ifb | cut -d' ' -f2 | tr -d :)\" down",
    ),
    ("the host's end set down", "", "ip link set \"$1\" down"),
    (
        "a rule of the forwarding chain removed",
        "",
        "nft flush chain inet wasm-cni \"$(nft list chains inet | grep -o 'ports-[0-9a-f]\\{16\\}' | head -1)\"",
    ),
    (
        "loopback addresses no longer routed",
        "",
        "echo 0 >/proc/sys/net/ipv4/conf/cni0/route_localnet",
    ),
];

#[test]
fn what_stages_did_outside_of_nftables_is_missed_too() -> Result<()> {
    let node = node!();
    let list = everything();
    let pod = node.pod("a")?;
    for (name, inside, outside) in DAMAGE {
        let result = list.add(&node, &pod).context(name)?;
        list.check(&node, &pod, &result).context(name)?;
        pod.ok(&["sh", "-c", inside]).context(name)?;
        let host = result["interfaces"][1]["name"].as_str().unwrap_or_default();
        node.ok(&["sh", "-c", outside, "sh", host]).context(name)?;
        differs(&list, &node, &pod, &result).context(name)?;
        list.del(&node, &pod, &result).context(name)?;
    }
    Ok(())
}

/// A later plugin of another vendor that does all that a plugin may do to what earlier ones made, and tells what a result
/// of its version can tell.
const MEDDLER: &str = r#"#!/bin/sh
cat >/dev/null
[ "$CNI_COMMAND" = ADD ] || exit 0
inside() { nsenter --net="$CNI_NETNS" -- "$@"; }
inside ip address delete 10.1.0.2/24 dev eth0
inside ip address add 10.1.0.77/24 dev eth0
inside ip route replace default via 10.1.0.99
inside ip route add 198.51.100.0/24 via 10.1.0.1
inside ip link set eth0 down
inside ip link set eth0 address 02:00:5e:10:00:01 mtu 1300 promisc on txqueuelen 77 up
inside ip -6 address add fd00:1::2/64 dev eth0 nodad
inside ip route add default via 10.1.0.99
cat /run/meddled
"#;

#[test]
fn what_a_later_plugin_of_another_vendor_changed_is_not_missed() -> Result<()> {
    let node = node!();
    let path = format!("{BIN_DIR}/meddler");
    node.write(&path, MEDDLER)?;
    std::fs::set_permissions(node.path(&path), std::fs::Permissions::from_mode(0o755))?;
    for (number, version) in ["0.4.0", "1.0.0", "1.1.0"].iter().enumerate() {
        let pod = node.pod(&format!("pod{number}"))?;
        let mut link = lists::bridge("cni0", &[]);
        link["link"]["mtu"] = 1450.into();
        link["ipam"]["ranges"] = json!([
            [{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.2"}],
            [{"subnet": "fd00:1::/64", "rangeStart": "fd00:1::2", "rangeEnd": "fd00:1::2"}],
        ]);
        link["ipam"]["coolDownSeconds"] = 0.into();
        let family = |number: u8| match *version {
            "0.4.0" => json!({"version": number.to_string(), "interface": 0}),
            _ => json!({"interface": 0}),
        };
        let mut ips = [family(4), family(6)];
        ips[0]["address"] = "10.1.0.77/24".into();
        ips[1]["address"] = "fd00:1::2/64".into();
        let mut interface = json!({
            "name": "eth0", "mac": "02:00:5e:10:00:01", "sandbox": pod.netns(),
        });
        if *version == "1.1.0" {
            interface["mtu"] = 1300.into();
        }
        let meddled = json!({
            "cniVersion": version,
            "interfaces": [interface],
            "ips": ips,
            "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.99"}, {"dst": "198.51.100.0/24", "gw": "10.1.0.1"}],
        });
        node.write("/run/meddled", meddled.to_string())?;
        let list = Conflist::new("pods", &[link, json!({"type": "meddler"})])
            .with("/cniVersion", *version);
        let result = list.add(&node, &pod).context(*version)?;
        list.check(&node, &pod, &result).context(*version)?;
        // What is still ours is still looked at.
        pod.ok(&[
            "ip",
            "-6",
            "address",
            "delete",
            "fd00:1::2/64",
            "dev",
            "eth0",
        ])?;
        differs(&list, &node, &pod, &result).context(*version)?;
        list.del(&node, &pod, &result)?;
    }
    Ok(())
}

#[test]
fn an_interface_of_another_vendor_is_taken_from_the_previous_result() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let mut list = lists::entries(
        "pods",
        lists::reference_bridge("cni0", &SUBNETS),
        &[json!({"plugin": "tuning", "mtu": 1380})],
    )
    .interface("net7");
    let result = list.add(&node, &pod)?;
    assert_eq!(pod.link("net7")?["mtu"], 1380);
    let interfaces = result["interfaces"].as_array().map_or(0, Vec::len);
    ensure!(interfaces == 3 && addresses(&result).len() == 2, "{result}");
    list.check(&node, &pod, &result)?;
    pod.ok(&["ip", "link", "set", "net7", "mtu", "1400"])?;
    ensure!(list.check(&node, &pod, &result).is_err(), "not missed");
    list = list.without_entry(0);
    list.del(&node, &pod, &result)
}
