use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use crate::{BIN_DIR, Node};

/// Links that tests make on a node themselves.
const TEST_LINKS: [&str; 3] = ["uplink0", "eth0", "eth1"];

const ANY_NETWORK: &str = "0000000000000000";

impl Node {
    /// What is still there of attachments that were deleted, one line each; the kernel judges, and our own state where
    /// `wasm-cnictl` is built. `results` are what their ADDs printed. Bridges, tables and base chains belong to the
    /// node and may stay.
    ///
    /// # Errors
    /// When the node can't be looked at.
    pub fn leftovers(&self, results: &[Value]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for kind in ["veth", "macvlan", "ipvlan", "dummy", "ifb"] {
            let names = self
                .link_names(kind)?
                .into_iter()
                .filter(|name| !TEST_LINKS.contains(&name.as_str()));
            found.extend(names.map(|name| format!("{kind} {name}")));
        }
        let rules = self.ruleset()?;
        let routes = self.ok(&["ip", "route", "show", "table", "all"])?
            + &self.ok(&["ip", "-6", "route", "show", "table", "all"])?;
        for mark in results.iter().flat_map(marks) {
            for (place, text) in [("nftables", &rules), ("routes", &routes)] {
                if mentions(text, &mark) {
                    found.push(format!("{mark} in {place}"));
                }
            }
        }
        if self.path(BIN_DIR).join("wasm-cnictl").exists() {
            found.extend(self.recorded()?);
        }
        Ok(found)
    }

    fn recorded(&self) -> Result<Vec<String>> {
        let attachments = self.ctl(&["attachment", "list"])?;
        let leases = self.ctl(&["lease", "list"])?;
        // What stands against every network is an address that a foreign link had before our first call.
        let held = items(&leases)
            .filter(|lease| lease["state"] != "cooling" && lease["networkTag"] != ANY_NETWORK);
        Ok(items(&attachments)
            .map(|attachment| format!("record {attachment}"))
            .chain(held.map(|lease| format!("lease {lease}")))
            .collect())
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The addresses, and the names and Ethernet addresses of links other than the bridge, that a result tells.
fn marks(result: &Value) -> BTreeSet<String> {
    let addresses =
        items(&result["ips"]).filter_map(|ip| ip["address"].as_str()?.split('/').next());
    // The node has these itself.
    let addresses = addresses.filter(|address| !["127.0.0.1", "::1"].contains(address));
    // Interface 0 of a bridge's result is the bridge; ptp's and macvlan's have no gateway address on theirs.
    let interfaces = items(&result["interfaces"]).filter(|interface| {
        interface["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("veth"))
            || interface["sandbox"]
                .as_str()
                .is_some_and(|sandbox| !sandbox.is_empty())
    });
    let names = interfaces.flat_map(|interface| {
        let host = interface["sandbox"].as_str().unwrap_or_default().is_empty();
        [
            host.then(|| interface["name"].as_str()).flatten(),
            interface["mac"].as_str(),
        ]
    });
    addresses
        .chain(names.flatten())
        .map(str::to_owned)
        .collect()
}

/// Does the text hold the word, not as a part of a longer one (10.1.0.2 in 10.1.0.21)?
fn mentions(text: &str, word: &str) -> bool {
    // A port follows an IPv4 address after a colon.
    let colon = word.contains(':');
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '.' || (colon && c == ':');
    text.match_indices(word).any(|(start, found)| {
        let before = text.get(..start).and_then(|head| head.chars().next_back());
        let after = text
            .get(start + found.len()..)
            .and_then(|tail| tail.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_not_found_inside_a_longer_one() {
        assert!(mentions("elements = { 10.1.0.2, 10.1.0.3 }", "10.1.0.2"));
        assert!(mentions("dnat to 10.1.0.2:80", "10.1.0.2"));
        assert!(!mentions("elements = { 10.1.0.21, 110.1.0.2 }", "10.1.0.2"));
        assert!(!mentions("fd00:1::25", "fd00:1::2"));
    }

    #[test]
    fn a_bridge_is_no_mark_of_an_attachment() {
        let result = json!({
            "interfaces": [
                {"name": "cni0", "mac": "02:00:00:00:00:01"},
                {"name": "veth0", "mac": "02:00:00:00:00:02"},
                {"name": "eth0", "mac": "02:00:00:00:00:03", "sandbox": "/run/netns/a"}
            ],
            "ips": [{"address": "10.1.0.2/16", "interface": 2}]
        });
        let expected = [
            "02:00:00:00:00:02",
            "02:00:00:00:00:03",
            "10.1.0.2",
            "veth0",
        ];
        assert_eq!(marks(&result), expected.map(str::to_owned).into());
    }
}
