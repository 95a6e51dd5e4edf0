use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{InterfaceAddress, MacAddress, Neighbour, Route, RoutingRule};

/// See [`crate::Step::Sysctl`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSysctl {
    /// The path below `/proc/sys`: `net/ipv4/conf/eth0/arp_filter`.
    pub path: String,
    /// The value to set.
    pub value: String,
    /// The value before; None where the attachment itself brings the sysctl forth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// See [`crate::Step::LinkSettings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkSettings {
    /// The container's interface.
    pub interface: String,
    /// What to set.
    pub wanted: LinkAttributes,
    /// What it was before, of the same attributes; None where the attachment makes the interface itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LinkAttributes>,
}

/// Attributes of a link; None: not touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkAttributes {
    /// Its Ethernet address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// `IFF_PROMISC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promiscuous: Option<bool>,
    /// `IFF_ALLMULTI`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_multicast: Option<bool>,
    /// In packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmit_queue_length: Option<u32>,
}

/// See [`crate::Step::RoutingRules`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingRules {
    /// The rules.
    pub rules: Vec<RoutingRule>,
}

/// See [`crate::Step::Neighbours`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbours {
    /// The container's interface.
    pub interface: String,
    /// The entries.
    pub neighbours: Vec<Neighbour>,
}

/// See [`crate::Step::AmendAddresses`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressAmendment {
    /// The container's interface.
    pub interface: String,
    /// Removed first. What is missing is no error.
    pub remove: Vec<InterfaceAddress>,
    /// Added then. What is there is no error.
    pub add: Vec<InterfaceAddress>,
}

/// See [`crate::Step::AmendRoutes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteAmendment {
    /// The container's interface that they go through.
    pub interface: String,
    /// Removed first. What is missing is no error.
    pub remove: Vec<Route>,
    /// Added then. What is there is no error.
    pub add: Vec<Route>,
}

impl LinkAttributes {
    /// Does it touch nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

impl AddressAmendment {
    /// What takes it back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            interface: self.interface.clone(),
            remove: self.add.clone(),
            add: self.remove.clone(),
        }
    }

    /// The addresses that are there afterwards.
    pub fn added(&self) -> impl Iterator<Item = IpAddr> {
        self.add.iter().map(|entry| entry.address.addr())
    }
}

impl RouteAmendment {
    /// What takes it back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            interface: self.interface.clone(),
            remove: self.add.clone(),
            add: self.remove.clone(),
        }
    }
}
