//! Sysctls and link attributes of a container, and what a later plugin of a chain sees of its interface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod attachments;
mod single_steps;

use attachments::{Namespace, Pod, link, presence, take_back};
use kernel::{ContainerInterface, KernelError, Linux, Presence, Undone};
use plan::{ContainerSysctl, LinkAttributes, LinkSettings, MacAddress, NetnsIdentity, Step, Undo};
use single_steps::{do_observed, observe, perform, take_back_twice, undo_of, verify};

const BRIDGE: &str = r#"{"kind":"bridge","isGateway":true}"#;

fn attached() -> Option<(Namespace, Pod)> {
    let host = Namespace::new()?;
    let pod = Pod::new(1, BRIDGE, &[("10.1.0.7/24", None)])?;
    pod.add(&host).unwrap();
    Some((host, pod))
}

fn sysctl(path: &str, value: &str) -> Step {
    Step::Sysctl(ContainerSysctl {
        path: path.into(),
        value: value.into(),
        previous: None,
    })
}

fn read(namespace: &Namespace, path: &str) -> String {
    let text = namespace.run(|| std::fs::read_to_string(format!("/proc/sys/{path}")).unwrap());
    text.trim().to_owned()
}

fn settings(wanted: LinkAttributes) -> Step {
    Step::LinkSettings(LinkSettings {
        interface: "eth0".into(),
        wanted,
        previous: None,
    })
}

fn everything() -> LinkAttributes {
    LinkAttributes {
        mac: Some(MacAddress([2, 0, 0, 0, 0, 0x42])),
        mtu: Some(1400),
        promiscuous: Some(true),
        all_multicast: Some(true),
        transmit_queue_length: Some(77),
    }
}

#[test]
fn a_sysctl_is_the_containers_and_goes_back() {
    const PATH: &str = "net/ipv4/conf/eth0/arp_announce";
    let Some((host, pod)) = attached() else {
        return;
    };
    host.ip("link add eth0 type bridge");
    let before = read(&pod.namespace, PATH);
    let undo = do_observed(&host, &pod, &sysctl(PATH, "2"));
    assert_eq!(read(&pod.namespace, PATH), "2");
    // The host has a link of this name, which is another.
    assert_eq!(read(&host, PATH), before);
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert_eq!(read(&pod.namespace, PATH), before);
    assert_eq!(presence(&host, &undo), Presence::Gone);
}

#[test]
fn values_of_several_fields_and_empty_values_go_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    for (path, value) in [
        ("net/ipv4/ip_local_port_range", "40000 50000"),
        ("net/ipv4/ip_local_reserved_ports", "9001,9000,8080"),
        ("net/ipv4/ping_group_range", "0 1000"),
    ] {
        let before = read(&pod.namespace, path);
        let step = sysctl(path, value);
        let undo = do_observed(&host, &pod, &step);
        assert_ne!(read(&pod.namespace, path), before);
        assert_eq!(take_back_twice(&host, &undo), Undone::Done, "{path}");
        assert_eq!(read(&pod.namespace, path), before);
        assert_eq!(verify(&host, &pod, &step).len(), 1);
    }
}

#[test]
fn a_sysctl_that_another_set_since_stays() {
    const PATH: &str = "net/ipv4/conf/eth0/arp_announce";
    let Some((host, pod)) = attached() else {
        return;
    };
    let undo = do_observed(&host, &pod, &sysctl(PATH, "2"));
    pod.namespace.sysctl("ipv4/conf/eth0/arp_announce", "1");
    assert_eq!(
        take_back(&host, &undo),
        Undone::NotOurs { found: "1".into() }
    );
    assert_eq!(read(&pod.namespace, PATH), "1");
    assert_eq!(presence(&host, &undo), Presence::Gone);
}

#[test]
fn what_went_with_its_interface_or_namespace_is_gone() {
    const PATH: &str = "net/ipv4/conf/eth0/arp_announce";
    let Some((host, pod)) = attached() else {
        return;
    };
    let undos = [
        do_observed(&host, &pod, &sysctl(PATH, "2")),
        do_observed(&host, &pod, &settings(everything())),
    ];
    for undo in &undos {
        let mut elsewhere = undo.clone();
        if let Undo::RestoreSysctl { netns, .. } | Undo::RestoreLinkSettings { netns, .. } =
            &mut elsewhere
        {
            *netns = NetnsIdentity {
                cookie: 1,
                ..netns.clone()
            };
        }
        assert_eq!(take_back(&host, &elsewhere), Undone::AlreadyGone);
        assert_eq!(presence(&host, &elsewhere), Presence::Gone);
        assert_eq!(presence(&host, undo), Presence::Present);
    }
    pod.namespace.ip("link del eth0");
    for undo in &undos {
        assert_eq!(take_back(&host, undo), Undone::AlreadyGone);
        assert_eq!(presence(&host, undo), Presence::Gone);
    }
}

#[test]
fn sysctls_that_are_no_containers_are_refused() {
    let Some((host, pod)) = attached() else {
        return;
    };
    for path in ["kernel/hostname", "net/../kernel/hostname", "/net/x"] {
        let error = perform(&host, &pod, &sysctl(path, "1")).unwrap_err();
        assert!(matches!(error, KernelError::SysctlPath { .. }), "{error}");
    }
    // Not there: nothing to go back to, and told by name when it is set.
    let missing = sysctl("net/ipv4/conf/eth7/arp_announce", "1");
    assert_eq!(observe(&host, &pod, &missing), missing);
    let error = perform(&host, &pod, &missing).unwrap_err();
    assert!(error.to_string().contains("eth7"), "{error}");
    assert_eq!(verify(&host, &pod, &missing).len(), 1);
    let refused = perform(&host, &pod, &sysctl("net/ipv4/ip_forward", "many"));
    assert!(matches!(refused, Err(KernelError::Sysctl { .. })));
}

#[test]
fn all_attributes_are_set_at_once_and_go_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = link(&pod.namespace, "eth0").unwrap();
    let undo = do_observed(&host, &pod, &settings(everything()));
    let eth0 = link(&pod.namespace, "eth0").unwrap();
    assert_eq!(eth0["address"], "02:00:00:00:00:42");
    assert_eq!((&eth0["mtu"], &eth0["txqlen"]), (&1400.into(), &77.into()));
    let flags = eth0["flags"].as_array().unwrap();
    for flag in ["PROMISC", "ALLMULTI", "UP"] {
        assert!(flags.contains(&flag.into()), "{flags:?}");
    }
    // The host's end is left alone, as by the reference plugin.
    assert_eq!(link(&host, &pod.host_interface()).unwrap()["mtu"], 1500);
    // The interface stayed up, so its addresses and routes are there.
    assert!(pod.namespace.ip("route show").contains("10.1.0.0/24"));
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    let after = link(&pod.namespace, "eth0").unwrap();
    for key in ["address", "mtu", "txqlen", "flags"] {
        assert_eq!(after[key], before[key], "{key}");
    }
}

#[test]
fn an_attribute_that_another_set_since_stays() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let undo = do_observed(&host, &pod, &settings(everything()));
    pod.namespace.ip("link set eth0 mtu 1300");
    assert_eq!(
        verify(&host, &pod, &settings(everything()))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["link eth0: expected MTU 1400, found MTU 1300"]
    );
    assert_eq!(take_back(&host, &undo), Undone::Done);
    let eth0 = link(&pod.namespace, "eth0").unwrap();
    assert_eq!(
        (&eth0["mtu"], &eth0["txqlen"]),
        (&1300.into(), &1000.into())
    );
    assert!(matches!(
        take_back(&host, &undo),
        Undone::NotOurs { found } if found == "MTU 1300"
    ));
}

#[test]
fn only_wanted_attributes_are_observed() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let mtu = LinkAttributes {
        mtu: Some(1400),
        ..LinkAttributes::default()
    };
    let Step::LinkSettings(observed) = observe(&host, &pod, &settings(mtu)) else {
        panic!()
    };
    let previous = LinkAttributes {
        mtu: Some(1500),
        ..LinkAttributes::default()
    };
    assert_eq!(observed.previous, Some(previous));
    let elsewhere = Step::LinkSettings(LinkSettings {
        interface: "eth7".into(),
        ..observed
    });
    let Step::LinkSettings(observed) = observe(&host, &pod, &elsewhere) else {
        panic!()
    };
    assert_eq!(observed.previous, None);
    let impossible = settings(LinkAttributes {
        mtu: Some(1_000_000),
        ..LinkAttributes::default()
    });
    let error = perform(&host, &pod, &impossible).unwrap_err().to_string();
    assert!(error.contains("MTU 1000000"), "{error}");
    assert!(
        undo_of(&pod, &observe(&host, &pod, &impossible))
            .to_string()
            .contains("eth0")
    );
}

fn seen(host: &Namespace, pod: &Pod, name: &str) -> Option<ContainerInterface> {
    host.run(|| {
        let linux = Linux::with_container(&pod.netns()).unwrap();
        linux.container_interface(name).unwrap()
    })
}

#[test]
fn a_later_plugin_sees_the_interface_its_peer_and_its_bridge() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let eth0 = seen(&host, &pod, "eth0").unwrap();
    assert_eq!((eth0.kind.as_str(), eth0.mtu), ("veth", 1500));
    assert_eq!(eth0.mac, Some(pod.mac()));
    let peer = eth0.peer.unwrap();
    let end = link(&host, &pod.host_interface()).unwrap();
    assert_eq!(peer.name, pod.host_interface());
    assert_eq!(u64::from(peer.index), end["ifindex"].as_u64().unwrap());
    assert_eq!(end["address"], peer.mac.unwrap().to_string());
    let bridge = peer.bridge.unwrap();
    assert_eq!(bridge.name, "cni0");
    assert_eq!(
        link(&host, "cni0").unwrap()["address"],
        bridge.mac.unwrap().to_string()
    );
    assert_eq!(seen(&host, &pod, "eth7"), None);
    assert_eq!(seen(&host, &pod, "lo").unwrap().peer, None);

    host.ip(&format!("link set {} nomaster", pod.host_interface()));
    assert_eq!(
        seen(&host, &pod, "eth0").unwrap().peer.unwrap().bridge,
        None
    );
}

/// The same indexes are links of both namespaces, and of a third.
#[test]
fn a_peer_elsewhere_is_not_taken_for_one_on_the_host() {
    let (Some(host), Some(pod), Some(third)) =
        (Namespace::new(), Pod::new(1, BRIDGE, &[]), Namespace::new())
    else {
        return;
    };
    attachments::namespaces::connect(&pod.namespace, "eth0", &third, "other");
    attachments::namespaces::connect(&host, "left", &third, "right");
    let eth0 = seen(&host, &pod, "eth0").unwrap();
    assert_eq!((eth0.kind.as_str(), eth0.peer), ("veth", None));
    pod.namespace.ip("link add inner type veth peer name outer");
    assert_eq!(seen(&host, &pod, "inner").unwrap().peer, None);
}
