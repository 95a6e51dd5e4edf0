//! Links that are inside the container alone.

use super::{LinkRequest, Plan};
use crate::attachment::hashed_interface_name;
use crate::{
    DeviceMove, DummyDevice, HostDevice, Ipvlan, IpvlanDevice, Macvlan, MacvlanDevice, Step, Tap,
    TapDevice, Vlan, VlanDevice,
};

/// Others outside this host share the network, so the kernel's duplicate address detection stays on.
const SHARED: bool = true;
/// Nobody is at the other end who could have the address.
const ALONE: bool = false;

pub(super) fn macvlan(request: &LinkRequest<'_>, macvlan: &Macvlan) -> Plan {
    let device = Step::Macvlan(MacvlanDevice {
        name: request.attachment.interface_name.clone(),
        master: macvlan.master.clone(),
        master_in_container: macvlan.link_in_container,
        mode: macvlan.mode,
        mac: request.identity.container_mac,
        mtu: request.mtu,
        broadcast_queue_length: macvlan.broadcast_queue_length,
        alias: request.alias(),
    });
    plan(request, device, SHARED, request.announcement())
}

/// It can't be given its Ethernet address again, so the kernel is told to speak when it comes up.
pub(super) fn ipvlan(request: &LinkRequest<'_>, ipvlan: &Ipvlan) -> Plan {
    let device = Step::Ipvlan(IpvlanDevice {
        name: request.attachment.interface_name.clone(),
        provisional_name: provisional_name("ipv", request),
        master: ipvlan.master.clone(),
        master_in_container: ipvlan.link_in_container,
        mode: ipvlan.mode,
        mac: request.identity.container_mac,
        mtu: request.mtu,
        alias: request.alias(),
    });
    plan(request, device, SHARED, None)
}

pub(super) fn vlan(request: &LinkRequest<'_>, vlan: &Vlan) -> Plan {
    let device = Step::Vlan(VlanDevice {
        name: request.attachment.interface_name.clone(),
        provisional_name: provisional_name("vln", request),
        master: vlan.master.clone(),
        master_in_container: vlan.link_in_container,
        id: vlan.vlan_id,
        mac: request.identity.container_mac,
        mtu: request.mtu,
        alias: request.alias(),
    });
    plan(request, device, SHARED, request.announcement())
}

/// A device that user space drives has no interface: the container gets addresses for it and no steps.
pub(super) fn host_device(request: &LinkRequest<'_>, wanted: &HostDevice) -> Plan {
    let Some(device) = request.device else {
        return Plan {
            steps: Vec::new(),
            addressing: request.addressing.clone(),
        };
    };
    let mac = request.identity.container_mac;
    let differs = device.mac.is_some_and(|own| own != mac);
    let asked_for = wanted.selector().map(|selector| selector.to_string());
    let moved = Step::HostDevice(DeviceMove {
        asked_for: asked_for.unwrap_or_default(),
        device: device.clone(),
        name: request.attachment.interface_name.clone(),
        mac: differs.then_some(mac),
        mtu: request.mtu.filter(|mtu| *mtu != device.mtu),
    });
    plan(request, moved, SHARED, None)
}

pub(super) fn dummy(request: &LinkRequest<'_>) -> Plan {
    let device = Step::Dummy(DummyDevice {
        name: request.attachment.interface_name.clone(),
        mac: request.identity.container_mac,
        mtu: request.mtu,
        alias: request.alias(),
    });
    plan(request, device, ALONE, None)
}

/// Nobody has opened it yet, so there is nobody to tell.
pub(super) fn tap(request: &LinkRequest<'_>, tap: &Tap) -> Plan {
    let device = Step::Tap(TapDevice {
        name: request.attachment.interface_name.clone(),
        mac: request.identity.container_mac,
        mtu: request.mtu,
        alias: request.alias(),
        multi_queue: tap.multi_queue,
        owner: tap.owner,
        group: tap.group,
        bridge: tap.bridge.clone(),
    });
    plan(request, device, ALONE, None)
}

fn plan(
    request: &LinkRequest<'_>,
    device: Step,
    duplicate_address_detection: bool,
    announcement: Option<Step>,
) -> Plan {
    let addressing = request.addressing;
    let mut steps = vec![device];
    steps.extend(request.container(addressing, duplicate_address_detection, true));
    steps.extend(announcement);
    Plan {
        steps,
        addressing: addressing.clone(),
    }
}

/// Its Ethernet address is the master's, so what tells it from others is made from the address that nobody else has.
fn provisional_name(prefix: &str, request: &LinkRequest<'_>) -> String {
    hashed_interface_name(prefix, &request.identity.host_mac.0)
}

#[cfg(test)]
mod tests;
