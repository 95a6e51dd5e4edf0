//! `runtimeConfig`: what the runtime passes for the capabilities that the config declares.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::range::{RangeConfig, read_sets};
use super::section::{Problems, Section};
use crate::lenient::{null_as_default, optional_address};

/// The capability under which containerd passes the annotations of a pod.
pub const POD_ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";

/// The well-known capabilities. Others stay in the raw config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `portMappings`.
    pub port_mappings: Vec<PortMapping>,
    /// `ipRanges`: one address out of each inner list; ranges as written.
    pub ip_ranges: Vec<Vec<RangeConfig>>,
    /// `bandwidth`.
    pub bandwidth: Option<Bandwidth>,
    /// `dns`.
    pub dns: Option<RuntimeDns>,
    /// `ips`: each an address with or without a prefix length, unread.
    pub ips: Vec<String>,
    /// `mac`, unread.
    pub mac: Option<String>,
    /// `infinibandGUID`.
    pub infiniband_guid: Option<String>,
    /// `deviceID`: a PCI or auxiliary device.
    pub device_id: Option<String>,
    /// `aliases`: names of the container in the network.
    pub aliases: Vec<String>,
    /// `cgroupPath`.
    pub cgroup_path: Option<String>,
    /// `io.kubernetes.cri.pod-annotations`.
    pub pod_annotations: BTreeMap<String, String>,
}

/// A port of the host that leads to one of the container. Runtimes that use the library go-cni begin its keys with capital
/// letters, which Go reads alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The host's port.
    #[serde(alias = "HostPort")]
    pub host_port: NonZeroU16,
    /// The container's port.
    #[serde(alias = "ContainerPort")]
    pub container_port: NonZeroU16,
    /// The protocol, TCP by default.
    #[serde(default, alias = "Protocol", deserialize_with = "null_as_default")]
    pub protocol: Protocol,
    /// The one address of the host to which this is bound; `None` for all.
    #[serde(
        default,
        rename = "hostIP",
        alias = "HostIP",
        deserialize_with = "optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_ip: Option<IpAddr>,
}

/// A transport protocol, in any case of letters.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    #[serde(alias = "TCP", alias = "")]
    Tcp,
    /// UDP.
    #[serde(alias = "UDP")]
    Udp,
    /// SCTP.
    #[serde(alias = "SCTP")]
    Sctp,
}

/// Rates in bits per second and bursts in bits; zero for no limit. Seen from the container:
/// ingress is what it receives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bandwidth {
    /// `ingressRate`.
    #[serde(alias = "IngressRate")]
    pub ingress_rate: u64,
    /// `ingressBurst`.
    #[serde(alias = "IngressBurst")]
    pub ingress_burst: u64,
    /// `egressRate`.
    #[serde(alias = "EgressRate")]
    pub egress_rate: u64,
    /// `egressBurst`.
    #[serde(alias = "EgressBurst")]
    pub egress_burst: u64,
}

/// `dns` of the runtime, whose keys differ from those of the config's `dns`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeDns {
    /// Addresses of name servers.
    #[serde(alias = "Servers", deserialize_with = "null_as_default")]
    pub servers: Vec<String>,
    /// Search domains.
    #[serde(alias = "Searches", deserialize_with = "null_as_default")]
    pub searches: Vec<String>,
    /// Options of the resolver.
    #[serde(alias = "Options", deserialize_with = "null_as_default")]
    pub options: Vec<String>,
}

impl RuntimeConfig {
    pub(super) fn read(object: &Map<String, Value>, problems: &mut Problems) -> Self {
        let section = Section::new(object, "runtimeConfig");
        let mut text = |key| {
            problems
                .note(section.read::<String>(key))
                .filter(|v| !v.is_empty())
        };
        let (mac, infiniband_guid) = (text("mac"), text("infinibandGUID"));
        let (device_id, cgroup_path) = (text("deviceID"), text("cgroupPath"));
        Self {
            port_mappings: problems.note(section.read_objects("portMappings")),
            ip_ranges: problems.note(read_sets(&section, "ipRanges")),
            bandwidth: problems.note(section.read_object("bandwidth")),
            dns: problems.note(section.read_object("dns")),
            ips: problems.note(section.read("ips")).unwrap_or_default(),
            mac,
            infiniband_guid,
            device_id,
            aliases: problems.note(section.read("aliases")).unwrap_or_default(),
            cgroup_path,
            pod_annotations: problems
                .note(section.read(POD_ANNOTATIONS))
                .unwrap_or_default(),
        }
    }
}
