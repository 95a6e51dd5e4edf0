//! Containers on an interface of the host.

mod attachments;

use attachments::namespaces::connect;
use attachments::{Namespace, Pod, addresses, link, ping, presence, take_back};
use kernel::{KernelError, Linux, Place, Presence, Undone};
use plan::{NetnsIdentity, Undo};

const ON_UPLINK: &str = r#"{"kind":"macvlan","master":"uplink","mode":"bridge","bcqueuelen":500}"#;
const ADDRESSES: [(&str, Option<&str>); 1] = [("10.1.0.7/24", None)];

/// A host whose `uplink` leads to another machine, 10.1.0.1.
fn host_with_uplink() -> Option<(Namespace, Namespace)> {
    let (host, outside) = (Namespace::new()?, Namespace::new()?);
    connect(&host, "uplink", &outside, "port");
    outside.ip("addr add 10.1.0.1/24 dev port");
    Some((host, outside))
}

fn undo(pod: &Pod, netns: &NetnsIdentity) -> Undo {
    pod.plan.undo(netns).swap_remove(0)
}

#[test]
fn a_container_gets_an_interface_on_the_network_outside() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    let applied = pod.add(&host).unwrap();
    assert_eq!(applied.links[0].name, "eth0");
    assert_eq!(applied.links[0].mtu, 1500);
    let eth0 = pod.eth0();
    assert_eq!(eth0["linkinfo"]["info_kind"], "macvlan");
    assert_eq!(eth0["linkinfo"]["info_data"]["mode"], "bridge");
    assert_eq!(eth0["linkinfo"]["info_data"]["bcqueuelen"], 500);
    assert_eq!(eth0["address"], pod.mac().to_string());
    assert!(eth0["ifalias"].as_str().unwrap().ends_with(" 10.1.0.7"));
    assert_eq!(addresses(&eth0), ["10.1.0.7/24"]);
    ping(&pod.namespace, "10.1.0.1");
    assert_eq!(pod.verify(&host), []);
}

#[test]
fn the_default_route_names_the_master() {
    let unnamed = r#"{"kind":"macvlan"}"#;
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, unnamed, &ADDRESSES))
    else {
        return;
    };
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(
        error.cause,
        KernelError::NoDefaultRoute { place: Place::Host }
    ));
    host.ip("addr add 10.1.0.9/24 dev uplink");
    host.ip("route add default via 10.1.0.1");
    pod.add(&host).unwrap();
    ping(&pod.namespace, "10.1.0.1");
}

#[test]
fn the_host_may_have_an_interface_of_the_same_name() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    host.ip("link add eth0 type veth peer name other");
    pod.add(&host).unwrap();
    assert_eq!(
        link(&host, "eth0").unwrap()["linkinfo"]["info_kind"],
        "veth"
    );
    assert_eq!(pod.eth0()["linkinfo"]["info_kind"], "macvlan");
}

#[test]
fn a_master_inside_the_container_will_do() {
    let inside = r#"{"kind":"macvlan","master":"uplink","linkInContainer":true}"#;
    let (Some(host), Some((container, _outside)), Some(pod)) = (
        Namespace::new(),
        host_with_uplink(),
        Pod::new(1, inside, &ADDRESSES),
    ) else {
        return;
    };
    let pod = Pod {
        namespace: container,
        ..pod
    };
    pod.add(&host).unwrap();
    ping(&pod.namespace, "10.1.0.1");
    assert_eq!(pod.verify(&host), []);
}

#[test]
fn an_mtu_beyond_the_masters_is_refused_and_nothing_is_left() {
    let large = r#"{"kind":"macvlan","master":"uplink","mtu":9000}"#;
    let (Some((host, _outside)), Some(pod)) = (host_with_uplink(), Pod::new(1, large, &ADDRESSES))
    else {
        return;
    };
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(
        &error.cause,
        KernelError::MtuTooLarge { wanted: 9000, most: 1500, master } if master == "uplink"
    ));
    assert_eq!(link(&pod.namespace, "eth0"), None);
}

#[test]
fn an_interface_of_the_containers_is_left_alone_and_nothing_is_added() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    pod.namespace.ip("link add eth0 type veth peer name other");
    let before = pod.namespace.ip("-j link show");
    let error = pod.add(&host).unwrap_err();
    assert!(matches!(
        &error.cause,
        KernelError::InterfaceExists { name, place: Place::Container } if name == "eth0"
    ));
    assert_eq!(pod.namespace.ip("-j link show"), before);
}

#[test]
fn undo_finds_the_link_while_its_path_is_there() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &pod.identity());
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    assert_eq!(presence(&host, &undo), Presence::Gone);
}

#[test]
fn without_path_and_nsid_nothing_is_proven() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    pod.add(&host).unwrap();
    let lost = NetnsIdentity {
        path: "/run/netns/nowhere".into(),
        ..pod.identity()
    };
    let reused = NetnsIdentity {
        cookie: pod.identity().cookie + 1,
        ..pod.identity()
    };
    for netns in [lost, reused] {
        let undo = undo(&pod, &netns);
        assert!(matches!(take_back(&host, &undo), Undone::Unknown { .. }));
        assert_eq!(presence(&host, &undo), Presence::Unknown);
    }
    assert!(link(&pod.namespace, "eth0").is_some());
}

#[test]
fn with_an_nsid_the_link_is_found_when_the_path_is_gone() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    let netns = NetnsIdentity {
        path: "/run/netns/nowhere".into(),
        ..pod.identity_with_nsid(&host)
    };
    assert_eq!(pod.identity_with_nsid(&host).nsid, netns.nsid);
    pod.add(&host).unwrap();
    let undo = undo(&pod, &netns);
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn the_death_of_the_namespace_is_proven_by_its_nsid() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    let netns = pod.identity_with_nsid(&host);
    pod.add(&host).unwrap();
    let undo = undo(&pod, &netns);
    drop(pod);
    // The kernel takes a namespace apart in its own time.
    while presence(&host, &undo) == Presence::Present {
        std::thread::yield_now();
    }
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn another_namespace_with_the_same_nsid_keeps_its_link() {
    let (Some((host, _outside)), Some(pod), Some(later)) = (
        host_with_uplink(),
        Pod::new(1, ON_UPLINK, &ADDRESSES),
        Pod::new(2, ON_UPLINK, &ADDRESSES),
    ) else {
        return;
    };
    later.add(&host).unwrap();
    let undo = undo(&pod, &later.identity_with_nsid(&host));
    assert!(
        matches!(take_back(&host, &undo), Undone::NotOurs { found } if found.contains("macvlan eth0"))
    );
    assert!(link(&later.namespace, "eth0").is_some());
}

#[test]
fn a_link_that_the_container_renamed_is_neither_deleted_nor_called_gone() {
    let (Some((host, _outside)), Some(pod)) =
        (host_with_uplink(), Pod::new(1, ON_UPLINK, &ADDRESSES))
    else {
        return;
    };
    pod.add(&host).unwrap();
    pod.namespace.ip("link set eth0 down");
    pod.namespace.ip("link set eth0 name lan");
    for netns in [pod.identity(), pod.identity_with_nsid(&host)] {
        let undone = take_back(&host, &undo(&pod, &netns));
        assert!(matches!(undone, Undone::Unknown { why } if why.contains("lan")));
    }
    assert!(link(&pod.namespace, "lan").is_some());
}

#[test]
fn in_mode_passthru_the_address_is_the_masters() {
    let passthru = r#"{"kind":"macvlan","master":"uplink","mode":"passthru"}"#;
    let (Some((host, _outside)), Some(mut pod)) =
        (host_with_uplink(), Pod::new(1, passthru, &ADDRESSES))
    else {
        return;
    };
    let error = pod.add(&host).unwrap_err();
    assert!(
        matches!(error.cause, KernelError::AddressOfMaster { .. }),
        "{error}"
    );
    assert_eq!(link(&pod.namespace, "eth0"), None);
    let master = host.run(|| {
        Linux::host()
            .unwrap()
            .address_of_master(Some("uplink"), false)
            .unwrap()
    });
    for step in &mut pod.plan.steps {
        if let plan::Step::Macvlan(wanted) = step {
            wanted.mac = master;
        }
    }
    pod.add(&host).unwrap();
    assert_eq!(pod.eth0()["address"], master.to_string());
    ping(&pod.namespace, "10.1.0.1");
    assert_eq!(take_back(&host, &undo(&pod, &pod.identity())), Undone::Done);
}
