//! Sysctls and link attributes of a container.

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
use kernel::{KernelError, Presence, Undone};
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
