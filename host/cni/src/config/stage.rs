//! A policy stage of a chain, and what it shares with an IPAM plugin: which component is run.

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::section::Section;
use crate::ids::{Digest, PluginName};

/// Most stages in one chain.
pub const MAX_STAGES: usize = 64;

/// Which component is run, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginReference {
    /// `plugin`: the name under which it is installed.
    pub plugin: PluginName,
    /// `digest`: the component that it must be.
    pub digest: Option<Digest>,
    /// `grants`: what it may propose beyond what a built-in of that name may. Unchecked here, since
    /// only the engine knows which grants exist.
    pub grants: Vec<String>,
    /// `limits`, as configured. Unread here, since only the engine knows what it limits.
    pub limits: Map<String, Value>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageConfig {
    /// The component.
    pub reference: PluginReference,
    /// The stage's own config: its object without our keys and without what runtimes inject.
    pub config: Map<String, Value>,
}

/// Keys that say which component is run.
const REFERENCE_KEYS: [&str; 4] = ["plugin", "digest", "grants", "limits"];

/// Keys that the runtime or the specification owns in a top-level plugin object.
const PROTOCOL_KEYS: [&str; 8] = [
    "cniVersion",
    "cniVersions",
    "name",
    "type",
    "capabilities",
    "runtimeConfig",
    "args",
    "prevResult",
];

impl PluginReference {
    /// Reads `plugin`, `digest`, `grants` and `limits`; `None` where `plugin` is absent.
    pub(super) fn read(section: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let Some(plugin) = section.name("plugin")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            plugin,
            digest: section.name("digest")?,
            grants: section.read("grants")?.unwrap_or_default(),
            limits: section.object("limits")?.cloned().unwrap_or_default(),
        }))
    }
}

impl StageConfig {
    /// The stage that a top-level object of our own type with `plugin` is; `None` without `plugin`.
    pub(super) fn read_top_level(
        document: &Map<String, Value>,
    ) -> Result<Option<Self>, ConfigError> {
        let reference = PluginReference::read(&Section::new(document, ""))?;
        let injected = |key: &str| PROTOCOL_KEYS.contains(&key) || key.starts_with("cni.dev/");
        Ok(reference.map(|reference| Self {
            reference,
            config: own_config(document, |key| !injected(key)),
        }))
    }

    /// The stages of `chain`, in their order.
    pub(super) fn read_chain(section: &Section<'_>) -> Result<Vec<Self>, ConfigError> {
        let stages: Vec<&Value> = match section.get("chain") {
            None => return Ok(Vec::new()),
            Some(Value::Array(stages)) => stages.iter().collect(),
            Some(other) => {
                let key = section.path("chain");
                return Err(ConfigError::not_allowed(
                    key,
                    &other.to_string(),
                    "a list of stages",
                ));
            }
        };
        if stages.len() > MAX_STAGES {
            return Err(ConfigError::OutOfBounds {
                key: section.path("chain"),
                value: stages.len() as u64,
                minimum: 0,
                maximum: MAX_STAGES as u64,
            });
        }
        stages
            .into_iter()
            .enumerate()
            .map(|(index, stage)| Self::read_one(stage, section.path(&format!("chain[{index}]"))))
            .collect()
    }

    fn read_one(stage: &Value, path: String) -> Result<Self, ConfigError> {
        let Value::Object(object) = stage else {
            return Err(ConfigError::not_allowed(
                path,
                &stage.to_string(),
                "an object",
            ));
        };
        let section = Section::new(object, path);
        let reference = PluginReference::read(&section)?.ok_or_else(|| ConfigError::Missing {
            key: section.path("plugin"),
            remedy: "write the name of an installed plugin",
        })?;
        Ok(Self {
            reference,
            config: own_config(object, |_| true),
        })
    }
}

fn own_config(object: &Map<String, Value>, keep: impl Fn(&str) -> bool) -> Map<String, Value> {
    object
        .iter()
        .filter(|(key, _)| !REFERENCE_KEYS.contains(&key.as_str()) && keep(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
