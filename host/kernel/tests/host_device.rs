//! Devices of the host inside containers; ends of veth pairs stand for them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests use it"
)]

mod attachments;

use attachments::namespaces::connect;
use attachments::{Namespace, Pod, addresses, link, ping, plan_with, presence, take_back};
use kernel::{HostDeviceFound, Kernel, KernelError, Linux, Place, Presence, Undone};
use plan::{DeviceSelector, DeviceState, NetnsIdentity, Step, Undo};

const NAMED: &str = r#"{"kind":"host-device","device":"dev0"}"#;
const ADDRESSES: [(&str, Option<&str>); 1] = [("10.1.0.7/24", None)];

/// A host whose `dev0` leads to another machine, 10.1.0.1.
fn host_with_device() -> Option<(Namespace, Namespace)> {
    let (host, outside) = (Namespace::new()?, Namespace::new()?);
    connect(&host, "dev0", &outside, "port");
    outside.ip("addr add 10.1.0.1/24 dev port");
    host.ip("link set dev0 mtu 1450 alias uplink");
    Some((host, outside))
}

fn find(host: &Namespace, selector: &DeviceSelector) -> Result<DeviceState, KernelError> {
    let found = host.run(|| Linux::host().unwrap().find_host_device(selector))?;
    match found {
        HostDeviceFound::Interface(device) => Ok(device),
        HostDeviceFound::UserSpace { driver } => panic!("driven by {driver}"),
    }
}

fn named() -> DeviceSelector {
    DeviceSelector::Name("dev0".into())
}

/// A pod that is to have the device.
fn pod(number: u8, host: &Namespace) -> Option<Pod> {
    let pod = Pod::new(number, NAMED, &[])?;
    let device = find(host, &named()).unwrap();
    Some(Pod {
        plan: plan_with(&pod.attachment, number, NAMED, &ADDRESSES, Some(&device)),
        ..pod
    })
}

fn undo(pod: &Pod, netns: &NetnsIdentity) -> Undo {
    pod.plan.undo(netns).swap_remove(0)
}

/// What an operator would miss of it.
fn looks(namespace: &Namespace) -> Option<[serde_json::Value; 4]> {
    let found = link(namespace, "dev0")?;
    let up = found["flags"].as_array().unwrap().contains(&"UP".into());
    Some([
        found["address"].clone(),
        found["mtu"].clone(),
        found["ifalias"].clone(),
        up.into(),
    ])
}

#[test]
fn a_device_goes_into_the_container_and_comes_back_as_it_was() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let before = looks(&host).unwrap();
    let Some(pod) = pod(1, &host) else { return };
    let applied = pod.add(&host).unwrap();
    assert_eq!(
        (applied.links[0].name.as_str(), applied.links[0].mtu),
        ("eth0", 1450)
    );
    assert_eq!(looks(&host), None);
    let eth0 = pod.eth0();
    assert_eq!(eth0["address"], before[0]);
    // As the reference plugin has it.
    assert_eq!(eth0["ifalias"], "dev0");
    assert_eq!(addresses(&eth0), ["10.1.0.7/24"]);
    ping(&pod.namespace, "10.1.0.1");
    assert_eq!(pod.verify(&host), []);

    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(looks(&host), Some(before.clone()));
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    assert_eq!(looks(&host), Some(before));
}

#[test]
fn names_that_are_taken_on_either_side_are_no_hindrance() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let Some(pod) = pod(1, &host) else { return };
    host.ip("link add eth0 type bridge");
    pod.namespace.ip("link add dev0 type bridge");
    pod.add(&host).unwrap();
    assert_eq!(pod.eth0()["ifalias"], "dev0");
    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(
        link(&host, "dev0").unwrap()["linkinfo"]["info_kind"],
        "veth"
    );
    assert_eq!(
        link(&host, "eth0").unwrap()["linkinfo"]["info_kind"],
        "bridge"
    );
    assert_eq!(
        link(&pod.namespace, "dev0").unwrap()["linkinfo"]["info_kind"],
        "bridge"
    );
}

#[test]
fn what_the_container_changed_is_set_right() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let before = looks(&host);
    let Some(pod) = pod(1, &host) else { return };
    pod.add(&host).unwrap();
    pod.namespace.ip("link set eth0 down");
    pod.namespace
        .ip("link set eth0 name lan address 02:00:00:00:00:99 mtu 1300");
    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(looks(&host), before);
}

#[test]
fn a_container_without_a_path_is_entered_by_its_processes() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let Some(pod) = pod(1, &host) else { return };
    let netns = NetnsIdentity {
        path: "/run/netns/nowhere".into(),
        ..pod.identity_with_nsid(&host)
    };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &netns);
    assert_eq!(presence(&host, &undo), Presence::Present);
    // Nobody lives there: the test holds it by a descriptor alone.
    assert!(matches!(take_back(&host, &undo), Undone::Unknown { .. }));
    assert!(link(&pod.namespace, "eth0").is_some());
    let mut inhabitant = pod.namespace.run(|| {
        std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap()
    });
    assert_eq!(take_back(&host, &undo), Undone::Done);
    inhabitant.kill().unwrap();
    inhabitant.wait().unwrap();
    assert!(looks(&host).is_some());
}

#[test]
fn a_device_that_the_kernel_brought_back_gets_its_name_again() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let before = looks(&host);
    let Some(pod) = pod(1, &host) else { return };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    // What the kernel does with a physical device when its namespace dies: a name that is free, all else as it is.
    pod.namespace
        .ip(&format!("link set eth0 netns {} name dev7", host.path()));
    drop(pod);
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(looks(&host), before);
    assert_eq!(link(&host, "dev7"), None);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn a_device_that_died_with_its_container_is_gone() {
    let Some((host, outside)) = host_with_device() else {
        return;
    };
    let Some(pod) = pod(1, &host) else { return };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    drop(pod);
    while link(&outside, "port").is_some() {
        std::thread::yield_now();
    }
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn a_failure_after_the_move_brings_the_device_back() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let before = looks(&host);
    let Some(mut pod) = pod(1, &host) else { return };
    for step in &mut pod.plan.steps {
        if let Step::ContainerAddresses(wanted) = step {
            wanted.interface = "missing0".into();
        }
    }
    let error = pod.add(&host).unwrap_err();
    assert!(error.clean_up_failures.is_empty(), "{error}");
    assert_eq!(looks(&host), before);
    assert_eq!(link(&pod.namespace, "eth0"), None);
}

#[test]
fn the_second_of_two_containers_fails_and_the_first_keeps_the_device() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let (Some(first), Some(second)) = (pod(1, &host), pod(2, &host)) else {
        return;
    };
    first.add(&host).unwrap();
    let error = second.add(&host).unwrap_err();
    assert!(
        matches!(&error.cause, KernelError::NotFound { name, place: Place::Host } if name == "dev0"),
        "{error}"
    );
    assert!(error.clean_up_failures.is_empty(), "{error}");
    assert!(link(&first.namespace, "eth0").is_some());
}

#[test]
fn a_name_that_is_taken_meanwhile_is_told_and_the_device_stays_until_it_is_free() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let before = looks(&host);
    let Some(pod) = pod(1, &host) else { return };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &pod.identity_with_nsid(&host));
    host.ip("link add dev0 type bridge");
    let refused = host.run(|| Linux::host().unwrap().undo(&undo));
    assert!(
        matches!(&refused, Err(KernelError::InterfaceExists { name, place: Place::Host }) if name == "dev0"),
        "{refused:?}"
    );
    assert_eq!(
        link(&host, "dev0").unwrap()["linkinfo"]["info_kind"],
        "bridge"
    );
    host.ip("link del dev0");
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(looks(&host), before);
}

#[test]
fn a_device_is_found_by_its_address_and_a_port_is_refused() {
    let Some((host, _outside)) = host_with_device() else {
        return;
    };
    let mac = find(&host, &named()).unwrap().mac.unwrap();
    assert_eq!(find(&host, &DeviceSelector::Mac(mac)).unwrap().name, "dev0");
    let missing = find(&host, &DeviceSelector::Name("dev1".into())).unwrap_err();
    assert!(missing.to_string().contains("dev1"), "{missing}");
    for selector in [
        DeviceSelector::PciAddress("ffff:ff:1f.7".into()),
        DeviceSelector::Id("nowhere.7".into()),
        DeviceSelector::KernelPath("/sys/devices/nowhere".into()),
    ] {
        let error = find(&host, &selector).unwrap_err();
        assert!(matches!(error, KernelError::NoDevice { .. }), "{error}");
    }
    host.ip("link add br0 type bridge");
    host.ip("link set dev0 master br0");
    let error = find(&host, &named()).unwrap_err();
    assert!(
        matches!(&error, KernelError::DeviceIsPort { controller, .. } if controller.contains("br0")),
        "{error}"
    );
}
