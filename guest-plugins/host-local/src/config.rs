use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use wasm_cni_guest::{Failure, Route, config};

use crate::range::RangeObject;
use crate::range_set::{self, RangeSet};

/// The most routes that an answer may carry.
const MOST_ROUTES: usize = 256;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLocal {
    pub(crate) sets: Vec<RangeSet>,
    pub(crate) routes: Vec<Route>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IpamObject {
    #[serde(default)]
    ranges: Vec<Vec<RangeObject>>,
    subnet: Option<IpNet>,
    #[serde(default, deserialize_with = "config::optional_address")]
    range_start: Option<IpAddr>,
    #[serde(default, deserialize_with = "config::optional_address")]
    range_end: Option<IpAddr>,
    #[serde(default, deserialize_with = "config::optional_address")]
    gateway: Option<IpAddr>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(rename = "dataDir")]
    _data_dir: Option<String>,
    #[serde(rename = "resolvConf")]
    _resolv_conf: Option<String>,
}

impl HostLocal {
    /// Read a configuration in which these keys are another plugin's.
    ///
    /// # Errors
    /// [`Failure::InvalidConfig`], naming key and value.
    pub fn configure_beside(text: &str, keys: &[&str]) -> Result<Self, Failure> {
        let object: IpamObject = config::parse_without(text, keys)?;
        if object.routes.len() > MOST_ROUTES {
            return Err(Failure::InvalidConfig(format!(
                "ipam.routes has {} routes; at most {MOST_ROUTES} are possible",
                object.routes.len()
            )));
        }
        let old_form = object
            .old_form()?
            .map(|range| ("ipam".to_owned(), vec![range]));
        let sets: Vec<_> = old_form
            .into_iter()
            .chain(
                object
                    .ranges
                    .into_iter()
                    .enumerate()
                    .map(|(index, set)| (format!("ipam.ranges[{index}]"), set)),
            )
            .collect();
        Ok(Self {
            sets: range_set::parse(&sets, &object.exclude).map_err(Failure::InvalidConfig)?,
            routes: object.routes,
        })
    }
}

impl IpamObject {
    /// The one range that the keys beside `ranges` make.
    fn old_form(&self) -> Result<Option<RangeObject>, Failure> {
        let Some(subnet) = self.subnet else {
            let orphans = [
                ("rangeStart", self.range_start),
                ("rangeEnd", self.range_end),
                ("gateway", self.gateway),
            ];
            return match orphans
                .iter()
                .find_map(|(key, value)| Some((key, (*value)?)))
            {
                None => Ok(None),
                Some((key, value)) => Err(Failure::InvalidConfig(format!(
                    "ipam.{key} = \"{value}\": has no effect without ipam.subnet; name the subnet, or move the key \
                     into ipam.ranges"
                ))),
            };
        };
        Ok(Some(RangeObject {
            subnet,
            range_start: self.range_start,
            range_end: self.range_end,
            gateway: self.gateway,
            exclude: Vec::new(),
        }))
    }
}
