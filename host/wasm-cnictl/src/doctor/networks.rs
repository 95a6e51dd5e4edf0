//! The files in which networks are described.

use std::path::PathBuf;

use super::entry::Entry;
use super::finding::{Finding, Severity};
use crate::net::{self, Network};

const SUBJECT: &str = "networks";

/// What is in the directory of network configurations.
#[derive(Debug)]
pub(super) struct Networks {
    /// The directory, for messages.
    pub(super) directory: PathBuf,
    /// Each file with its network, in the order in which a network is looked for; or why there is none.
    pub(super) files: Result<Vec<File>, String>,
}

/// A file with its network, or why it has none.
type File = (PathBuf, Result<Described, String>);

/// A network of one file.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) network: Network,
    pub(super) entries: Vec<Entry>,
}

impl Described {
    /// The network with what its entries ask for.
    pub(super) fn of(network: Network) -> Self {
        let entries = network.plugins.iter();
        let entries = entries.map(|plugin| Entry::of(&network, plugin)).collect();
        Self { network, entries }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.network.name.as_str()
    }
}

impl Networks {
    /// Reads the directory.
    pub(super) fn gather(directory: PathBuf) -> Self {
        let files = net::all(&directory).map_err(|error| format!("{error:#}"));
        let files = files.map(|files| {
            files
                .into_iter()
                .map(|(path, network)| {
                    let described = network
                        .map(Described::of)
                        .map_err(|error| format!("{error:#}"));
                    (path, described)
                })
                .collect()
        });
        Self { directory, files }
    }

    /// The networks that can be used.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Described> {
        let files = self.files.iter().flatten();
        files.filter_map(|(_, network)| network.as_ref().ok())
    }

    /// What is wrong with the files themselves.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let directory = self.directory.display().to_string();
        let files = match &self.files {
            Ok(files) => files,
            Err(problem) => {
                return vec![Severity::Error.finding(
                    SUBJECT,
                    directory,
                    problem,
                    "make the directory, or name another one with --conf-dir",
                )];
            }
        };
        let mut findings = Vec::new();
        if files.is_empty() {
            findings.push(Severity::Warning.finding(
                SUBJECT,
                directory,
                "there is no network configuration",
                "put a .conflist there (the project's examples/conflists has one for each kind of link)",
            ));
        }
        let mut known: Vec<(&str, String)> = Vec::new();
        for (path, network) in files {
            let place = path.display().to_string();
            let described = match network {
                Ok(described) => described,
                Err(problem) => {
                    findings.push(Severity::Error.finding(
                        SUBJECT,
                        place,
                        problem,
                        "correct the file, or move it away: runtimes may refuse to start pods because of it",
                    ));
                    continue;
                }
            };
            if let Some((_, other)) = known.iter().find(|(name, _)| *name == described.name()) {
                let name = described.name();
                findings.push(Severity::Warning.finding(
                    SUBJECT,
                    place.clone(),
                    format!("network {name} is described by {other} too, which is the one that is used by name"),
                    "give one of them another name, or remove it",
                ));
            }
            known.push((described.name(), place.clone()));
            findings.extend(entries(&place, described));
        }
        findings
    }
}

fn entries<'a>(place: &'a str, described: &'a Described) -> impl Iterator<Item = Finding> + 'a {
    let numbered = described.entries.iter().enumerate();
    numbered.flat_map(move |(at, entry)| {
        entry.problems.iter().map(move |problem| {
            Severity::Error.finding(
                SUBJECT,
                format!("{place} plugins[{at}]"),
                problem,
                "correct the file; `wasm-cnictl plan FILE` shows what it does",
            )
        })
    })
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Networks as files would describe them.
    pub(in crate::doctor) fn networks(documents: &[Value]) -> Networks {
        let files = documents.iter().enumerate().map(|(at, document)| {
            let network = Network::from_json(document.clone());
            let described = network
                .map(Described::of)
                .map_err(|error| format!("{error:#}"));
            (PathBuf::from(format!("/net.d/{at}.conflist")), described)
        });
        Networks {
            directory: "/net.d".into(),
            files: Ok(files.collect()),
        }
    }

    /// Our bridge and host-local.
    pub(in crate::doctor) fn bridge(name: &str, bridge: &str, subnet: &str) -> Value {
        json!({"cniVersion": "1.0.0", "name": name, "plugins": [
            {"type": "wasm-cni", "link": {"kind": "bridge", "bridge": bridge, "isGateway": true},
             "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": [[{"subnet": subnet}]]}},
        ]})
    }

    #[test]
    fn sound_files_are_not_mentioned() {
        let networks = networks(&[
            bridge("a", "cni0", "10.1.0.0/24"),
            bridge("b", "cni1", "10.2.0.0/24"),
        ]);
        assert_eq!(networks.judge(), []);
        assert_eq!(networks.usable().count(), 2);
    }

    #[test]
    fn broken_and_repeated_ones_are() {
        let networks = networks(&[
            bridge("a", "cni0", "10.1.0.0/24"),
            json!({"plugins": []}),
            bridge("a", "cni0", "10.2.0.0/24"),
            json!({"name": "c", "plugins": [{"type": "wasm-cni", "link": {"kind": "brigde"}}]}),
        ]);
        let findings = networks.judge();
        let places: Vec<_> = findings
            .iter()
            .map(|finding| (finding.severity, finding.place.as_str()))
            .collect();
        assert_eq!(
            places,
            [
                (Severity::Error, "/net.d/1.conflist"),
                (Severity::Warning, "/net.d/2.conflist"),
                (Severity::Error, "/net.d/3.conflist plugins[0]"),
            ]
        );
    }
}
