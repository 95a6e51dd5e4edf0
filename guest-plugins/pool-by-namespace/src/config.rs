use std::collections::BTreeMap;

use host_local::HostLocal;
use serde::Deserialize;
use serde::de::IgnoredAny;
use wasm_cni_guest::{Failure, config};

use crate::part::PartObject;
use crate::pool::{self, Pool};

/// The annotation that names a pool unless the configuration says otherwise.
const ANNOTATION: &str = "wasm-cni/pool";
/// In `namespaces`: every other one.
const ANY_NAMESPACE: &str = "*";
/// The keys that are not host-local's.
const OWN_KEYS: [&str; 5] = ["pools", "namespaces", "default", "annotation", "sticky"];

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolByNamespace {
    pub(crate) pools: BTreeMap<String, Pool>,
    pub(crate) namespaces: BTreeMap<String, String>,
    pub(crate) default: Option<String>,
    pub(crate) annotation: Option<String>,
    pub(crate) sticky: Sticky,
}

/// Whose pods get the address that they had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sticky {
    #[default]
    None,
    StatefulSet,
    Pod,
}

/// The configuration as it is written. host-local's keys are here so that an unknown key is answered with all of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IpamObject {
    pools: BTreeMap<String, Vec<PartObject>>,
    #[serde(default)]
    namespaces: BTreeMap<String, String>,
    default: Option<String>,
    annotation: Option<String>,
    #[serde(default)]
    sticky: Sticky,
    #[serde(rename = "ranges")]
    _ranges: Option<IgnoredAny>,
    #[serde(rename = "subnet")]
    _subnet: Option<IgnoredAny>,
    #[serde(rename = "rangeStart")]
    _range_start: Option<IgnoredAny>,
    #[serde(rename = "rangeEnd")]
    _range_end: Option<IgnoredAny>,
    #[serde(rename = "gateway")]
    _gateway: Option<IgnoredAny>,
    #[serde(rename = "exclude")]
    _exclude: Option<IgnoredAny>,
    #[serde(rename = "routes")]
    _routes: Option<IgnoredAny>,
    #[serde(rename = "dataDir")]
    _data_dir: Option<IgnoredAny>,
    #[serde(rename = "resolvConf")]
    _resolv_conf: Option<IgnoredAny>,
}

impl PoolByNamespace {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut object: IpamObject = config::parse(text)?;
        let network = HostLocal::configure_beside(text, &OWN_KEYS)?;
        let mut pools = pool::parse(&object.pools, &network)?;
        let default = match (object.default, object.namespaces.remove(ANY_NAMESPACE)) {
            (Some(default), Some(other)) if default != other => {
                return Err(Failure::InvalidConfig(format!(
                    "ipam.default = \"{default}\": but ipam.namespaces.* = \"{other}\", which means the same; leave one out"
                )));
            }
            (default, other) => default.or(other),
        };
        let known = |key: String, name: &String| {
            if pools.contains_key(name) {
                return Ok(());
            }
            let names: Vec<&str> = pools.keys().map(String::as_str).collect();
            Err(Failure::InvalidConfig(format!(
                "{key} = \"{name}\": there is no such pool; there are {}",
                names.join(", ")
            )))
        };
        for (namespace, name) in &object.namespaces {
            known(format!("ipam.namespaces.{namespace}"), name)?;
        }
        if let Some(name) = &default {
            known("ipam.default".to_owned(), name)?;
        }
        for (name, pool) in &mut pools {
            pool.exclusive = default.as_ref() != Some(name)
                && object.namespaces.values().any(|given| given == name);
        }
        let annotation = object.annotation.unwrap_or_else(|| ANNOTATION.to_owned());
        Ok(Self {
            pools,
            namespaces: object.namespaces,
            default,
            annotation: Some(annotation).filter(|key| !key.is_empty()),
            sticky: object.sticky,
        })
    }
}
