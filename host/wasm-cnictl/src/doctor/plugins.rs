//! Installed plugins, and those that networks name.

use engine::{Engine, PluginStore};

use super::finding::{Finding, Severity};
use super::networks::Networks;

const SUBJECT: &str = "plugins";

/// What is installed.
#[derive(Debug)]
pub(super) struct Plugins {
    /// The store's directory, for messages.
    pub(super) directory: String,
    /// Each plugin that can be told by its name; or why the store can't be used.
    pub(super) installed: Result<Vec<Installed>, String>,
}

/// One installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installed {
    /// Its name; None: not even that can be read.
    pub(super) name: Option<String>,
    /// Of its component.
    pub(super) digest: Option<String>,
    /// Why it can't be loaded.
    pub(super) problem: Option<String>,
}

impl Plugins {
    /// Loads each installed plugin.
    pub(super) fn gather(store: &PluginStore) -> Self {
        Self {
            directory: store.root().display().to_string(),
            installed: installed(store).map_err(|error| format!("{error:#}")),
        }
    }

    /// What can't be used, and what is missing.
    pub(super) fn judge(&self, networks: &Networks) -> Vec<Finding> {
        let installed = match &self.installed {
            Ok(installed) => installed,
            Err(problem) => {
                return vec![Severity::Error.finding(
                    SUBJECT,
                    &self.directory,
                    problem,
                    "make it root's own directory, which others can't write to",
                )];
            }
        };
        let unusable = installed.iter().filter_map(|plugin| {
            let problem = plugin.problem.as_ref()?;
            let name = plugin.name.as_deref().unwrap_or(&self.directory);
            let remedy = "install it again with `wasm-cnictl plugin install`";
            Some(Severity::Error.finding(SUBJECT, name, problem, remedy))
        });
        let mut findings: Vec<Finding> = unusable.collect();
        for described in networks.usable() {
            for named in described.entries.iter().flat_map(|entry| &entry.plugins) {
                if runtime::is_built_in(&named.name) {
                    continue;
                }
                let own = installed
                    .iter()
                    .find(|plugin| plugin.name.as_ref() == Some(&named.name));
                let problem = match (own, &named.digest) {
                    (None, _) => format!("plugin {} is not installed", named.name),
                    (Some(own), Some(wanted)) if own.digest.as_ref() != Some(wanted) => {
                        let found = own.digest.as_deref().unwrap_or("unknown");
                        format!(
                            "plugin {} is pinned to {wanted}, and {found} is installed",
                            named.name
                        )
                    }
                    (Some(_), _) => continue,
                };
                findings.push(Severity::Error.finding(
                    SUBJECT,
                    format!("network {}", described.name()),
                    problem,
                    "install the plugin with `wasm-cnictl plugin install FILE --name NAME`, or correct the network's file",
                ));
            }
        }
        findings
    }
}

fn installed(store: &PluginStore) -> anyhow::Result<Vec<Installed>> {
    let engine = Engine::new()?;
    let plugins = store.list()?.into_iter().map(|entry| match entry {
        Ok(manifest) => {
            let opened = store.open(&engine, &manifest.name, None);
            Installed {
                name: Some(manifest.name),
                digest: Some(manifest.digest),
                problem: opened.err().map(|error| error.to_string()),
            }
        }
        Err(error) => Installed {
            name: None,
            digest: None,
            problem: Some(error.to_string()),
        },
    });
    Ok(plugins.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::networks::tests::networks;
    use super::*;

    fn plugins(installed: &[Installed]) -> Plugins {
        Plugins {
            directory: "/plugins".into(),
            installed: Ok(installed.to_vec()),
        }
    }

    fn guard(digest: &str) -> Installed {
        Installed {
            name: Some("guard".into()),
            digest: Some(digest.into()),
            problem: None,
        }
    }

    #[test]
    fn what_a_network_names_must_be_there_as_it_is_pinned() {
        let pinned = format!("sha256:{}", "0".repeat(64));
        let networks = networks(&[json!({"name": "n", "plugins": [
            {"type": "wasm-cni", "link": {"kind": "bridge"},
             "chain": [{"plugin": "portmap"}, {"plugin": "guard", "digest": pinned}]},
        ]})]);
        assert_eq!(plugins(&[guard(&pinned)]).judge(&networks), []);
        for installed in [vec![], vec![guard("sha256:other")]] {
            let findings = plugins(&installed).judge(&networks);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].place, "network n");
        }
    }

    #[test]
    fn one_that_can_not_be_loaded_is_told() {
        let broken = Installed {
            problem: Some("compiled by another version".into()),
            ..guard("x")
        };
        let findings = plugins(&[broken]).judge(&networks(&[]));
        assert_eq!(findings[0].place, "guard");
    }
}
