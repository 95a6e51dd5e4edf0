use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::{BIN_DIR, Node};

/// What a call that fails must not change: links and their queues, addresses, routes, rules, sysctls of forwarding, and our
/// state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<&'static str, String>);

const VIEWS: [(&str, &[&str]); 10] = [
    ("links", &["ip", "-o", "link"]),
    ("addresses", &["ip", "-o", "address"]),
    (
        "IPv4 routes",
        &["ip", "-4", "route", "show", "table", "all"],
    ),
    (
        "IPv6 routes",
        &["ip", "-6", "route", "show", "table", "all"],
    ),
    ("bridge ports", &["bridge", "-d", "link", "show"]),
    ("queueing disciplines", &["tc", "qdisc", "show"]),
    (
        "loopback addresses on links",
        &[
            "grep",
            "-r",
            "",
            "/proc/sys/net/ipv4/conf",
            "--include=route_localnet",
        ],
    ),
    ("nftables", &["nft", "-s", "list", "ruleset"]),
    ("IPv4 forwarding", &["cat", "/proc/sys/net/ipv4/ip_forward"]),
    (
        "IPv6 forwarding",
        &["cat", "/proc/sys/net/ipv6/conf/all/forwarding"],
    ),
];

/// The kernel lists the elements of a hash set in no order that lasts.
fn in_any_order(ruleset: &str) -> String {
    let mut words: Vec<_> = ruleset
        .split(['\n', ','])
        .map(|word| {
            word.trim()
                .trim_start_matches("elements = { ")
                .trim_end_matches(" }")
        })
        .collect();
    words.sort_unstable();
    words.join("\n")
}

impl Snapshot {
    /// How the node is now.
    ///
    /// # Errors
    /// When it can't be looked at.
    pub fn take(node: &Node) -> Result<Self> {
        let mut views = BTreeMap::new();
        for (name, argv) in VIEWS {
            let mut text = node.ok(argv)?;
            if name == "nftables" {
                text = in_any_order(&text);
            }
            // The kernel gives links these by itself, in its own time.
            let lines = text
                .lines()
                .filter(|line| !line.contains("fe80:") && !line.contains("ff00:"));
            views.insert(name, lines.collect::<Vec<_>>().join("\n"));
        }
        if node.path(BIN_DIR).join("wasm-cnictl").exists() {
            views.insert(
                "attachments",
                node.ctl(&["attachment", "list"])?.to_string(),
            );
            let mut leases = node.ctl(&["lease", "list"])?;
            // An address that cools down is free, and which one does depends on what was tried.
            if let Some(leases) = leases.as_array_mut() {
                leases.retain(|lease| lease["state"] != "cooling");
            }
            views.insert("leases", leases.to_string());
        }
        Ok(Self(views))
    }

    /// Is the node as it was?
    ///
    /// # Errors
    /// When it is not; the error shows what differs.
    pub fn assert_unchanged(&self, node: &Node) -> Result<()> {
        let now = Self::take(node)?;
        for (name, before) in &self.0 {
            let after = now.0.get(name);
            ensure!(
                after == Some(before),
                "{name} changed\nbefore:\n{before}\nafter:\n{}",
                after.map_or("", String::as_str)
            );
        }
        Ok(())
    }
}
