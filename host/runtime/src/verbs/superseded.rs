//! What later parts of the same record changed: a result before CNI 1.1.0 tells neither an MTU nor the table of a route.

use plan::{LinkAttributes, MacAddress, Route, RouteSelector, Step};

/// The step without what these later ones took over; None where nothing of it is left.
pub(super) fn without_superseded<'a>(
    mut step: Step,
    later: impl Iterator<Item = &'a Step>,
) -> Option<Step> {
    for other in later {
        match (&mut step, other) {
            (Step::ContainerRoutes(wanted), Step::AmendRoutes(amendment)) => {
                wanted
                    .routes
                    .retain(|route| !is_among(route, &amendment.remove));
            }
            (Step::AmendRoutes(wanted), Step::AmendRoutes(amendment)) => {
                wanted
                    .add
                    .retain(|route| !is_among(route, &amendment.remove));
            }
            (Step::ContainerAddresses(wanted), Step::AmendAddresses(amendment)) => {
                wanted
                    .addresses
                    .retain(|entry| !amendment.remove.contains(entry));
            }
            (Step::AmendAddresses(wanted), Step::AmendAddresses(amendment)) => {
                wanted.add.retain(|entry| !amendment.remove.contains(entry));
            }
            (Step::Sysctl(wanted), Step::Sysctl(sysctl)) if wanted.path == sysctl.path => {
                return None;
            }
            (Step::LinkSettings(wanted), Step::LinkSettings(settings)) => {
                override_attributes(&mut wanted.wanted, &settings.wanted);
            }
            (Step::Veth(veth), Step::LinkSettings(settings)) => {
                override_link(&mut veth.mtu, &mut veth.container_mac, &settings.wanted);
            }
            (Step::Macvlan(macvlan), Step::LinkSettings(settings)) => {
                override_link(&mut macvlan.mtu, &mut macvlan.mac, &settings.wanted);
            }
            (Step::Ipvlan(ipvlan), Step::LinkSettings(settings)) => {
                override_link(&mut ipvlan.mtu, &mut ipvlan.mac, &settings.wanted);
            }
            (Step::Vlan(vlan), Step::LinkSettings(settings)) => {
                override_link(&mut vlan.mtu, &mut vlan.mac, &settings.wanted);
            }
            (Step::Dummy(dummy), Step::LinkSettings(settings)) => {
                override_link(&mut dummy.mtu, &mut dummy.mac, &settings.wanted);
            }
            (Step::Tap(tap), Step::LinkSettings(settings)) => {
                override_link(&mut tap.mtu, &mut tap.mac, &settings.wanted);
            }
            (Step::HostDevice(moved), Step::LinkSettings(settings)) => {
                moved.mtu = settings.wanted.mtu.or(moved.mtu);
                moved.mac = settings.wanted.mac.or(moved.mac);
            }
            _ => {}
        }
    }
    Some(step)
}

/// Those that were removed came from a result, which may tell less of them than the plan.
fn is_among(route: &Route, removed: &[Route]) -> bool {
    removed.iter().any(|other| {
        let selector = RouteSelector {
            destination: other.destination,
            gateway: other.gateway,
            table: other.table,
        };
        selector.selects(route)
    })
}

fn override_link(mtu: &mut Option<u32>, mac: &mut MacAddress, later: &LinkAttributes) {
    *mtu = later.mtu.or(*mtu);
    *mac = later.mac.unwrap_or(*mac);
}

/// What the later one sets is for its own comparison.
fn override_attributes(wanted: &mut LinkAttributes, later: &LinkAttributes) {
    fn clear<T>(own: &mut Option<T>, later: Option<&T>) {
        if later.is_some() {
            *own = None;
        }
    }
    clear(&mut wanted.mac, later.mac.as_ref());
    clear(&mut wanted.mtu, later.mtu.as_ref());
    clear(&mut wanted.promiscuous, later.promiscuous.as_ref());
    clear(&mut wanted.all_multicast, later.all_multicast.as_ref());
    clear(
        &mut wanted.transmit_queue_length,
        later.transmit_queue_length.as_ref(),
    );
}

#[cfg(test)]
mod tests {
    use plan::{ContainerRoutes, ContainerSysctl, LinkSettings, RouteAmendment};

    use super::*;

    fn settings(wanted: LinkAttributes) -> Step {
        Step::LinkSettings(LinkSettings {
            interface: "eth0".into(),
            wanted,
            previous: None,
        })
    }

    #[test]
    fn a_route_that_a_later_part_moved_is_not_missed() {
        let route = |text: &str| Route::to(text.parse().unwrap(), None);
        let link = Step::ContainerRoutes(ContainerRoutes {
            interface: "eth0".into(),
            on_link: vec![],
            routes: vec![route("172.16.0.0/12"), route("192.168.0.0/16")],
        });
        let moved = Route {
            table: Some(100),
            ..route("172.16.0.0/12")
        };
        let later = Step::AmendRoutes(RouteAmendment {
            interface: "eth0".into(),
            remove: vec![route("172.16.0.0/12")],
            add: vec![moved],
        });
        let Some(Step::ContainerRoutes(left)) = without_superseded(link, [&later].into_iter())
        else {
            panic!()
        };
        assert_eq!(left.routes, [route("192.168.0.0/16")]);
        let own = without_superseded(later.clone(), std::iter::empty());
        assert_eq!(own, Some(later));
    }

    #[test]
    fn of_two_values_of_one_setting_the_later_is_expected() {
        let sysctl = |path: &str, value: &str| {
            Step::Sysctl(ContainerSysctl {
                path: path.into(),
                value: value.into(),
                previous: None,
            })
        };
        let (first, second) = (sysctl("net/a", "1"), sysctl("net/a", "2"));
        let other = sysctl("net/b", "1");
        assert_eq!(
            without_superseded(first.clone(), [&second].into_iter()),
            None
        );
        assert_eq!(
            without_superseded(first.clone(), [&other].into_iter()),
            Some(first)
        );
        let both = settings(LinkAttributes {
            mtu: Some(1400),
            promiscuous: Some(true),
            ..LinkAttributes::default()
        });
        let mtu = settings(LinkAttributes {
            mtu: Some(1380),
            ..LinkAttributes::default()
        });
        let left = settings(LinkAttributes {
            promiscuous: Some(true),
            ..LinkAttributes::default()
        });
        assert_eq!(without_superseded(both, [&mtu].into_iter()), Some(left));
    }
}
