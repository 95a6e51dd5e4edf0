use std::fmt;

use serde::{Deserialize, Serialize};

use super::lenient::empty_is_none;
use super::name_problem;
use crate::MacAddress;

/// `link.kind` = `host-device`. Which device it is, is said in one way; where several are given, the first of
/// [`DeviceSelector`] holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostDevice {
    /// The interface's name on the host.
    #[serde(
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub device: Option<String>,
    /// The interface's Ethernet address.
    #[serde(
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub hwaddr: Option<String>,
    /// The device's directory below `/sys/devices`.
    #[serde(
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub kernelpath: Option<String>,
    /// The device's address on the PCI bus, as `0000:00:1f.6`.
    #[serde(
        rename = "pciBusID",
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub pci_bus_id: Option<String>,
    /// What the runtime has chosen (`runtimeConfig.deviceID`): a PCI address, or the name of a device of the auxiliary bus.
    #[serde(skip)]
    pub device_id: Option<String>,
}

/// What leads to a device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceSelector {
    /// A PCI address, or the name of a device of the auxiliary bus, whichever there is.
    Id(String),
    /// The interface's name.
    Name(String),
    /// The interface's Ethernet address.
    Mac(MacAddress),
    /// A directory below `/sys/devices`.
    KernelPath(String),
    /// A PCI address.
    PciAddress(String),
}

impl HostDevice {
    /// What leads to the device; None where nothing that can be read does.
    #[must_use]
    pub fn selector(&self) -> Option<DeviceSelector> {
        if let Some(id) = &self.device_id {
            return Some(DeviceSelector::Id(id.clone()));
        }
        if let Some(name) = &self.device {
            return Some(DeviceSelector::Name(name.clone()));
        }
        if let Some(text) = &self.hwaddr {
            return Some(DeviceSelector::Mac(text.parse().ok()?));
        }
        if let Some(path) = &self.kernelpath {
            return Some(DeviceSelector::KernelPath(path.clone()));
        }
        let address = self.pci_bus_id.clone();
        address.map(DeviceSelector::PciAddress)
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(name_problem("link.device", self.device.as_deref()));
        if let Some(text) = &self.hwaddr
            && let Err(error) = text.parse::<MacAddress>()
        {
            problems.push(format!("link.hwaddr: {error}"));
        }
        if let Some(path) = self
            .kernelpath
            .as_deref()
            .filter(|path| !is_sysfs_device(path))
        {
            problems.push(format!(
                "link.kernelpath: {path:?} is not a path below /sys/devices/"
            ));
        }
        let ids = [
            ("link.pciBusID", &self.pci_bus_id),
            ("runtimeConfig.deviceID", &self.device_id),
        ];
        for (key, id) in ids {
            if let Some(id) = id.as_deref().filter(|id| !is_bus_id(id)) {
                problems.push(format!("{key}: {id:?} names no device of a bus"));
            }
        }
        if problems.is_empty() && self.selector().is_none() {
            problems.push(
                "link: a host-device needs one of `device`, `hwaddr`, `kernelpath` and `pciBusID`, or the capability `deviceID` of the runtime"
                    .into(),
            );
        }
        problems
    }
}

/// Only what stays below: the path is opened by root.
fn is_sysfs_device(path: &str) -> bool {
    path.strip_prefix("/sys/devices/")
        .is_some_and(|rest| !rest.is_empty() && rest.split('/').all(|part| part != ".."))
}

/// One part of a path.
fn is_bus_id(id: &str) -> bool {
    !id.is_empty() && id != "." && id != ".." && !id.contains(['/', '\0'])
}

impl fmt::Display for DeviceSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "device {id}"),
            Self::Name(name) => f.write_str(name),
            Self::Mac(mac) => write!(f, "interface with Ethernet address {mac}"),
            Self::KernelPath(path) => write!(f, "interface of {path}"),
            Self::PciAddress(address) => write!(f, "interface of PCI device {address}"),
        }
    }
}
