//! Links that are inside the container alone.

use plan::{
    DeviceMove, DummyDevice, IpvlanDevice, MacAddress, MacvlanDevice, Mismatch, TapDevice,
    VlanDevice,
};

use super::Differences;
use super::link::link;
use crate::linux::{Linux, find, ipvlan, macvlan};
use crate::netlink::LinkState;
use crate::{KernelError, Place};

/// What each of them is compared by.
struct Expected<'a> {
    name: &'a str,
    kind: &'a str,
    mac: Option<MacAddress>,
    mtu: Option<u32>,
}

impl Linux {
    pub(super) fn compare_macvlan(
        &self,
        wanted: &MacvlanDevice,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: "macvlan",
            mac: Some(wanted.mac),
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |differences, found| {
            if let Some(mode) = found.macvlan_mode {
                let object = format!("mode of {}", wanted.name);
                differences.equal(object, macvlan::mode(wanted.mode), mode);
            }
            Ok(())
        })
    }

    pub(super) fn compare_ipvlan(
        &self,
        wanted: &IpvlanDevice,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: "ipvlan",
            // It follows the master's.
            mac: None,
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |differences, found| {
            if let Some(mode) = found.ipvlan_mode {
                let object = format!("mode of {}", wanted.name);
                differences.equal(object, ipvlan::mode(wanted.mode), mode);
            }
            Ok(())
        })
    }

    pub(super) fn compare_vlan(&self, wanted: &VlanDevice) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: "vlan",
            mac: Some(wanted.mac),
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |differences, found| {
            if let Some(id) = found.vlan_id {
                differences.equal(format!("VLAN of {}", wanted.name), wanted.id, id);
            }
            Ok(())
        })
    }

    pub(super) fn compare_device(&self, wanted: &DeviceMove) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: &wanted.device.kind,
            mac: wanted.mac_inside(),
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |_, _| Ok(()))
    }

    pub(super) fn compare_dummy(&self, wanted: &DummyDevice) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: "dummy",
            mac: Some(wanted.mac),
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |_, _| Ok(()))
    }

    pub(super) fn compare_tap(&self, wanted: &TapDevice) -> Result<Vec<Mismatch>, KernelError> {
        let expected = Expected {
            name: &wanted.name,
            kind: "tun",
            mac: Some(wanted.mac),
            mtu: wanted.mtu,
        };
        self.compare_inside(&expected, |differences, found| {
            let name = &wanted.name;
            let tun = found.tun;
            let several = |on: bool| if on { "several" } else { "one" };
            differences.equal(
                format!("queues of {name}"),
                several(wanted.multi_queue),
                several(tun.multi_queue),
            );
            for (what, wanted, found) in [
                ("owner", wanted.owner, tun.owner),
                ("group", wanted.group, tun.group),
            ] {
                if let Some(id) = wanted {
                    let object = format!("{what} of {name}");
                    let text = found.map_or_else(|| "nobody".to_owned(), |found| found.to_string());
                    differences.unless(found == Some(id), object, id, text);
                }
            }
            self.compare_tap_port(differences, wanted, found)
        })
    }

    fn compare_tap_port(
        &self,
        differences: &mut Differences,
        wanted: &TapDevice,
        found: &LinkState,
    ) -> Result<(), KernelError> {
        let Some(bridge) = &wanted.bridge else {
            return Ok(());
        };
        let container = self.container(|| format!("checking {}", wanted.name))?;
        let bridge_index = find(container.route(), bridge)?.map(|bridge| bridge.index);
        differences.unless(
            bridge_index.is_some() && found.controller == bridge_index,
            format!("port {}", wanted.name),
            format!("on bridge {bridge}"),
            "not on it",
        );
        Ok(())
    }

    fn compare_inside(
        &self,
        expected: &Expected<'_>,
        more: impl FnOnce(&mut Differences, &LinkState) -> Result<(), KernelError>,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", expected.name))?;
        let Some(found) = find(container.route(), expected.name)? else {
            return Ok(differences.missing(link(expected.name, Place::Container)));
        };
        match expected.mac {
            Some(mac) => differences.identity(&found, expected.kind, mac),
            None => {
                let object = format!("kind of {}", expected.name);
                differences.equal(object, expected.kind, found.kind.as_str());
            }
        }
        if let Some(mtu) = expected.mtu {
            differences.equal(format!("MTU of {}", expected.name), mtu, found.mtu);
        }
        more(&mut differences, &found)?;
        Ok(differences.found)
    }
}
