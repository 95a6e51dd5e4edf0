//! Reservations that the reference plugin host-local keeps of networks that are ours now.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use runtime::operator::Operator;

use super::executables::Executables;
use super::finding::{Finding, Severity};
use super::networks::Networks;

const SUBJECT: &str = "reservations";

/// Addresses that host-local has on record and we have not.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    /// Each network with its addresses.
    pub(super) unknown: Vec<(String, BTreeSet<IpAddr>)>,
}

impl Reservations {
    /// Looks into host-local's data directory for each network whose addresses come out of our store.
    pub(super) fn gather(
        directory: &Path,
        networks: &Networks,
        executables: &Executables,
        operator: &Operator,
    ) -> Self {
        let mut unknown = Vec::new();
        for described in networks.usable() {
            let mut ipams = described
                .entries
                .iter()
                .filter_map(|entry| entry.ipam.as_ref());
            if !ipams.any(|ipam| executables.is_ours(ipam)) {
                continue;
            }
            let reserved = reserved(&directory.join(described.name()));
            let Ok(leases) = operator.leases(Some(described.name())) else {
                continue;
            };
            let own: BTreeSet<IpAddr> = leases.iter().map(|lease| lease.address).collect();
            unknown.push((described.name().to_owned(), &reserved - &own));
        }
        Self { unknown }
    }

    /// Networks of which host-local knows more than we do.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let unknown = self
            .unknown
            .iter()
            .filter(|(_, addresses)| !addresses.is_empty());
        unknown
            .map(|(network, addresses)| {
                let example = addresses.iter().next().map(ToString::to_string);
                Severity::Warning.finding(
                    SUBJECT,
                    format!("network {network}"),
                    format!(
                        "host-local has {} addresses on record that wasm-cni may hand out again ({})",
                        addresses.len(),
                        example.unwrap_or_default()
                    ),
                    format!("wasm-cnictl lease import --from host-local --network {network}; remove the directory when nothing of it lives"),
                )
            })
            .collect()
    }
}

/// The addresses that files are named after.
fn reserved(directory: &Path) -> BTreeSet<IpAddr> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_with_unknown_addresses_are_mentioned() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["10.1.0.2", "fd00::2", "lock", "last_reserved_ip.0"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let reservations = Reservations {
            unknown: vec![
                ("a".into(), reserved(directory.path())),
                ("b".into(), BTreeSet::new()),
                ("c".into(), reserved(Path::new("/nonexistent"))),
            ],
        };
        let findings = reservations.judge();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].problem.contains("2 addresses"), "{findings:?}");
    }
}
