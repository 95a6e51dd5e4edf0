//! Links that are inside the container alone.

use serde::{Deserialize, Serialize};

use crate::{IpvlanMode, MacAddress};

/// See [`crate::Step::Ipvlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpvlanDevice {
    /// The name inside the container.
    pub name: String,
    /// Its name until it is finished.
    pub provisional_name: String,
    /// The interface below; None means the one of the default route.
    pub master: Option<String>,
    /// The master is inside the container.
    pub master_in_container: bool,
    /// On which layer packets are handed on.
    pub mode: IpvlanMode,
    /// The master's Ethernet address, which it shares.
    pub mac: MacAddress,
    /// In bytes; None means the master's.
    pub mtu: Option<u32>,
    /// `IFLA_IFALIAS`: our tag and the addresses.
    pub alias: String,
}

/// See [`crate::Step::Vlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VlanDevice {
    /// The name inside the container.
    pub name: String,
    /// Its name until it is finished.
    pub provisional_name: String,
    /// The interface below.
    pub master: String,
    /// The master is inside the container.
    pub master_in_container: bool,
    /// The VLAN, 0–4094.
    pub id: u16,
    /// Its Ethernet address: the master's, unless another was asked for.
    pub mac: MacAddress,
    /// In bytes; None means the master's.
    pub mtu: Option<u32>,
    /// `IFLA_IFALIAS`: our tag and the addresses.
    pub alias: String,
}

/// See [`crate::Step::Dummy`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DummyDevice {
    /// The name inside the container.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// In bytes; None means the kernel's default.
    pub mtu: Option<u32>,
    /// `IFLA_IFALIAS`: our tag and the addresses.
    pub alias: String,
}

/// See [`crate::Step::Tap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapDevice {
    /// The name inside the container.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// In bytes; None means the kernel's default.
    pub mtu: Option<u32>,
    /// `IFLA_IFALIAS`: our tag and the addresses.
    pub alias: String,
    /// It has several queues.
    pub multi_queue: bool,
    /// The user that may open it.
    pub owner: Option<u32>,
    /// The group that may open it.
    pub group: Option<u32>,
    /// The bridge inside the container whose port it is.
    pub bridge: Option<String>,
}

/// A device of the host as it was found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceState {
    /// Its name on the host.
    pub name: String,
    /// `IFLA_INFO_KIND`; empty for physical devices.
    pub kind: String,
    /// Its Ethernet address; None where it has none.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
    /// `IFLA_IFALIAS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// It was up.
    pub up: bool,
}

/// See [`crate::Step::HostDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceMove {
    /// What led to the device.
    pub asked_for: String,
    /// The device.
    pub device: DeviceState,
    /// The name inside the container.
    pub name: String,
    /// The Ethernet address that it gets instead of its own.
    pub mac: Option<MacAddress>,
    /// In bytes, instead of its own.
    pub mtu: Option<u32>,
}

impl DeviceMove {
    /// The Ethernet address that it has inside the container.
    #[must_use]
    pub fn mac_inside(&self) -> Option<MacAddress> {
        self.mac.or(self.device.mac)
    }
}
