//! The links of a plan as the CNI result would list them.

use kernel::{LinkFact, Side};
use plan::{MacAddress, Step};

/// The kernel's default of Ethernet links.
pub(super) const ETHERNET_MTU: u32 = 1500;
const LOOPBACK_MTU: u32 = 65536;

/// In the order of the steps, as the kernel tells them.
pub(super) fn of_steps<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<LinkFact> {
    steps.into_iter().flat_map(of_step).collect()
}

fn of_step(step: &Step) -> Vec<LinkFact> {
    let fact = |name: &str, mac, mtu: Option<u32>, side| LinkFact {
        name: name.to_owned(),
        mac: Some(mac),
        mtu: mtu.unwrap_or(ETHERNET_MTU),
        side,
        trace: None,
    };
    let inside = |name: &str, mac, mtu| vec![fact(name, mac, mtu, Side::Container)];
    match step {
        Step::Bridge(bridge) => vec![fact(&bridge.name, bridge.mac, bridge.mtu, Side::Host)],
        Step::VlanGateway(gateway) => {
            // The kernel makes it up.
            let mac = MacAddress::from_seed(gateway.name.as_bytes());
            vec![fact(&gateway.name, mac, None, Side::Host)]
        }
        Step::Veth(veth) => vec![
            fact(&veth.host_name, veth.host_mac, veth.mtu, Side::Host),
            fact(
                &veth.container_name,
                veth.container_mac,
                veth.mtu,
                Side::Container,
            ),
        ],
        Step::Macvlan(macvlan) => inside(&macvlan.name, macvlan.mac, macvlan.mtu),
        Step::Ipvlan(ipvlan) => inside(&ipvlan.name, ipvlan.mac, ipvlan.mtu),
        Step::Vlan(vlan) => inside(&vlan.name, vlan.mac, vlan.mtu),
        Step::Dummy(dummy) => inside(&dummy.name, dummy.mac, dummy.mtu),
        Step::Tap(tap) => inside(&tap.name, tap.mac, tap.mtu),
        Step::HostDevice(moved) => vec![LinkFact {
            name: moved.name.clone(),
            mac: moved.mac_inside(),
            mtu: moved.mtu.unwrap_or(moved.device.mtu),
            side: Side::Container,
            trace: None,
        }],
        Step::Loopback {} => {
            let none = MacAddress([0; 6]);
            vec![fact("lo", none, Some(LOOPBACK_MTU), Side::Container)]
        }
        Step::Ifb(ifb) => vec![fact(&ifb.name, ifb.mac, ifb.mtu, Side::Host)],
        _ => Vec::new(),
    }
}
