use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::Value;

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

const OWN_VIEWS: [(&str, &[&str]); 2] = [
    (
        "attachments",
        &["/opt/cni/bin/wasm-cnictl", "--json", "attachment", "list"],
    ),
    (
        "leases",
        &["/opt/cni/bin/wasm-cnictl", "--json", "lease", "list"],
    ),
];

/// What each of these commands prints. One shell for all: to enter the node takes longer than most of them.
fn all_at_once(node: &Node, argvs: &[(&str, &[&str])]) -> Result<Vec<String>> {
    const END: &str = "--8<--\n";
    let script: String = argvs
        .iter()
        .map(|(_, argv)| format!("{} && printf -- '{END}' || exit 1\n", quoted(argv)))
        .collect();
    let output = node.ok(&["sh", "-c", &script])?;
    let texts: Vec<_> = output.split(END).map(str::to_owned).collect();
    ensure!(texts.len() == argvs.len() + 1, "{output}");
    Ok(texts)
}

fn quoted(argv: &[&str]) -> String {
    let words: Vec<_> = argv.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
}

/// Without what flow rules share on the node: chains and empty sets for each last byte of an address, made with the first
/// address that ends so, and the way to them.
fn without_shared(ruleset: &str) -> String {
    let ends_in_number = |name: &str| {
        name.rsplit_once('-').is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let is_shared = |block: &[&str]| {
        let mut words = block.first().map_or("", |line| line).split_whitespace();
        let (kind, name) = (words.next(), words.next().unwrap_or_default());
        let of_flows = name.contains("ingress") || name.contains("egress");
        let empty = !block.iter().any(|line| line.contains("elements"));
        of_flows && ends_in_number(name) && (kind == Some("chain") || empty)
    };
    let mut kept = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for line in ruleset.lines() {
        let begins = line.starts_with('\t') && !line.starts_with("\t\t") && line.ends_with('{');
        if !begins && block.is_empty() {
            kept.push(line);
            continue;
        }
        block.push(line);
        if line == "\t}" {
            if !is_shared(&block) {
                kept.append(&mut block);
            }
            block.clear();
        }
    }
    kept.append(&mut block);
    kept.join("\n")
}

/// The lines that one text has more often than the other.
fn surplus(of: &str, over: &str) -> String {
    let mut others: Vec<&str> = over.lines().collect();
    let mut more = Vec::new();
    for line in of.lines() {
        match others.iter().position(|other| *other == line) {
            Some(index) => {
                others.swap_remove(index);
            }
            None => more.push(line),
        }
    }
    more.join("\n")
}

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
        let mut argvs: Vec<_> = VIEWS.to_vec();
        if node.path(BIN_DIR).join("wasm-cnictl").exists() {
            argvs.extend(OWN_VIEWS);
        }
        let mut views = BTreeMap::new();
        for ((name, _), text) in argvs.iter().zip(all_at_once(node, &argvs)?) {
            let text = match *name {
                "nftables" => {
                    let text = in_any_order(&without_shared(&text));
                    let lines = text.lines();
                    let lines =
                        lines.filter(|line| !line.is_empty() && !line.contains(" : goto flow-"));
                    lines.collect::<Vec<_>>().join("\n")
                }
                "leases" => {
                    let mut leases: Value = serde_json::from_str(&text)?;
                    // An address that cools down is free, and which one does depends on what was tried.
                    if let Some(leases) = leases.as_array_mut() {
                        leases.retain(|lease| lease["state"] != "cooling");
                    }
                    leases.to_string()
                }
                _ => text,
            };
            // The kernel gives links these by itself, in its own time.
            let lines = text
                .lines()
                .filter(|line| !line.contains("fe80:") && !line.contains("ff00:"));
            views.insert(*name, lines.collect::<Vec<_>>().join("\n"));
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
            let after = now.0.get(name).map_or("", String::as_str);
            ensure!(
                after == before,
                "{name} changed\ngone:\n{}\nnew:\n{}",
                surplus(before, after),
                surplus(after, before)
            );
        }
        Ok(())
    }
}
