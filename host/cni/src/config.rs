//! The network config as the plugin gets it on standard input.
//!
//! It is the operator's plugin object with what the runtime adds. Keys that nobody here knows are
//! tolerated, and the whole document is kept for delegation. The sections of our own (`link`,
//! `chain`, `plugin`) are read only where `type` is our own, since another vendor's plugin that
//! uses us for IPAM may mean something else by them.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::attachment::ValidAttachment;
use crate::convert;
use crate::drop_in;
use crate::ids::{NetworkName, PluginType};
use crate::result::{CniResult, Dns};
use crate::role::OWN_TYPE;
use crate::version::SpecVersion;

mod args;
mod document;
mod error;
mod ipam;
mod range;
mod runtime_config;
mod section;
mod stage;
mod valid_attachments;

pub use args::{ConventionArgs, Label};
pub use document::{MAX_CONFIG_BYTES, config_version, network_name, parse_document};
pub use error::ConfigError;
pub use ipam::{
    FixedAddress, IpamConfig, IpamSettings, MAX_COOL_DOWN_SECONDS, StatusWhenExhausted,
};
pub use range::{Range, RangeConfig, RangeError, RangeSet, resolve_sets};
pub use runtime_config::{
    Bandwidth, POD_ANNOTATIONS, PortMapping, Protocol, RuntimeConfig, RuntimeDns,
};
pub use stage::{MAX_STAGES, PluginReference, StageConfig};

use section::{Problems, Section};

/// A network config, read.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// `cniVersion`, in which the result is given.
    pub cni_version: SpecVersion,
    /// `name`.
    pub name: NetworkName,
    /// `type`; ours, also where it was the name of a reference plugin under which we were run, or that of the plugin
    /// which delegates to us.
    pub plugin_type: Option<PluginType>,
    /// `link`: the interface to make, as the planning crate reads it. Only where `type` is ours
    /// and this is no stage.
    pub link: Option<Map<String, Value>>,
    /// The stage that `plugin` beside our own `type` makes of this entry.
    pub stage: Option<StageConfig>,
    /// `chain`: the stages behind `link`, in their order.
    pub chain: Vec<StageConfig>,
    /// `ipam`.
    pub ipam: Option<IpamConfig>,
    /// `ipMasq`, well-known at top level; `None` where absent.
    pub ip_masq: Option<bool>,
    /// `dns`.
    pub dns: Dns,
    /// `capabilities`, which runtimes should take out and don't.
    pub capabilities: BTreeMap<String, bool>,
    /// `runtimeConfig`.
    pub runtime_config: RuntimeConfig,
    /// `args.cni`.
    pub args: ConventionArgs,
    /// `prevResult`: on ADD the predecessor's result, else the final one of the ADD.
    pub previous_result: Option<PreviousResult>,
    /// `cni.dev/valid-attachments`. `None` where the key is absent, which is not "none is valid".
    pub valid_attachments: Option<Vec<ValidAttachment>>,
    /// The whole document as it came, for delegates.
    pub raw: Map<String, Value>,
}

/// A `prevResult`.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviousResult {
    /// As it came.
    pub raw: Value,
    /// Read in the config's version.
    pub result: CniResult,
}

impl NetworkConfig {
    /// Reads a config of our own `type`, or of a plugin that delegates to us, and refuses it at the first problem.
    ///
    /// # Errors
    /// [`ConfigError`], whose [`code`](ConfigError::code) the specification sets.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let document = parse_document(bytes)?;
        let name = network_name(&document)?;
        let version = config_version(&document)?;
        let executable = OsStr::new(OWN_TYPE);
        let (config, problems) = Self::from_document(executable, document, name, version);
        problems.into_iter().next().map_or(Ok(config), Err)
    }

    /// Reads all sections and returns the problems beside what could be read, so that a DEL can
    /// clean up though the config has become wrong.
    ///
    /// Under the name of a reference plugin, which is `executable`, its flat config is read in our own form
    /// ([`drop_in`]).
    pub fn from_document(
        executable: &OsStr,
        document: Map<String, Value>,
        name: NetworkName,
        cni_version: SpecVersion,
    ) -> (Self, Vec<ConfigError>) {
        let own_form = drop_in::own_form(executable, &document);
        let (config, problems) =
            Self::read(own_form.as_ref().unwrap_or(&document), name, cni_version);
        (
            Self {
                raw: document,
                ..config
            },
            problems,
        )
    }

    fn read(
        document: &Map<String, Value>,
        name: NetworkName,
        cni_version: SpecVersion,
    ) -> (Self, Vec<ConfigError>) {
        let mut problems = Problems::default();
        let section = Section::new(document, "");
        let plugin_type: Option<PluginType> = problems.note(section.name("type"));
        let own = plugin_type
            .as_ref()
            .is_some_and(|name| name.as_str() == OWN_TYPE);
        let stage = match own {
            true => problems.note(StageConfig::read_top_level(document)),
            false => None,
        };
        let is_link = own && section.get("plugin").is_none();
        let (link, chain) = match is_link {
            true => (
                problems.note(section.object("link")).cloned(),
                problems.note(StageConfig::read_chain(&section)),
            ),
            false => (None, Vec::new()),
        };
        // A stage has no IPAM; the key would be one of its own.
        let ipam = match own && !is_link {
            true => None,
            false => read_ipam(&section, &mut problems),
        };
        let runtime_config = match problems.note(section.object("runtimeConfig")) {
            Some(object) => RuntimeConfig::read(object, &mut problems),
            None => RuntimeConfig::default(),
        };
        let config = Self {
            cni_version,
            name,
            plugin_type,
            link,
            stage,
            chain,
            ipam,
            ip_masq: problems.note(section.read("ipMasq")),
            dns: problems
                .note(section.read_object("dns"))
                .unwrap_or_default(),
            capabilities: problems
                .note(section.read("capabilities"))
                .unwrap_or_default(),
            runtime_config,
            args: ConventionArgs::read(&section, &mut problems),
            previous_result: problems.note(read_previous_result(&section, cni_version)),
            valid_attachments: problems.note(valid_attachments::read(document)),
            raw: Map::new(),
        };
        (config, problems.0)
    }

    /// The ranges of this network out of which addresses may be given: those of
    /// `runtimeConfig.ipRanges`, then the old form, then `ipam.ranges`, as host-local orders them.
    ///
    /// # Errors
    /// [`ConfigError::Range`], also where two of them overlap, or [`ConfigError::Shape`].
    pub fn ip_ranges(&self) -> Result<Vec<RangeSet>, ConfigError> {
        let mut sets = self.runtime_config.ip_ranges.clone();
        if let Some(ipam) = &self.ipam {
            sets.extend(ipam.range_configs()?);
        }
        let sets = resolve_sets(&sets).map_err(|source| ConfigError::Range {
            key: "ipam.ranges".to_owned(),
            source,
        })?;
        // A result before 0.3.0 tells one address of each family.
        let of_ipv4 = sets
            .iter()
            .filter(|set| set.first().is_some_and(|range| range.start.is_ipv4()));
        let of_ipv4 = of_ipv4.count();
        if self.cni_version < SpecVersion::V0_3_0 && (of_ipv4 > 1 || sets.len() - of_ipv4 > 1) {
            return Err(ConfigError::not_allowed(
                "ipam.ranges".to_owned(),
                &format!("with {} sets", sets.len()),
                "one set of each address family at the most where cniVersion is below 0.3.0",
            ));
        }
        Ok(sets)
    }

    /// Whether `type` is our own, or the name of a reference plugin under which we were run, and not that of a plugin
    /// which delegates to us.
    pub fn is_own_type(&self) -> bool {
        self.plugin_type
            .as_ref()
            .is_some_and(|name| name.as_str() == OWN_TYPE)
    }
}

/// Reads `ipam`, and reads it in full where it is ours.
fn read_ipam(section: &Section<'_>, problems: &mut Problems) -> Option<IpamConfig> {
    let ipam = problems.note(IpamConfig::read(section));
    if let Some(ipam) = ipam.as_ref().filter(|ipam| ipam.is_own_type()) {
        problems.0.extend(ipam.settings().err());
    }
    ipam
}

fn read_previous_result(
    section: &Section<'_>,
    version: SpecVersion,
) -> Result<Option<PreviousResult>, ConfigError> {
    let Some(raw) = section.get("prevResult") else {
        return Ok(None);
    };
    let result = convert::read(raw, version).map_err(ConfigError::PreviousResult)?;
    Ok(Some(PreviousResult {
        raw: raw.clone(),
        result,
    }))
}

#[cfg(test)]
#[path = "config/config_tests.rs"]
mod tests;
