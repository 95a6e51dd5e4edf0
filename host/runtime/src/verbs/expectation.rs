//! What CHECK may expect: what is recorded, as far as the final result still says so. What later plugins of the chain
//! changed is theirs (CNI 1.1.0, "CHECK").

use cni::result::CniResult;
use plan::{MacAddress, Route, Step};

/// The step as it should be found; None where the final result no longer holds anything of it.
pub(super) fn expectation(step: &Step, last: &CniResult) -> Option<Step> {
    let mut step = step.clone();
    match &mut step {
        Step::Veth(veth) => {
            if let Some(mac) = mac_of(last, &veth.container_name) {
                veth.container_mac = mac;
            }
            veth.mtu = mtu_of(last, &veth.container_name);
        }
        Step::Macvlan(macvlan) => {
            if let Some(mac) = mac_of(last, &macvlan.name) {
                macvlan.mac = mac;
            }
            macvlan.mtu = mtu_of(last, &macvlan.name);
        }
        Step::Ipvlan(ipvlan) => {
            ipvlan.mtu = mtu_of(last, &ipvlan.name).or(ipvlan.mtu);
        }
        Step::Vlan(vlan) => {
            vlan.mac = mac_of(last, &vlan.name).unwrap_or(vlan.mac);
            vlan.mtu = mtu_of(last, &vlan.name).or(vlan.mtu);
        }
        Step::Dummy(dummy) => {
            dummy.mac = mac_of(last, &dummy.name).unwrap_or(dummy.mac);
            dummy.mtu = mtu_of(last, &dummy.name).or(dummy.mtu);
        }
        Step::Tap(tap) => {
            tap.mac = mac_of(last, &tap.name).unwrap_or(tap.mac);
            tap.mtu = mtu_of(last, &tap.name).or(tap.mtu);
        }
        Step::HostDevice(moved) => {
            moved.mac = mac_of(last, &moved.name).or(moved.mac);
            moved.mtu = mtu_of(last, &moved.name).or(moved.mtu);
        }
        Step::ContainerAddresses(wanted) => {
            wanted
                .addresses
                .retain(|entry| last.ips.iter().any(|ip| ip.address == entry.address));
        }
        Step::ContainerRoutes(wanted) => {
            let known = wanted.routes.len();
            wanted.routes.retain(|route| is_told(route, last));
            if wanted.routes.is_empty() && known > 0 {
                return None;
            }
        }
        Step::LinkSettings(settings) => {
            let interface = settings.interface.clone();
            if let (Some(mac), Some(found)) = (&mut settings.wanted.mac, mac_of(last, &interface)) {
                *mac = found;
            }
            if let (Some(mtu), Some(found)) = (&mut settings.wanted.mtu, mtu_of(last, &interface)) {
                *mtu = found;
            }
        }
        // What was removed may be there again by a later plugin's wish.
        Step::AmendAddresses(amendment) => {
            amendment.remove.clear();
            amendment
                .add
                .retain(|entry| last.ips.iter().any(|ip| ip.address == entry.address));
        }
        Step::AmendRoutes(amendment) => {
            amendment.remove.clear();
            // A result before 1.1.0 does not tell routes of other tables.
            let is_kept = |route: &Route| route.table.is_some() || is_told(route, last);
            amendment.add.retain(is_kept);
        }
        // An announcement leaves nothing that could be looked at.
        Step::Announce(_) => return None,
        _ => {}
    }
    Some(step)
}

/// A result may leave the gateway of a route to that of the address; one that names another one is a later plugin's.
fn is_told(route: &Route, last: &CniResult) -> bool {
    last.routes.iter().any(|told| {
        let gateway = told.gw.is_none() || told.gw == route.gateway;
        told.dst == route.destination && gateway
    })
}

fn mac_of(last: &CniResult, name: &str) -> Option<MacAddress> {
    container_interface(last, name)?
        .mac
        .as_deref()?
        .parse()
        .ok()
}

/// None before CNI 1.1.0, which tells no MTU: then a later plugin may have changed it.
fn mtu_of(last: &CniResult, name: &str) -> Option<u32> {
    container_interface(last, name)?.mtu
}

fn container_interface<'a>(last: &'a CniResult, name: &str) -> Option<&'a cni::result::Interface> {
    last.interfaces
        .iter()
        .find(|interface| interface.name == name && interface.sandbox.is_some())
}

#[cfg(test)]
mod tests {
    use cni::result::{Interface, IpConfig};
    use plan::{ContainerAddresses, ContainerRoutes, InterfaceAddress};

    use super::*;

    #[test]
    fn an_address_that_a_later_plugin_took_away_is_not_missed() {
        let entry = |text: &str| InterfaceAddress {
            address: text.parse().unwrap(),
            gateway: None,
        };
        let step = Step::ContainerAddresses(ContainerAddresses {
            interface: "eth0".into(),
            addresses: vec![entry("10.0.0.2/24"), entry("fd00::2/64")],
            duplicate_address_detection: false,
            no_prefix_route: false,
            link_local: false,
        });
        let kept = IpConfig {
            interface: Some(0),
            address: "10.0.0.2/24".parse().unwrap(),
            gateway: None,
        };
        let last = CniResult {
            ips: vec![kept],
            ..CniResult::default()
        };
        let Some(Step::ContainerAddresses(wanted)) = expectation(&step, &last) else {
            panic!()
        };
        assert_eq!(wanted.addresses, [entry("10.0.0.2/24")]);
    }

    #[test]
    fn routes_that_are_no_longer_in_the_result_are_not_missed() {
        let step = Step::ContainerRoutes(ContainerRoutes {
            interface: "eth0".into(),
            on_link: vec![],
            routes: vec![Route::to("0.0.0.0/0".parse().unwrap(), None)],
        });
        assert_eq!(expectation(&step, &CniResult::default()), None);
    }

    #[test]
    fn a_route_that_a_later_plugin_led_elsewhere_is_not_missed() {
        let own = Route::to(
            "0.0.0.0/0".parse().unwrap(),
            Some("10.1.0.1".parse().unwrap()),
        );
        let step = Step::ContainerRoutes(ContainerRoutes {
            interface: "eth0".into(),
            on_link: vec![],
            routes: vec![own.clone()],
        });
        let told = |gateway: Option<&str>| CniResult {
            routes: vec![cni::result::Route {
                dst: own.destination,
                gw: gateway.map(|text| text.parse().unwrap()),
                mtu: None,
                advmss: None,
                priority: None,
                table: None,
                scope: None,
            }],
            ..CniResult::default()
        };
        assert!(expectation(&step, &told(None)).is_some());
        assert!(expectation(&step, &told(Some("10.1.0.1"))).is_some());
        assert_eq!(expectation(&step, &told(Some("10.1.0.254"))), None);
    }

    #[test]
    fn an_ethernet_address_that_a_later_plugin_set_is_expected() {
        let step = Step::Macvlan(plan::MacvlanDevice {
            name: "eth0".into(),
            master: None,
            master_in_container: false,
            mode: plan::MacvlanMode::Bridge,
            mac: MacAddress::from_seed(b"old"),
            mtu: None,
            broadcast_queue_length: None,
            alias: String::new(),
        });
        let mac = MacAddress::from_seed(b"new");
        let interface = Interface {
            name: "eth0".into(),
            mac: Some(mac.to_string()),
            sandbox: Some("/run/netns/x".into()),
            ..Interface::default()
        };
        let last = CniResult {
            interfaces: vec![interface],
            ..CniResult::default()
        };
        assert!(
            matches!(expectation(&step, &last), Some(Step::Macvlan(macvlan)) if macvlan.mac == mac)
        );
    }
}
