mod device;

use std::io;

use netlink_packet_route::link::LinkMessage;
use plan::TapDevice;
use rtnetlink::LinkUnspec;

use super::on_master::performed;
use super::{Linux, find_required, set};
use crate::netlink::LinkState;
use crate::{KernelError, Netns, Performed, Place};

impl Linux {
    /// It is made to stay only when it has all that it is recognised by: until then it goes with its descriptor, so a
    /// process that is killed leaves nothing.
    pub(super) fn make_tap(&mut self, wanted: &TapDevice) -> Result<Performed, KernelError> {
        let doing = || format!("making tap {}", wanted.name);
        let container = self.container(doing)?;
        let route = container.route();
        let bridge = match &wanted.bridge {
            Some(name) => Some(bridge(container, name)?),
            None => None,
        };
        let device = open(container, wanted)?;
        let made = find_required(route, &wanted.name, Place::Container)?;
        set(route, settings(wanted, &made, bridge.as_ref()), doing)?;
        device.persist().map_err(|source| why_not(wanted, source))?;
        let made = find_required(route, &wanted.name, Place::Container)?;
        Ok(performed(&wanted.name, wanted.mac, &made))
    }
}

fn bridge(container: &Netns, name: &str) -> Result<LinkState, KernelError> {
    let found = find_required(container.route(), name, Place::Container)?;
    if found.kind == "bridge" {
        return Ok(found);
    }
    Err(KernelError::WrongKind {
        name: name.to_owned(),
        wanted: "bridge",
        found: found.description(),
    })
}

/// A tap belongs to the namespace of the thread that opens it.
fn open(container: &Netns, wanted: &TapDevice) -> Result<device::Tap, KernelError> {
    let inside = wanted.clone();
    let opened = container.run(move || device::Tap::create(&inside))?;
    opened.map_err(|source| why_not(wanted, source))
}

fn settings(wanted: &TapDevice, made: &LinkState, bridge: Option<&LinkState>) -> LinkMessage {
    let mut message = LinkUnspec::new_with_index(made.index)
        .address(wanted.mac.0.to_vec())
        .alias(&wanted.alias);
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    if let Some(bridge) = bridge {
        message = message.controller(bridge.index);
    }
    message.build()
}

fn why_not(wanted: &TapDevice, source: io::Error) -> KernelError {
    let doing = format!("making tap {}", wanted.name);
    match source.raw_os_error() {
        // An interface of another kind, or a tap that somebody has.
        Some(libc::EBUSY | libc::EEXIST | libc::EINVAL) => KernelError::InterfaceExists {
            name: wanted.name.clone(),
            place: Place::Container,
        },
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => KernelError::NoLinkKind {
            doing,
            kind: "tap",
            module: "tun",
        },
        Some(libc::EPERM | libc::EACCES) => KernelError::Permission { doing },
        _ => KernelError::Device {
            doing,
            path: device::PATH,
            source,
        },
    }
}
