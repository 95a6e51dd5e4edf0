use std::fmt;

use serde::Deserialize;
use wasm_cni_guest::{Failure, IpFamily, PacketCondition, PortMapping, SourceNat, config};

use crate::condition;
use crate::mapping::{self, MappingObject};

/// The bit of the packet mark that the reference plugin takes; Kubernetes has 14 and 15.
const DEFAULT_MARK_BIT: u8 = 13;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portmap {
    pub(crate) mappings: Vec<PortMapping>,
    pub(crate) source_nat: SourceNat,
    pub(crate) mark_bit: u8,
    pub(crate) conditions: Vec<PacketCondition>,
    pub(crate) backend: Option<Backend>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    backend: Option<Backend>,
    snat: Option<bool>,
    masq_all: Option<bool>,
    conditions_v4: Option<Vec<String>>,
    conditions_v6: Option<Vec<String>>,
    mark_masq_bit: Option<MarkBit>,
    external_set_mark_chain: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeConfig {
    port_mappings: Option<Vec<MappingObject>>,
}

/// What the reference plugin forwards ports by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Backend {
    Iptables,
    Nftables,
}

impl TryFrom<String> for Backend {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "iptables" => Ok(Self::Iptables),
            "nftables" => Ok(Self::Nftables),
            _ => Err("is unknown; there are iptables and nftables, or leave the key out"),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
        })
    }
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct MarkBit(u8);

impl TryFrom<i64> for MarkBit {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u8::try_from(number) {
            Ok(bit @ 0..=31) => Ok(Self(bit)),
            _ => Err("is no bit of the packet mark; its bits are 0 to 31"),
        }
    }
}

impl Portmap {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        if let Some(chain) = object.external_set_mark_chain {
            return Err(Failure::InvalidConfig(format!(
                "externalSetMarkChain = \"{chain}\": names an iptables chain, and ports are forwarded by nftables, which \
                 can't call it; leave the key out, and choose the bit of the mark by markMasqBit"
            )));
        }
        let mut conditions = Vec::new();
        for (key, family, words) in [
            ("conditionsV4", IpFamily::Ipv4, object.conditions_v4),
            ("conditionsV6", IpFamily::Ipv6, object.conditions_v6),
        ] {
            let read = condition::read(family, &words.unwrap_or_default());
            conditions
                .extend(read.map_err(|error| Failure::InvalidConfig(format!("{key} = {error}")))?);
        }
        Ok(Self {
            mappings: mappings(config::runtime_config(text)?)?,
            source_nat: match (object.snat, object.masq_all) {
                (Some(false), _) => SourceNat::Never,
                (_, Some(true)) => SourceNat::Always,
                _ => SourceNat::Local,
            },
            mark_bit: object.mark_masq_bit.map_or(DEFAULT_MARK_BIT, |bit| bit.0),
            conditions,
            backend: object.backend,
        })
    }
}

fn mappings(runtime_config: RuntimeConfig) -> Result<Vec<PortMapping>, Failure> {
    let mappings: Vec<PortMapping> = runtime_config
        .port_mappings
        .unwrap_or_default()
        .into_iter()
        .map(PortMapping::from)
        .collect();
    let Some((earlier, later)) = mapping::clash(&mappings) else {
        return Ok(mappings);
    };
    let port = mappings.get(later).map_or(0, |mapping| mapping.host_port);
    Err(Failure::InvalidConfig(format!(
        "runtimeConfig.portMappings[{later}].hostPort = {port}: portMappings[{earlier}] has the same port, protocol and \
         address already; a port of the host leads to one port of one container"
    )))
}
