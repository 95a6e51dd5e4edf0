use std::fs;
use std::path::{Path, PathBuf};

use plan::{DeviceSelector, DeviceState};

use super::{Linux, find};
use crate::KernelError;
use crate::netlink::LinkState;

const PCI: &str = "/sys/bus/pci/devices";
const AUXILIARY: &str = "/sys/bus/auxiliary/devices";
/// Drivers that hand a device to a program (DPDK), as the reference plugin knows them.
const USER_SPACE_DRIVERS: [&str; 3] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/// What a selector leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostDeviceFound {
    /// An interface of the host.
    Interface(DeviceState),
    /// A PCI device that a program drives: there is no interface that could be moved.
    UserSpace {
        /// Its driver.
        driver: String,
    },
}

impl Linux {
    /// The device of the host that is meant.
    ///
    /// # Errors
    /// When there is none, it can't be moved, or the kernel can't be asked.
    pub fn find_host_device(
        &self,
        selector: &DeviceSelector,
    ) -> Result<HostDeviceFound, KernelError> {
        let missing = |why: &str| KernelError::NoDevice {
            device: selector.to_string(),
            why: why.to_owned(),
        };
        let link = match selector {
            DeviceSelector::Name(name) => find(&self.host, name)?,
            DeviceSelector::Mac(_) => self.by_address(selector)?,
            DeviceSelector::KernelPath(path) => self.of_directory(&Path::new(path).join("net"))?,
            DeviceSelector::PciAddress(address) => {
                let device = Path::new(PCI).join(address);
                if let Some(driver) = user_space_driver(&device) {
                    return Ok(HostDeviceFound::UserSpace { driver });
                }
                self.of_pci(&device)?
            }
            DeviceSelector::Id(id) => {
                let (pci, auxiliary) = (Path::new(PCI).join(id), Path::new(AUXILIARY).join(id));
                if let Some(driver) = user_space_driver(&pci) {
                    return Ok(HostDeviceFound::UserSpace { driver });
                }
                if pci.exists() {
                    self.of_pci(&pci)?
                } else if auxiliary.exists() {
                    self.of_directory(&auxiliary.join("net"))?
                } else {
                    return Err(missing("neither the PCI nor the auxiliary bus has it"));
                }
            }
        };
        let link = link.ok_or_else(|| missing("it has no interface here"))?;
        self.is_free(&link)?;
        Ok(HostDeviceFound::Interface(DeviceState {
            name: link.name,
            kind: link.kind,
            mac: link.mac,
            mtu: link.mtu,
            alias: link.alias,
            up: link.up,
        }))
    }

    /// The first with this address that no other link sits on: a VLAN has the address of what is below.
    fn by_address(&self, selector: &DeviceSelector) -> Result<Option<LinkState>, KernelError> {
        let DeviceSelector::Mac(mac) = selector else {
            return Ok(None);
        };
        let links = self.host.links(None);
        let mut links = links.map_err(|refusal| refusal.when("reading the host's links"))?;
        links.retain(|link| link.mac == Some(*mac));
        links.sort_by_key(|link| (link.lower.is_some(), link.index));
        Ok(links.into_iter().next())
    }

    fn of_pci(&self, device: &Path) -> Result<Option<LinkState>, KernelError> {
        let own = device.join("net");
        if own.is_dir() {
            return self.of_directory(&own);
        }
        // A virtio device is one step below its PCI device.
        let below = entries(device).into_iter().find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("virtio")) && path.join("net").is_dir()
        });
        match below {
            Some(virtio) => self.of_directory(&virtio.join("net")),
            None => Ok(None),
        }
    }

    /// The interface that a directory of sysfs names.
    fn of_directory(&self, net: &Path) -> Result<Option<LinkState>, KernelError> {
        let first = entries(net).into_iter().next();
        let name = first.as_deref().and_then(Path::file_name);
        match name.and_then(|name| name.to_str()) {
            Some(name) => find(&self.host, name),
            None => Ok(None),
        }
    }

    /// A port that is moved would be missing in its bridge or bond, and would not be put back.
    fn is_free(&self, link: &LinkState) -> Result<(), KernelError> {
        let Some(index) = link.controller else {
            return Ok(());
        };
        let controller = self.host.link_by_index(index, None);
        let controller =
            controller.map_err(|refusal| refusal.when(format!("reading {}", link.name)))?;
        Err(KernelError::DeviceIsPort {
            device: link.name.clone(),
            controller: controller.map_or_else(|| index.to_string(), |each| each.description()),
        })
    }
}

fn user_space_driver(device: &Path) -> Option<String> {
    let driver = fs::canonicalize(device.join("driver")).ok()?;
    let name = driver.file_name()?.to_str()?;
    USER_SPACE_DRIVERS.contains(&name).then(|| name.to_owned())
}

/// In the order of their names; empty where there is no such directory.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}
