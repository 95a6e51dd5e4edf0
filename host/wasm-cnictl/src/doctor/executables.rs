//! The executables that networks name, and ours among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cni::ids::PluginType;
use cni::role::OWN_TYPE;
use cni::version::SpecVersion;

use super::finding::{Finding, Severity};
use super::networks::Networks;
use crate::net::SearchPath;

const SUBJECT: &str = "executables";
/// What is known of the executables.
#[derive(Debug, Default)]
pub(super) struct Executables {
    /// The directories that were searched, for messages.
    pub(super) searched: String,
    /// Each one that a network names; None: there is none.
    pub(super) named: BTreeMap<String, Option<Executable>>,
    /// Names of reference plugins under which an executable of ours lies, with its place.
    pub(super) drop_ins: Vec<(PathBuf, DropIn)>,
    /// Executables of ours that delegate to others of ours, and are not the same.
    pub(super) builds_apart: BTreeSet<(PathBuf, PathBuf)>,
}

/// An executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Executable {
    pub(super) path: PathBuf,
    pub(super) owner: u32,
    /// Permission bits.
    pub(super) mode: u32,
    /// The versions that it says it speaks; None where it was not asked, since others than root can write to it.
    pub(super) versions: Option<Result<Vec<SpecVersion>, String>>,
}

/// How an executable under a reference plugin's name goes with `wasm-cni` beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DropIn {
    /// The same file, by hard link or symbolic link.
    Linked,
    /// A file of its own with the same content.
    Copied,
    /// Ours, of another build.
    Outdated,
    /// Ours, and there is no `wasm-cni` beside it.
    Alone,
}

impl Executables {
    /// Looks for everything that the networks name.
    pub(super) fn gather(networks: &Networks, search_path: &str) -> Self {
        let path = SearchPath::parse(search_path);
        let mut named = BTreeMap::new();
        for described in networks.usable() {
            for entry in &described.entries {
                for name in [Some(&entry.executable), entry.ipam.as_ref()] {
                    let Some(name) = name.filter(|name| !named.contains_key(*name)) else {
                        continue;
                    };
                    named.insert(name.clone(), executable(name, &path));
                }
            }
        }
        let drop_ins = path.directories().iter().flat_map(|path| drop_ins(path));
        Self {
            searched: search_path.to_owned(),
            drop_ins: drop_ins.collect(),
            builds_apart: builds_apart(networks, &named),
            named,
        }
    }

    /// Is this name one of ours where the networks' executables are looked for?
    pub(super) fn is_ours(&self, name: &str) -> bool {
        let named = self.named.get(name).and_then(Option::as_ref);
        name == OWN_TYPE
            || named.is_some_and(|named| self.drop_ins.iter().any(|(path, _)| *path == named.path))
    }

    /// What is wrong with them.
    pub(super) fn judge(&self, networks: &Networks) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, executable) in &self.named {
            match executable {
                None => findings.push(Severity::Error.finding(
                    SUBJECT,
                    name,
                    format!("no such executable in {}", self.searched),
                    "install it, or name its directory with --cni-path; the reference plugins are Debian's package containernetworking-plugins",
                )),
                Some(executable) => findings.extend(executable.judge()),
            }
        }
        for described in networks.usable() {
            let version = described.network.version;
            for entry in &described.entries {
                let Some(Some(executable)) = self.named.get(&entry.executable) else {
                    continue;
                };
                let Some(Ok(versions)) = &executable.versions else {
                    continue;
                };
                if !versions.contains(&version) {
                    let path = executable.path.display();
                    let newest = versions.iter().max();
                    let newest = newest.map_or("none", |version| version.as_str());
                    findings.push(Severity::Error.finding(
                        SUBJECT,
                        format!("network {}", described.name()),
                        format!("its version {version} is not spoken by {path}, whose newest is {newest}"),
                        "lower cniVersion in the network's file, or install a newer plugin",
                    ));
                }
            }
        }
        findings.extend(self.builds_apart.iter().map(|(link, ipam)| {
            Severity::Error.finding(
                SUBJECT,
                ipam.display().to_string(),
                format!(
                    "it is another build of wasm-cni than {}, which delegates to it, so each of their calls fails",
                    link.display()
                ),
                "wasm-cnictl install --drop-in, which makes all names lead to one executable",
            )
        }));
        findings.extend(
            self.drop_ins
                .iter()
                .filter_map(|(path, drop_in)| drop_in.judge(path)),
        );
        findings
    }
}

impl Executable {
    fn judge(&self) -> Vec<Finding> {
        let place = self.path.display().to_string();
        let finding = |problem: String, remedy: String| {
            Severity::Error.finding(SUBJECT, place.clone(), problem, remedy)
        };
        let mut findings = Vec::new();
        if self.mode & 0o111 == 0 {
            findings.push(finding(
                "it is not executable".into(),
                format!("chmod 755 {place}"),
            ));
        }
        if self.owner != 0 || self.mode & 0o022 != 0 {
            findings.push(finding(
                format!(
                    "others than root can change it, and root runs it (owner {}, mode {:o})",
                    self.owner, self.mode
                ),
                format!("chown root {place} && chmod go-w {place}"),
            ));
        }
        if let Some(Err(problem)) = &self.versions {
            findings.push(finding(
                format!("it does not answer VERSION: {problem}"),
                "reinstall it".into(),
            ));
        }
        findings
    }
}

impl DropIn {
    fn judge(self, path: &Path) -> Option<Finding> {
        let (severity, problem) = match self {
            Self::Linked => return None,
            Self::Copied => (
                Severity::Note,
                "it is a copy of wasm-cni, which the next update of wasm-cni does not replace",
            ),
            Self::Outdated => (
                Severity::Warning,
                "it is wasm-cni of another build than the one beside it",
            ),
            Self::Alone => (
                Severity::Warning,
                "it is wasm-cni, and there is no executable wasm-cni beside it that an update would replace",
            ),
        };
        let place = path.display().to_string();
        let remedy = "wasm-cnictl install --drop-in, which makes it a hard link";
        Some(severity.finding(SUBJECT, place, problem, remedy))
    }
}

fn executable(name: &str, search_path: &SearchPath) -> Option<Executable> {
    let plugin: PluginType = name.parse().ok()?;
    let path = search_path.find(&plugin)?;
    let metadata = fs::metadata(&path).ok()?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let trusted = owner == 0 && mode & 0o022 == 0 && mode & 0o111 != 0;
    let versions = trusted.then(|| crate::net::versions(&plugin, search_path));
    Some(Executable {
        path,
        owner,
        mode,
        versions: versions.map(|versions| versions.map_err(|error| error.to_string())),
    })
}

fn is_ours(path: &Path) -> bool {
    runtime::is_any_build(path).unwrap_or(false)
}

fn builds_apart(
    networks: &Networks,
    named: &BTreeMap<String, Option<Executable>>,
) -> BTreeSet<(PathBuf, PathBuf)> {
    let path = |name: &str| Some(named.get(name)?.as_ref()?.path.clone());
    let delegations = networks
        .usable()
        .flat_map(|described| &described.entries)
        .filter_map(|entry| Some((path(&entry.executable)?, path(entry.ipam.as_ref()?)?)));
    delegations
        .filter(|(link, ipam)| {
            !runtime::is_same_executable(link, ipam) && is_ours(link) && is_ours(ipam)
        })
        .collect()
}

fn drop_ins(directory: &Path) -> Vec<(PathBuf, DropIn)> {
    let original = directory.join(OWN_TYPE);
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let found = cni::drop_in::names().map(|name| directory.join(name));
    found
        .filter(|path| is_ours(path))
        .map(|path| {
            let kind = if !original.exists() {
                DropIn::Alone
            } else if identity(&original) == identity(&path) {
                DropIn::Linked
            } else if runtime::is_same_executable(&original, &path) {
                DropIn::Copied
            } else {
                DropIn::Outdated
            };
            (path, kind)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::networks::tests::{bridge, networks};
    use super::*;

    fn sound(path: &str) -> Executable {
        Executable {
            path: path.into(),
            owner: 0,
            mode: 0o755,
            versions: Some(Ok(vec!["0.4.0".parse().unwrap(), "1.0.0".parse().unwrap()])),
        }
    }

    fn judge(executable: Option<Executable>, version: &str) -> Vec<Finding> {
        let mut document = bridge("a", "cni0", "10.1.0.0/24");
        document["cniVersion"] = version.into();
        let executables = Executables {
            searched: "/bin".into(),
            named: BTreeMap::from([("wasm-cni".into(), executable)]),
            ..Executables::default()
        };
        executables.judge(&networks(&[document]))
    }

    #[test]
    fn each_defect_of_an_executable_is_found() {
        assert_eq!(judge(Some(sound("/bin/wasm-cni")), "1.0.0"), []);
        let defects = [
            (None, "1.0.0", "no such executable"),
            (Some(sound("/b")), "1.1.0", "newest is 1.0.0"),
            (
                Some(Executable {
                    mode: 0o644,
                    ..sound("/b")
                }),
                "1.0.0",
                "not executable",
            ),
            (
                Some(Executable {
                    mode: 0o757,
                    ..sound("/b")
                }),
                "1.0.0",
                "others than root",
            ),
            (
                Some(Executable {
                    owner: 7,
                    ..sound("/b")
                }),
                "1.0.0",
                "others than root",
            ),
            (
                Some(Executable {
                    versions: Some(Err("x".into())),
                    ..sound("/b")
                }),
                "1.0.0",
                "VERSION",
            ),
        ];
        for (executable, version, problem) in defects {
            let findings = judge(executable, version);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].problem.contains(problem), "{findings:?}");
        }
    }

    #[test]
    fn our_own_executables_are_known_by_what_they_say() {
        let text = "version 1 of wasm-cni:plugin/";
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            fs::write(directory.path().join(name), content).unwrap();
        };
        file("ptp", "another's");
        file("tuning", text);
        assert_eq!(
            drop_ins(directory.path()),
            [(directory.path().join("tuning"), DropIn::Alone)]
        );
        file("wasm-cni", text);
        file("bridge", &format!("{text} older"));
        fs::hard_link(
            directory.path().join("wasm-cni"),
            directory.path().join("sbr"),
        )
        .unwrap();
        let kinds: Vec<_> = drop_ins(directory.path())
            .into_iter()
            .map(|(path, kind)| (path.file_name().unwrap().to_owned(), kind))
            .collect();
        assert_eq!(
            kinds,
            [
                ("bridge".into(), DropIn::Outdated),
                ("tuning".into(), DropIn::Copied),
                ("sbr".into(), DropIn::Linked),
            ]
        );
    }

    #[test]
    fn two_builds_that_delegate_to_each_other_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            (name.to_owned(), Some(sound(path.to_str().unwrap())))
        };
        let mut document = bridge("a", "cni0", "10.1.0.0/24");
        document["plugins"][0] = serde_json::json!({
            "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"},
        });
        let networks = networks(&[document]);
        let ours = "version 1 of wasm-cni:plugin/";
        for (ipam, apart) in [
            (ours.to_owned(), 0),
            (format!("{ours} older"), 1),
            ("another's".to_owned(), 0),
        ] {
            let named = BTreeMap::from([file("bridge", ours), file("host-local", &ipam)]);
            let found = builds_apart(&networks, &named);
            assert_eq!(found.len(), apart, "{ipam}");
            let executables = Executables {
                builds_apart: found,
                ..Executables::default()
            };
            let findings = executables.judge(&networks);
            let told = findings
                .iter()
                .filter(|each| each.problem.contains("another build"));
            assert_eq!(told.count(), apart, "{findings:?}");
        }
    }

    #[test]
    fn only_links_are_as_they_should_be() {
        let path = Path::new("/bin/bridge");
        assert_eq!(DropIn::Linked.judge(path), None);
        for kind in [DropIn::Copied, DropIn::Outdated, DropIn::Alone] {
            assert!(kind.judge(path).is_some());
        }
    }
}
