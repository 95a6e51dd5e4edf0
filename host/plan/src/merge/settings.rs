use std::fmt;

use ipnet::IpNet;

use super::{Once, Refusal, StageName};
use crate::{FlowDirection, LinkFlag, MacAddress, Neighbour, PortMapping, Route, SourceNat};

/// Who has set what.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) mtu: Once<(), u32>,
    pub(super) mac: Once<(), MacAddress>,
    pub(super) dns: Once<(), Text>,
    flags: Once<LinkFlag, Switch>,
    queue_length: Once<(), u32>,
    pub(super) sysctls: Once<String, String>,
    pub(super) bandwidth: Once<FlowDirection, Text>,
    pub(super) isolation: Once<(), Text>,
    masquerade: Once<(), Text>,
    pub(super) vrf: Once<(), Text>,
    neighbours: Once<std::net::IpAddr, MacAddress>,
    pub(super) routes: Vec<(StageName, Route)>,
    pub(super) ports: Vec<(StageName, PortMapping)>,
}

/// A value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switch(bool);

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

impl Settings {
    pub(super) fn flag(
        &mut self,
        stage: &StageName,
        flag: LinkFlag,
        on: bool,
    ) -> Result<(), Refusal> {
        self.flags.set(stage, flag, Switch(on))
    }

    pub(super) fn queue_length(&mut self, stage: &StageName, packets: u32) -> Result<(), Refusal> {
        self.queue_length.set(stage, (), packets)
    }

    pub(super) fn masquerade_except(
        &mut self,
        stage: &StageName,
        exclude: &[IpNet],
    ) -> Result<(), Refusal> {
        let mut networks: Vec<String> = exclude.iter().map(ToString::to_string).collect();
        networks.sort_unstable();
        let text = format!("masquerade except to [{}]", networks.join(", "));
        self.masquerade.set(stage, (), Text(text))
    }

    /// Who has forwarded a port that this one clashes with.
    pub(super) fn port_owner(&self, wanted: &PortMapping) -> Option<&(StageName, PortMapping)> {
        self.ports.iter().find(|(_, mapping)| {
            mapping
                .claims()
                .any(|claim| wanted.claims().any(|other| other.clashes(&claim)))
        })
    }

    pub(super) fn neighbour(&mut self, stage: &StageName, entry: Neighbour) -> Result<(), Refusal> {
        self.neighbours.set(stage, entry.address, entry.mac)
    }
}

impl fmt::Display for SourceNat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Local => "local",
            Self::Always => "always",
        })
    }
}
