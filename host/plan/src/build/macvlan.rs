use super::{LinkRequest, Plan};
use crate::{Macvlan, MacvlanDevice, Step};

pub(super) fn steps(request: &LinkRequest<'_>, macvlan: &Macvlan) -> Plan {
    let addressing = request.addressing;
    let mut steps = vec![Step::Macvlan(MacvlanDevice {
        name: request.attachment.interface_name.clone(),
        master: macvlan.master.clone(),
        master_in_container: macvlan.link_in_container,
        mode: macvlan.mode,
        mac: request.identity.container_mac,
        mtu: request.mtu,
        broadcast_queue_length: macvlan.broadcast_queue_length,
        alias: request.alias(),
    })];
    // Others outside this host share the network, so the kernel's duplicate address detection stays on.
    steps.extend(request.container(addressing, true, true));
    steps.extend(request.announcement());
    Plan {
        steps,
        addressing: addressing.clone(),
    }
}
