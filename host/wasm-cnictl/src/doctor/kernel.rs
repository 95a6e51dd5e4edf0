//! What the kernel can do, and what it is short of.

use std::fs;

use runtime::host::Feature;

use super::finding::{Finding, Severity};
use super::networks::{Described, Networks};

const SUBJECT: &str = "kernel";
const CONNECTIONS: [&str; 2] = [
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/sys/net/netfilter/nf_conntrack_max",
];

/// What was found out by trying.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What links and stages need; or why nothing could be tried.
    pub(super) features: Result<Vec<Feature>, String>,
    /// Tracked connections: how many there are, and can be.
    pub(super) connections: Option<(u64, u64)>,
}

impl Kernel {
    /// Tries everything in namespaces of its own.
    pub(super) fn gather() -> Self {
        let number =
            |path: &str| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
        let [count, most] = CONNECTIONS.map(number);
        Self {
            features: runtime::host::features().map_err(|cause| cause.to_string()),
            connections: count.zip(most),
        }
    }

    /// What is missing: an error where a network needs it.
    pub(super) fn judge(&self, networks: &Networks) -> Vec<Finding> {
        let mut findings = Vec::new();
        match &self.features {
            Ok(features) => {
                let missing = features
                    .iter()
                    .filter_map(|feature| Some((feature.name, feature.problem.as_ref()?)));
                findings.extend(missing.map(|(name, problem)| {
                    let users: Vec<&str> = networks
                        .usable()
                        .filter(|network| needs(network, name))
                        .map(Described::name)
                        .collect();
                    let severity = if users.is_empty() {
                        Severity::Note
                    } else {
                        Severity::Error
                    };
                    let remedy = match users.as_slice() {
                        [] => "no network needs it".to_owned(),
                        users => format!(
                            "load the module, or change network {}, which needs it",
                            users.join(", ")
                        ),
                    };
                    severity.finding(SUBJECT, name, problem, remedy)
                }));
            }
            Err(problem) => findings.push(Severity::Error.finding(
                SUBJECT,
                "network namespaces",
                problem,
                "run as root (CAP_SYS_ADMIN and CAP_NET_ADMIN), on Linux 5.14 or newer",
            )),
        }
        if let Some((count, most)) = self.connections
            && count.saturating_mul(10) >= most.saturating_mul(9)
        {
            findings.push(Severity::Warning.finding(
                SUBJECT,
                "connection tracking",
                format!(
                    "{count} of {most} connections are in use; new ones are dropped when it is full"
                ),
                format!(
                    "sysctl -w net.netfilter.nf_conntrack_max={}",
                    most.saturating_mul(2)
                ),
            ));
        }
        findings
    }
}

/// Does the network need this feature, by one of its entries?
fn needs(described: &Described, feature: &str) -> bool {
    described.entries.iter().any(|entry| {
        let link = entry.link.as_ref();
        let set = |key: &str| {
            link.and_then(|(_, keys)| keys.get(key))
                .is_some_and(|value| {
                    !matches!(value.as_u64(), Some(0)) && value.as_bool() != Some(false)
                })
        };
        match feature.split_once(' ') {
            Some(("link", kind)) => link.is_some_and(|(own, _)| own == kind),
            Some(("key", key)) => set(key),
            // A part of what a stage does follows its name.
            Some(("stage", part)) => entry.runs(part.split(' ').next().unwrap_or(part)),
            // Of ports of one bridge, by any stage that filters.
            _ => link.is_some_and(|(kind, _)| kind == "bridge") && entry.runs("flow-policy"),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::networks::tests::{bridge, networks};
    use super::*;

    fn lacking(name: &'static str) -> Kernel {
        Kernel {
            features: Ok(vec![
                Feature {
                    name: "link ptp",
                    problem: None,
                },
                Feature {
                    name,
                    problem: Some("not supported".into()),
                },
            ]),
            connections: Some((1, 100)),
        }
    }

    #[test]
    fn what_is_missing_is_an_error_only_where_a_network_needs_it() {
        let mut document = bridge("a", "cni0", "10.1.0.0/24");
        document["plugins"][0]["link"]["vlan"] = json!(7);
        document["plugins"][0]["link"]["macspoofchk"] = json!(false);
        document["plugins"][0]["chain"] = json!([{"plugin": "flow-policy"}]);
        let networks = networks(&[document]);
        for (feature, severity) in [
            ("link bridge", Severity::Error),
            ("link macvlan", Severity::Note),
            ("key vlan", Severity::Error),
            ("key macspoofchk", Severity::Note),
            ("key ipMasq", Severity::Note),
            ("stage flow-policy", Severity::Error),
            ("stage portmap", Severity::Note),
            ("stage flow-policy for UDP", Severity::Error),
            ("stage portmap for UDP", Severity::Note),
            ("filtering between ports of one bridge", Severity::Error),
        ] {
            let findings = lacking(feature).judge(&networks);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].severity, severity, "{feature}");
        }
    }

    #[test]
    fn a_table_of_connections_that_fills_up_is_told() {
        let kernel = |count| Kernel {
            features: Ok(Vec::new()),
            connections: Some((count, 1000)),
        };
        assert_eq!(kernel(899).judge(&networks(&[])), []);
        assert_eq!(kernel(900).judge(&networks(&[])).len(), 1);
    }
}
