//! What an entry of a network asks for, whoever serves it.

use std::ffi::OsStr;

use cni::config::{NetworkConfig, Range};
use cni::role::OWN_TYPE;
use serde_json::{Map, Value};

use crate::net::{Additions, Network, Plugin, request};

/// The reference plugin whose `ranges` have the form that ours read.
const HOST_LOCAL: &str = "host-local";

/// One entry of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The executable.
    pub(super) executable: String,
    /// The kind of link that it makes, with the keys that say how.
    pub(super) link: Option<(String, Map<String, Value>)>,
    /// The plugins that run in it, as far as they are named: stages, and the one that decides about addresses.
    pub(super) plugins: Vec<NamedPlugin>,
    /// The ranges out of which it gives addresses.
    pub(super) ranges: Vec<Range>,
    /// Destinations of the routes that its IPAM gives.
    pub(super) routes: Vec<String>,
    /// The executable that decides about addresses.
    pub(super) ipam: Option<String>,
    /// What is wrong with its configuration, where that is in our own form.
    pub(super) problems: Vec<String>,
}

/// A plugin that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPlugin {
    /// Its name.
    pub(super) name: String,
    /// The digest that pins it.
    pub(super) digest: Option<String>,
}

impl Entry {
    /// Reads one entry of a network.
    pub(super) fn of(network: &Network, plugin: &Plugin) -> Self {
        let executable = plugin.executable.as_str().to_owned();
        let document = request(network, plugin, Additions::default());
        // A reference plugin's configuration is read as ours would be under its name, whoever serves it.
        let (config, problems) = NetworkConfig::from_document(
            OsStr::new(&executable),
            document,
            network.name.clone(),
            network.version,
        );
        let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let link = link(&config);
        if let Some((kind, keys)) = &link {
            problems.extend(link_problems(kind, keys));
        }
        let ipam = config.ipam.as_ref();
        let ipam_type = ipam.map(|ipam| ipam.plugin_type.as_str().to_owned());
        let own_ipam = ipam_type.as_deref() == Some(OWN_TYPE);
        let ranges = match config.ip_ranges() {
            Ok(sets) if own_ipam || ipam_type.as_deref() == Some(HOST_LOCAL) => {
                sets.into_iter().flatten().collect()
            }
            Ok(_) => Vec::new(),
            Err(error) => {
                problems.push(error.to_string());
                Vec::new()
            }
        };
        // Other vendors' plugins know better what they take.
        if executable != OWN_TYPE && !own_ipam {
            problems.clear();
        }
        problems.dedup();
        Self {
            plugins: plugins(&config),
            routes: ipam.map(|ipam| routes(ipam.own_form())).unwrap_or_default(),
            ipam: ipam_type,
            executable,
            link,
            ranges,
            problems,
        }
    }

    /// Has it a stage of this name?
    pub(super) fn runs(&self, plugin: &str) -> bool {
        self.plugins.iter().any(|named| named.name == plugin)
    }

    /// The interfaces of the host that carry its gateway's addresses.
    pub(super) fn gateway_interface(&self) -> Option<String> {
        let (kind, keys) = self.link.as_ref()?;
        let named = keys.get("bridge").and_then(Value::as_str);
        (kind == "bridge").then(|| named.unwrap_or("cni0").to_owned())
    }
}

fn link(config: &NetworkConfig) -> Option<(String, Map<String, Value>)> {
    let mut keys = config.link.clone()?;
    let kind = keys.remove("kind").unwrap_or_default();
    Some((kind.as_str().unwrap_or_default().to_owned(), keys))
}

fn link_problems(kind: &str, keys: &Map<String, Value>) -> Vec<String> {
    match plan::Link::read(kind, Value::Object(keys.clone())) {
        Ok(link) => link.problems(),
        Err(error) => vec![format!("link: {error}")],
    }
}

fn plugins(config: &NetworkConfig) -> Vec<NamedPlugin> {
    let stages = config.chain.iter().chain(&config.stage);
    let mut plugins: Vec<NamedPlugin> = stages
        .map(|stage| NamedPlugin {
            name: stage.reference.plugin.to_string(),
            digest: stage.reference.digest.as_ref().map(ToString::to_string),
        })
        .collect();
    let ipam = config
        .ipam
        .as_ref()
        .filter(|ipam| ipam.is_own_type())
        .and_then(|ipam| Some(ipam.settings().ok()?.reference));
    plugins.extend(ipam.map(|reference| NamedPlugin {
        name: reference.plugin.to_string(),
        digest: reference.digest.as_ref().map(ToString::to_string),
    }));
    plugins
}

fn routes(ipam: &Map<String, Value>) -> Vec<String> {
    let routes = ipam.get("routes").and_then(Value::as_array);
    let routes = routes.into_iter().flatten();
    routes
        .filter_map(|route| route.get("dst")?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// The entries of a network of these plugins.
    pub(in crate::doctor) fn entries(plugins: Value) -> Vec<Entry> {
        let document = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins});
        let network = Network::from_json(document).unwrap();
        let plugins = network.plugins.iter();
        plugins.map(|plugin| Entry::of(&network, plugin)).collect()
    }

    #[test]
    fn our_own_form_and_the_references_say_the_same() {
        let own = entries(json!([
            {"type": "wasm-cni", "link": {"kind": "bridge", "bridge": "b"},
             "ipam": {"type": "wasm-cni", "plugin": "host-local",
                      "ranges": [[{"subnet": "10.1.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]},
             "chain": [{"plugin": "firewall"}]},
        ]));
        let reference = entries(json!([
            {"type": "bridge", "bridge": "b",
             "ipam": {"type": "host-local", "subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "firewall"},
        ]));
        assert_eq!(own[0].ranges, reference[0].ranges);
        assert_eq!(own[0].routes, reference[0].routes);
        assert_eq!(own[0].gateway_interface(), reference[0].gateway_interface());
        assert!(own[0].runs("firewall") && reference[1].runs("firewall"));
        assert!(own[0].runs("host-local"));
        assert_eq!(own[0].ipam.as_deref(), Some("wasm-cni"));
        assert_eq!(reference[0].ipam.as_deref(), Some("host-local"));
    }

    #[test]
    fn what_is_wrong_is_told_and_the_rest_is_read() {
        let entry = &entries(json!([
            {"type": "wasm-cni", "link": {"kind": "bridge", "mtu": "x"},
             "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": [[{"subnet": "10.1.0.1/99"}]]}},
        ]))[0];
        assert!(entry.problems.len() >= 2, "{:?}", entry.problems);
        assert!(entry.link.is_some());
    }
}
