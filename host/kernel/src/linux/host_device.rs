//! Devices of the host that go into a container and come back.

mod entrance;
mod locate;
mod returning;

use plan::{DeviceMove, DeviceState, is_interface_name};
use rtnetlink::LinkUnspec;

use super::{Linux, find, find_required};
use crate::{KernelError, LinkFact, Performed, Place, Side};

pub use locate::HostDeviceFound;

impl Linux {
    /// A device inside the container that somebody moved there, as its alias says; None where there is none of this name.
    ///
    /// # Errors
    /// When there is no container, or it can't be asked.
    pub fn moved_device(&self, name: &str) -> Result<Option<DeviceMove>, KernelError> {
        let container = self.container(|| format!("looking for {name}"))?;
        let Some(link) = find(container.route(), name)? else {
            return Ok(None);
        };
        let Some(own_name) = link.alias.filter(|alias| is_interface_name(alias)) else {
            return Ok(None);
        };
        Ok(Some(DeviceMove {
            asked_for: own_name.clone(),
            device: DeviceState {
                name: own_name,
                kind: link.kind,
                mac: link.mac,
                mtu: link.mtu,
                alias: None,
                up: false,
            },
            name: name.to_owned(),
            mac: None,
            mtu: None,
        }))
    }

    /// All in one message, so that there is no moment in which the device is nowhere or has a name of ours on the host.
    pub(super) fn move_device(&mut self, wanted: &DeviceMove) -> Result<Performed, KernelError> {
        let doing = || format!("moving {} into the container", wanted.device.name);
        let container = self.container(doing)?;
        let found = find(&self.host, &wanted.device.name)?
            .filter(|found| found.kind == wanted.device.kind && found.mac == wanted.device.mac)
            .ok_or_else(|| KernelError::NotFound {
                name: wanted.device.name.clone(),
                place: Place::Host,
            })?;
        let mut message = LinkUnspec::new_with_index(found.index)
            .setns_by_fd(container.descriptor())
            .name(&wanted.name)
            // Where the reference plugin keeps it, so that either can bring the other's back.
            .alias(&wanted.device.name);
        if let Some(mac) = wanted.mac {
            message = message.address(mac.0.to_vec());
        }
        if let Some(mtu) = wanted.mtu {
            message = message.mtu(mtu);
        }
        self.host
            .set_link(message.build())
            .map_err(|refusal| refusal.when(doing()))?;
        let moved = find_required(container.route(), &wanted.name, Place::Container)?;
        Ok(Performed::links([LinkFact {
            name: wanted.name.clone(),
            mac: moved.mac,
            mtu: moved.mtu,
            side: Side::Container,
            trace: None,
        }]))
    }
}
