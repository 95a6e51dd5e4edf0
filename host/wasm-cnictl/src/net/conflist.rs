//! A network as its configuration file describes it (CNI 1.1.0, section 1).

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use cni::ids::{NetworkName, PluginType};
use cni::version::{SpecVersion, supported_list};
use serde_json::{Map, Value, json};

/// Most plugins that one network may chain.
const MAX_PLUGINS: usize = 64;

/// A network: its plugins in the order of ADD, and the version that is spoken with them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// Its name.
    pub(crate) name: NetworkName,
    /// The highest version of `cniVersion` and `cniVersions` that we speak.
    pub(crate) version: SpecVersion,
    /// CHECK must not be called.
    pub(crate) disable_check: bool,
    /// GC must not be called: another runtime shares the network.
    pub(crate) disable_gc: bool,
    /// Plugins of other files are not appended.
    pub(crate) only_inlined: bool,
    /// The plugins. May be empty until those of other files have been appended.
    pub(crate) plugins: Vec<Plugin>,
}

/// One plugin of a network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plugin {
    /// The name of its executable.
    pub(crate) executable: PluginType,
    /// The capabilities that its configuration sets to true.
    pub(crate) capabilities: BTreeSet<String>,
    /// Its configuration, unchanged.
    pub(crate) object: Map<String, Value>,
}

impl Network {
    /// Reads a configuration list, or a single plugin's configuration as a list of one.
    ///
    /// # Errors
    /// Names the key that is missing or wrong.
    pub(crate) fn from_json(document: Value) -> anyhow::Result<Self> {
        let Value::Object(mut document) = document else {
            bail!("a network's configuration is a JSON object");
        };
        let version = choose_version(&document)?;
        let name = text(&document, "name")?
            .context("\"name\" is missing; it names the network")?
            .parse::<NetworkName>()?;
        let only_inlined = flag(&document, "loadOnlyInlinedPlugins")?;
        let disable_check = flag(&document, "disableCheck")?;
        let disable_gc = flag(&document, "disableGC")?;
        let plugins = match document.remove("plugins") {
            Some(Value::Array(plugins)) => plugins,
            Some(_) => bail!("\"plugins\" must be a list"),
            None if document.contains_key("type") => vec![Value::Object(document)],
            None => {
                ensure!(
                    !only_inlined,
                    "\"plugins\" is missing, and \"loadOnlyInlinedPlugins\" allows no others"
                );
                Vec::new()
            }
        };
        ensure!(
            plugins.len() <= MAX_PLUGINS,
            "\"plugins\" has more than {MAX_PLUGINS} entries"
        );
        let plugins = plugins
            .into_iter()
            .enumerate()
            .map(|(at, plugin)| Plugin::from_json(plugin).with_context(|| format!("plugins[{at}]")))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            name,
            version,
            disable_check,
            disable_gc,
            only_inlined,
            plugins,
        })
    }

    /// The network as a list that [`Network::from_json`] reads back.
    pub(crate) fn to_json(&self) -> Value {
        let plugins: Vec<&Map<String, Value>> =
            self.plugins.iter().map(|plugin| &plugin.object).collect();
        json!({
            "cniVersion": self.version,
            "name": self.name,
            "disableCheck": self.disable_check,
            "disableGC": self.disable_gc,
            "loadOnlyInlinedPlugins": self.only_inlined,
            "plugins": plugins,
        })
    }
}

impl Plugin {
    /// Reads one plugin's configuration.
    ///
    /// # Errors
    /// Names the key that is missing or wrong. A `type` that is a path is refused (CVE-2021-20206).
    pub(crate) fn from_json(object: Value) -> anyhow::Result<Self> {
        let Value::Object(object) = object else {
            bail!("a plugin's configuration is a JSON object");
        };
        let executable = text(&object, "type")?
            .context("\"type\" is missing; it names the plugin's executable")?
            .parse::<PluginType>()?;
        let capabilities = match object.get("capabilities") {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(Value::Object(declared)) => declared
                .iter()
                .filter(|(_, wanted)| **wanted == Value::Bool(true))
                .map(|(name, _)| name.clone())
                .collect(),
            Some(_) => bail!("\"capabilities\" must be an object of names and true or false"),
        };
        Ok(Self {
            executable,
            capabilities,
            object,
        })
    }
}

/// The highest of `cniVersion` and `cniVersions` that we speak. As in the reference library an
/// unknown, newer one is passed over while another is left.
fn choose_version(document: &Map<String, Value>) -> anyhow::Result<SpecVersion> {
    let mut offered = Vec::new();
    match document.get("cniVersions") {
        None | Some(Value::Null) => {}
        Some(Value::Array(versions)) => {
            for version in versions {
                let Value::String(version) = version else {
                    bail!(
                        "\"cniVersions\" must be a list of texts, such as [\"1.0.0\", \"1.1.0\"]"
                    );
                };
                offered.push(version.clone());
            }
        }
        Some(_) => bail!("\"cniVersions\" must be a list"),
    }
    match document.get("cniVersion") {
        Some(Value::String(version)) if !version.is_empty() => offered.push(version.clone()),
        None | Some(Value::Null | Value::String(_)) if !offered.is_empty() => {}
        _ => return Ok(SpecVersion::of_document(document)?),
    }
    offered
        .iter()
        .filter_map(|version| version.parse::<SpecVersion>().ok())
        .max()
        .with_context(|| {
            let offered = offered.join(", ");
            let spoken = supported_list();
            format!("none of the network's versions ({offered}) is spoken here ({spoken})")
        })
}

/// A text; None where it is absent, `null` or empty.
fn text<'a>(object: &'a Map<String, Value>, key: &str) -> anyhow::Result<Option<&'a str>> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => bail!("\"{key}\" must be a text"),
    }
}

/// A flag, false where absent. The reference library takes the words "true" and "false" as well.
fn flag(object: &Map<String, Value>, key: &str) -> anyhow::Result<bool> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => bail!("\"{key}\" must be true or false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: Value) -> anyhow::Result<Network> {
        Network::from_json(document)
    }

    fn version(document: Value) -> anyhow::Result<SpecVersion> {
        choose_version(document.as_object().unwrap())
    }

    #[test]
    fn the_highest_version_that_is_spoken_is_chosen() {
        let cases = [
            (json!({}), SpecVersion::V0_1_0),
            (json!({"cniVersion": "0.4.0"}), SpecVersion::V0_4_0),
            (
                json!({"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"]}),
                SpecVersion::V1_1_0,
            ),
            (
                json!({"cniVersion": "1.1.0", "cniVersions": ["0.4.0"]}),
                SpecVersion::V1_1_0,
            ),
            (
                json!({"cniVersions": ["1.0.0", "2.0.0"]}),
                SpecVersion::V1_0_0,
            ),
            (
                json!({"cniVersion": "2.0.0", "cniVersions": ["1.0.0"]}),
                SpecVersion::V1_0_0,
            ),
        ];
        for (document, expected) in cases {
            assert_eq!(version(document.clone()).unwrap(), expected, "{document}");
        }
    }

    #[test]
    fn a_network_of_unknown_versions_is_refused_with_both_sides_named() {
        let error = version(json!({"cniVersion": "2.0.0", "cniVersions": ["3.0.0"]})).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("2.0.0") && text.contains("1.1.0"), "{text}");
        assert!(version(json!({"cniVersion": 1.1})).is_err());
        assert!(version(json!({"cniVersions": [1.1]})).is_err());
    }

    #[test]
    fn a_single_plugin_is_a_list_of_one() {
        let network = read(json!({"cniVersion": "0.4.0", "name": "n", "type": "bridge"})).unwrap();
        assert_eq!(network.plugins.len(), 1);
        assert_eq!(network.plugins[0].executable.as_str(), "bridge");
    }

    #[test]
    fn only_true_capabilities_count() {
        let network = read(json!({"name": "n", "plugins": [
            {"type": "p", "capabilities": {"ips": true, "mac": false, "dns": "yes"}},
        ]}))
        .unwrap();
        assert_eq!(
            network.plugins[0].capabilities,
            BTreeSet::from(["ips".to_owned()])
        );
    }

    #[test]
    fn a_type_that_is_a_path_is_refused() {
        for bad in ["../bridge", "/bin/sh", "a/b", ".."] {
            let error = read(json!({"name": "n", "plugins": [{"type": bad}]})).unwrap_err();
            assert!(format!("{error:#}").contains("plugins[0]"), "{error:#}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (document, key) in [
            (json!({"plugins": []}), "\"name\""),
            (json!({"name": "n", "plugins": [{}]}), "\"type\""),
            (json!({"name": "n", "plugins": {}}), "\"plugins\""),
            (
                json!({"name": "n", "loadOnlyInlinedPlugins": true}),
                "\"plugins\"",
            ),
            (
                json!({"name": "n", "disableGC": 1, "plugins": []}),
                "\"disableGC\"",
            ),
        ] {
            let error = read(document).unwrap_err();
            assert!(format!("{error:#}").contains(key), "{error:#}");
        }
    }

    #[test]
    fn a_network_survives_being_written() {
        let network = read(json!({
            "cniVersion": "1.0.0", "cniVersions": ["1.1.0"], "name": "n", "disableCheck": "true",
            "plugins": [{"type": "p", "x": 1}, {"type": "q"}],
        }))
        .unwrap();
        assert!(network.disable_check && !network.disable_gc);
        assert_eq!(read(network.to_json()).unwrap(), network);
    }
}
