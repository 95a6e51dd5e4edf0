use super::{LinkRequest, Plan, mtu, routing};
use crate::{ContainerAddresses, ContainerRoutes, Macvlan, MacvlanDevice, Step};

pub(super) fn steps(request: &LinkRequest<'_>, macvlan: &Macvlan) -> Plan {
    let interface = &request.attachment.interface_name;
    let mut addressing = request.addressing.clone();
    addressing.routes = routing::resolve(&addressing);
    let mut steps = vec![
        Step::Macvlan(MacvlanDevice {
            name: interface.clone(),
            master: macvlan.master.clone(),
            master_in_container: macvlan.link_in_container,
            mode: macvlan.mode,
            mac: request.identity.container_mac,
            mtu: mtu(macvlan.mtu),
            broadcast_queue_length: macvlan.broadcast_queue_length,
            alias: request.alias(),
        }),
        Step::ContainerAddresses(ContainerAddresses {
            interface: interface.clone(),
            addresses: addressing.addresses.clone(),
            // Others outside this host share the network, so the kernel's detection stays on.
            duplicate_address_detection: true,
            no_prefix_route: false,
        }),
    ];
    if !addressing.routes.is_empty() {
        steps.push(Step::ContainerRoutes(ContainerRoutes {
            interface: interface.clone(),
            on_link: Vec::new(),
            routes: addressing.routes.clone(),
        }));
    }
    steps.extend(request.announcement());
    Plan { steps, addressing }
}
