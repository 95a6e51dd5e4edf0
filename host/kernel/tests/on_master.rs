//! Containers on an ipvlan or a VLAN of an interface of the host, where the kernel has such links.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

mod attachments;

use attachments::namespaces::connect;
use attachments::{Namespace, Pod, addresses, link, offers, ping, presence, take_back};
use kernel::{Kernel, KernelError, Linux, Presence, Undone};
use plan::{MacAddress, Step, Undo};

const ADDRESSES: [(&str, Option<&str>); 1] = [("10.1.0.7/24", None)];

/// A host whose `uplink` leads to another machine.
fn host_with_uplink() -> Option<(Namespace, Namespace)> {
    let (host, outside) = (Namespace::new()?, Namespace::new()?);
    connect(&host, "uplink", &outside, "port");
    Some((host, outside))
}

/// A pod whose interface has the address of `uplink`, as the caller of the plan sees to.
fn pod(number: u8, host: &Namespace, link: &str) -> Option<Pod> {
    let mut pod = Pod::new(number, link, &ADDRESSES)?;
    let master = host.run(|| {
        let linux = Linux::host().unwrap();
        linux.address_of_master(Some("uplink"), false).unwrap()
    });
    for step in &mut pod.plan.steps {
        match step {
            Step::Ipvlan(wanted) => wanted.mac = master,
            Step::Vlan(wanted) => wanted.mac = master,
            Step::Announce(wanted) => wanted.mac = master,
            _ => {}
        }
    }
    Some(pod)
}

fn undo(pod: &Pod, host: &Namespace) -> Undo {
    pod.plan.undo(&pod.identity_with_nsid(host)).swap_remove(0)
}

#[test]
fn a_kernel_without_the_kind_says_so_and_nothing_is_left() {
    let Some((host, _outside)) = host_with_uplink() else {
        return;
    };
    for (kind, module, keys) in [
        ("ipvlan", "ipvlan", r#""master":"uplink""#),
        ("vlan", "8021q", r#""master":"uplink","vlanId":5"#),
        ("dummy", "dummy", ""),
    ] {
        let words = match kind {
            "vlan" => "link uplink type vlan id 9".to_owned(),
            "ipvlan" => "link uplink type ipvlan".to_owned(),
            _ => format!("type {kind}"),
        };
        if offers(&host, &words) {
            continue;
        }
        let comma = if keys.is_empty() { "" } else { "," };
        let section = format!(r#"{{"kind":"{kind}"{comma}{keys}}}"#);
        let Some(pod) = pod(1, &host, &section) else {
            return;
        };
        let error = pod.add(&host).unwrap_err();
        assert!(
            error.to_string().contains(&format!(
                "this kernel has no {kind} links: load module {module}"
            )),
            "{error}"
        );
        assert!(error.clean_up_failures.is_empty(), "{error}");
        assert_eq!(link(&pod.namespace, "eth0"), None);
    }
}

#[test]
fn ipvlans_of_every_mode_work() {
    let Some((host, outside)) = host_with_uplink() else {
        return;
    };
    if !offers(&host, "link uplink type ipvlan") {
        return;
    }
    outside.ip("addr add 10.1.0.1/24 dev port");
    for mode in ["l2", "l3", "l3s"] {
        let wanted = format!(r#"{{"kind":"ipvlan","master":"uplink","mode":"{mode}","mtu":1400}}"#);
        let Some(pod) = pod(1, &host, &wanted) else {
            return;
        };
        pod.add(&host).unwrap();
        let eth0 = pod.eth0();
        assert_eq!(eth0["linkinfo"]["info_kind"], "ipvlan");
        assert_eq!(eth0["linkinfo"]["info_data"]["mode"], mode);
        assert_eq!(eth0["mtu"], 1400);
        assert_eq!(addresses(&eth0), ["10.1.0.7/24"]);
        assert_eq!(pod.verify(&host), []);
        if mode == "l2" {
            ping(&pod.namespace, "10.1.0.1");
        }
        // The kernel gives all that is on a master the master's new address.
        host.ip("link set uplink address 02:00:00:00:00:99");
        let undo = undo(&pod, &host);
        assert_eq!(presence(&host, &undo), Presence::Present);
        assert_eq!(take_back(&host, &undo), Undone::Done);
        assert_eq!(link(&pod.namespace, "eth0"), None);
    }
}

#[test]
fn two_ipvlans_of_one_container_are_told_apart() {
    let Some((host, _outside)) = host_with_uplink() else {
        return;
    };
    let wanted = r#"{"kind":"ipvlan","master":"uplink"}"#;
    if !offers(&host, "link uplink type ipvlan") {
        return;
    }
    let (Some(first), Some(mut second)) = (pod(1, &host, wanted), pod(2, &host, wanted)) else {
        return;
    };
    for step in &mut second.plan.steps {
        match step {
            Step::Ipvlan(device) => device.name = "eth1".into(),
            Step::ContainerAddresses(wanted) => {
                wanted.interface = "eth1".into();
                // No two ipvlans of one master may have the same.
                wanted.addresses[0].address = "10.1.0.8/24".parse().unwrap();
            }
            _ => {}
        }
    }
    first.add(&host).unwrap();
    host.run(|| {
        let mut linux = Linux::with_container(&first.netns()).unwrap();
        for step in &second.plan.steps {
            linux.perform(step).unwrap();
        }
    });
    let netns = first.identity_with_nsid(&host);
    let undo = second.plan.undo(&netns).swap_remove(0);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert!(link(&first.namespace, "eth0").is_some());
    assert_eq!(link(&first.namespace, "eth1"), None);
}

#[test]
fn an_ipvlan_can_have_no_address_of_its_own() {
    let Some((host, _outside)) = host_with_uplink() else {
        return;
    };
    let Some(pod) = Pod::new(1, r#"{"kind":"ipvlan","master":"uplink"}"#, &ADDRESSES) else {
        return;
    };
    let error = pod.add(&host).unwrap_err();
    assert!(
        matches!(error.cause, KernelError::AddressOfMaster { .. }),
        "{error}"
    );
    assert_eq!(link(&pod.namespace, "eth0"), None);
}

#[test]
fn a_vlan_is_there_once_and_speaks_tagged() {
    let Some((host, outside)) = host_with_uplink() else {
        return;
    };
    if !offers(&host, "link uplink type vlan id 9") {
        return;
    }
    let wanted = r#"{"kind":"vlan","master":"uplink","vlanId":5,"mtu":1400}"#;
    let (Some(first), Some(second)) = (pod(1, &host, wanted), pod(2, &host, wanted)) else {
        return;
    };
    outside.ip("link add link port name tagged type vlan id 5");
    outside.ip("addr add 10.1.0.1/24 dev tagged");
    outside.ip("link set tagged up");
    first.add(&host).unwrap();
    let eth0 = first.eth0();
    assert_eq!(eth0["linkinfo"]["info_data"]["id"], 5);
    assert_eq!(eth0["mtu"], 1400);
    ping(&first.namespace, "10.1.0.1");
    assert_eq!(first.verify(&host), []);
    let error = second.add(&host).unwrap_err();
    assert!(
        matches!(error.cause, KernelError::VlanExists { id: 5, .. }),
        "{error}"
    );
    assert_eq!(take_back(&host, &undo(&first, &host)), Undone::Done);
    second.add(&host).unwrap();
}

#[test]
fn a_vlan_may_have_an_address_of_its_own() {
    let Some((host, _outside)) = host_with_uplink() else {
        return;
    };
    if !offers(&host, "link uplink type vlan id 9") {
        return;
    }
    let wanted = r#"{"kind":"vlan","master":"uplink","vlanId":5}"#;
    let Some(pod) = Pod::new(1, wanted, &ADDRESSES) else {
        return;
    };
    pod.add(&host).unwrap();
    let own = MacAddress::from_seed(pod.attachment.container_id.as_bytes());
    assert_eq!(pod.eth0()["address"], own.to_string());
}

#[test]
fn an_mtu_beyond_the_masters_is_refused() {
    let Some((host, _outside)) = host_with_uplink() else {
        return;
    };
    for keys in [
        r#"{"kind":"ipvlan","master":"uplink","mtu":9000}"#,
        r#"{"kind":"vlan","master":"uplink","vlanId":5,"mtu":9000}"#,
    ] {
        let Some(pod) = pod(1, &host, keys) else {
            return;
        };
        let error = pod.add(&host).unwrap_err();
        assert!(
            matches!(error.cause, KernelError::MtuTooLarge { wanted: 9000, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_dummy_has_addresses_and_nobody_to_talk_to() {
    let Some(host) = Namespace::new() else { return };
    if !offers(&host, "type dummy") {
        return;
    }
    let Some(pod) = Pod::new(1, r#"{"kind":"dummy"}"#, &ADDRESSES) else {
        return;
    };
    pod.add(&host).unwrap();
    let eth0 = pod.eth0();
    assert_eq!(eth0["linkinfo"]["info_kind"], "dummy");
    assert_eq!(eth0["address"], pod.mac().to_string());
    assert_eq!(addresses(&eth0), ["10.1.0.7/24"]);
    assert_eq!(pod.verify(&host), []);
    assert_eq!(take_back(&host, &undo(&pod, &host)), Undone::Done);
    assert_eq!(link(&pod.namespace, "eth0"), None);
}
