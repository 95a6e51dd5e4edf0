//! Rules of others that stand in the way of containers.

use std::fs;

use runtime::host::ForwardFilter;

use super::finding::{Finding, Severity};
use super::networks::{Described, Networks};

const SUBJECT: &str = "firewall";
/// The tables of the legacy iptables, which nftables does not show.
const LEGACY_TABLES: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

/// What others do with packets that the host forwards.
#[derive(Debug)]
pub(super) struct Firewall {
    /// Chains that drop them; or why that is not known.
    pub(super) filters: Result<Vec<ForwardFilter>, String>,
    /// Files that name a legacy table `filter`.
    pub(super) legacy: Vec<&'static str>,
}

impl Firewall {
    /// Asks nftables, and looks for the legacy iptables.
    pub(super) fn gather() -> Self {
        let has_filter = |path: &&str| {
            let names = fs::read_to_string(path).unwrap_or_default();
            names.lines().any(|name| name == "filter")
        };
        Self {
            filters: runtime::host::forward_filters().map_err(|cause| cause.to_string()),
            legacy: LEGACY_TABLES.into_iter().filter(has_filter).collect(),
        }
    }

    /// Which of them networks need a passage through, and which ones have none.
    pub(super) fn judge(&self, networks: &Networks) -> Vec<Finding> {
        let mut findings = Vec::new();
        let routed: Vec<&Described> = networks.usable().filter(|each| is_routed(each)).collect();
        let filters = match &self.filters {
            Ok(filters) => filters.as_slice(),
            Err(problem) => {
                findings.push(Severity::Error.finding(
                    SUBJECT,
                    "nftables",
                    problem,
                    "run as root; load the kernel's module nf_tables",
                ));
                &[]
            }
        };
        for filter in filters {
            if !filter.heeds_mark {
                findings.push(Severity::Warning.finding(
                    SUBJECT,
                    &filter.chain,
                    "it drops or rejects what the host forwards, and no rule of ours can change that",
                    "let the pods' ranges pass there (firewalld: put the bridges into the zone trusted)",
                ));
                continue;
            }
            for described in routed.iter().filter(|network| !has_passage(network)) {
                let name = described.name();
                findings.push(Severity::Warning.finding(
                    SUBJECT,
                    &filter.chain,
                    format!("it drops what the host forwards, and network {name} has no stage that lets its containers pass"),
                    "add {\"plugin\": \"firewall\"} to the network's chain",
                ));
            }
        }
        findings.extend(self.legacy.iter().map(|path| {
            Severity::Warning.finding(
                SUBJECT,
                *path,
                "the legacy iptables has rules, which nftables does not show and ours do not override",
                "use the nftables variant: update-alternatives --set iptables /usr/sbin/iptables-nft",
            )
        }));
        findings
    }
}

/// Does the host forward its packets, by links of ours?
fn is_routed(described: &Described) -> bool {
    described.entries.iter().any(|entry| {
        let kind = entry.link.as_ref().map(|(kind, _)| kind.as_str());
        matches!(kind, Some("bridge" | "ptp")) && !entry.ranges.is_empty()
    })
}

fn has_passage(described: &Described) -> bool {
    described.entries.iter().any(|entry| entry.runs("firewall"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::networks::tests::{bridge, networks};
    use super::*;

    fn filters(heeds_mark: bool) -> Firewall {
        Firewall {
            filters: Ok(vec![ForwardFilter {
                chain: "chain ip filter FORWARD".into(),
                heeds_mark,
            }]),
            legacy: Vec::new(),
        }
    }

    #[test]
    fn a_network_with_a_passage_is_not_mentioned() {
        let mut document = bridge("a", "cni0", "10.1.0.0/24");
        assert_eq!(filters(true).judge(&networks(&[document.clone()])).len(), 1);
        document["plugins"][0]["chain"] = json!([{"plugin": "firewall"}]);
        assert_eq!(filters(true).judge(&networks(&[document])), []);
    }

    #[test]
    fn what_can_not_be_passed_is_told_whatever_the_networks_have() {
        assert_eq!(filters(false).judge(&networks(&[])).len(), 1);
        let legacy = Firewall {
            filters: Ok(Vec::new()),
            legacy: vec![LEGACY_TABLES[0]],
        };
        assert_eq!(legacy.judge(&networks(&[]))[0].place, LEGACY_TABLES[0]);
    }
}
