//! The `ipam` section.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::range::{RangeConfig, RangeSet, read_sets, resolve_sets};
use super::section::Section;
use super::stage::PluginReference;
use crate::drop_in;
use crate::ids::PluginType;
use crate::lenient::optional_address;
use crate::role::OWN_TYPE;

/// Longest cool-down, in seconds: a week.
pub const MAX_COOL_DOWN_SECONDS: u64 = 7 * 24 * 60 * 60;

/// `ipam`. Its `type` says whose the other keys are; other vendors' may look like ours and mean something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpamConfig {
    /// `type`: the executable to which IPAM is delegated, which may be ourselves.
    pub plugin_type: PluginType,
    /// The other keys, translated where `type` is the name of a reference plugin: its executable may turn out to be
    /// ourselves.
    own: Map<String, Value>,
}

/// What the host itself needs of an `ipam` section that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpamSettings {
    /// `plugin`, `digest`, `grants`, `limits`: the component that decides.
    pub reference: PluginReference,
    /// `subnet` … `gateway` (the old form) followed by `ranges`, resolved.
    pub ranges: Vec<RangeSet>,
    /// `addresses`: fixed addresses (the reference plugin static).
    pub addresses: Vec<FixedAddress>,
    /// `statusWhenExhausted`.
    pub status_when_exhausted: StatusWhenExhausted,
    /// `coolDownSeconds`: how long a released address rests; `None` for the host's default.
    pub cool_down_seconds: Option<u32>,
    /// `resolvConf`: a file of which the DNS settings are returned; an absolute path.
    pub resolv_conf: Option<PathBuf>,
    /// The section without the keys that say which component is run.
    pub config: Map<String, Value>,
}

/// A fixed address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FixedAddress {
    /// The address with its prefix length.
    pub address: IpNet,
    /// Its gateway.
    #[serde(default, deserialize_with = "optional_address")]
    pub gateway: Option<IpAddr>,
}

/// What STATUS says when no address is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatusWhenExhausted {
    /// `unavailable`: error 50, the specification's example.
    #[default]
    Unavailable,
    /// `ready`: success. Kubernetes drains a node that stays not ready for five minutes.
    Ready,
}

impl IpamConfig {
    /// The section of a config; `None` where it is absent or has no key at all, which the
    /// reference plugins take for "no addresses".
    pub(super) fn read(section: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let Some(raw) = section.object("ipam")? else {
            return Ok(None);
        };
        match Section::new(raw, "ipam").name("type")? {
            Some(plugin_type) => Ok(Some(Self::new(plugin_type, raw))),
            None if raw.is_empty() => Ok(None),
            None => Err(ConfigError::Missing {
                key: "ipam.type".to_owned(),
                remedy: "write \"wasm-cni\", or the name of another IPAM executable",
            }),
        }
    }

    fn new(plugin_type: PluginType, raw: &Map<String, Value>) -> Self {
        let mut own = drop_in::own_ipam(raw).unwrap_or_else(|| raw.clone());
        own.insert("type".into(), OWN_TYPE.into());
        Self { plugin_type, own }
    }

    /// The section as it would be written for us.
    pub fn own_form(&self) -> &Map<String, Value> {
        &self.own
    }

    /// Whether `type` is our own.
    pub fn is_own_type(&self) -> bool {
        self.plugin_type.as_str() == OWN_TYPE
    }

    /// Reads the section as ours. It is when its `type` is our own, or when its executable turns
    /// out to be ourselves under another name.
    ///
    /// # Errors
    /// [`ConfigError`], code 7 or, for an unknown limit, 2.
    pub fn settings(&self) -> Result<IpamSettings, ConfigError> {
        let section = Section::new(&self.own, "ipam");
        let mut config = self.own.clone();
        config.retain(|key, _| !["plugin", "digest", "grants", "limits"].contains(&key.as_str()));
        let reference = PluginReference::read(&section)?.ok_or_else(|| ConfigError::Missing {
            key: section.path("plugin"),
            remedy: "write the name of an installed IPAM plugin, such as \"host-local\"",
        })?;
        Ok(IpamSettings {
            reference,
            ranges: resolve_ranges(&section, self.range_configs()?)?,
            addresses: section.read_objects("addresses")?,
            status_when_exhausted: read_status(&section)?,
            cool_down_seconds: section
                .number("coolDownSeconds", 0, MAX_COOL_DOWN_SECONDS)?
                .and_then(|seconds| u32::try_from(seconds).ok()),
            resolv_conf: read_resolv_conf(&section)?,
            config,
        })
    }

    /// The ranges as written: the old single form first, then `ranges`, as host-local orders them.
    pub(super) fn range_configs(&self) -> Result<Vec<Vec<RangeConfig>>, ConfigError> {
        let section = Section::new(&self.own, "ipam");
        let mut sets = Vec::new();
        if let Some(subnet) = section.get("subnet") {
            let range = RangeConfig::deserialize(&Value::Object(self.own.clone()))
                .map_err(|source| ConfigError::shape(section.path("subnet"), subnet, source))?;
            sets.push(vec![range]);
        }
        sets.extend(read_sets(&section, "ranges")?);
        Ok(sets)
    }
}

fn resolve_ranges(
    section: &Section<'_>,
    sets: Vec<Vec<RangeConfig>>,
) -> Result<Vec<RangeSet>, ConfigError> {
    resolve_sets(&sets).map_err(|source| ConfigError::Range {
        key: section.path("ranges"),
        source,
    })
}

fn read_status(section: &Section<'_>) -> Result<StatusWhenExhausted, ConfigError> {
    match section.read::<&str>("statusWhenExhausted")? {
        None | Some("unavailable") => Ok(StatusWhenExhausted::Unavailable),
        Some("ready") => Ok(StatusWhenExhausted::Ready),
        Some(other) => Err(ConfigError::not_allowed(
            section.path("statusWhenExhausted"),
            other,
            "\"unavailable\" or \"ready\"",
        )),
    }
}

fn read_resolv_conf(section: &Section<'_>) -> Result<Option<PathBuf>, ConfigError> {
    match section.read::<&str>("resolvConf")? {
        None | Some("") => Ok(None),
        Some(path) if path.starts_with('/') && !path.contains('\0') => Ok(Some(path.into())),
        Some(path) => Err(ConfigError::not_allowed(
            section.path("resolvConf"),
            path,
            "an absolute path",
        )),
    }
}
