//! Undo acts only on what is ours.

mod attachments;

use attachments::{Namespace, Pod, link, presence, take_back};
use kernel::{Linux, Netns, NetnsError, Presence, Undone, host_netns_cookie};
use plan::{MacAddress, NetnsIdentity, Undo};

const BRIDGE: &str = r#"{"kind":"bridge"}"#;

fn undo(pod: &Pod) -> Undo {
    pod.plan.undo(&pod.identity()).swap_remove(0)
}

#[test]
fn a_link_whose_address_changed_is_not_deleted() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
    let undo = undo(&pod);
    assert_eq!(presence(&host, &undo), Presence::Present);
    host.ip(&format!(
        "link set {} address 02:00:00:00:00:99",
        pod.host_interface()
    ));
    let Undone::NotOurs { found } = take_back(&host, &undo) else {
        panic!()
    };
    assert!(found.contains("02:00:00:00:00:99"), "{found}");
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert!(link(&host, &pod.host_interface()).is_some());
}

#[test]
fn a_link_that_was_renamed_is_not_deleted() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
    host.ip(&format!("link set {} down", pod.host_interface()));
    host.ip(&format!("link set {} name kept", pod.host_interface()));
    assert_eq!(take_back(&host, &undo(&pod)), Undone::AlreadyGone);
    assert!(link(&host, "kept").is_some());
}

/// As the record has it when the link is made.
fn traced(pod: &Pod, host: &Namespace) -> Undo {
    let applied = pod.add(host).ok();
    let found =
        applied.and_then(|applied| applied.links.iter().find_map(|fact| fact.trace.clone()));
    assert!(found.is_some(), "the kernel tells nothing of a new veth");
    let mut undo = undo(pod);
    if let Undo::DeleteHostLink { trace, .. } = &mut undo {
        *trace = found;
    }
    undo
}

#[test]
fn a_host_end_with_another_name_and_address_is_found_by_its_trace() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    let undo = traced(&pod, &host);
    host.ip(&format!("link set {} down", pod.host_interface()));
    host.ip(&format!(
        "link set {} name kept address 02:00:00:00:00:99",
        pod.host_interface()
    ));
    assert_eq!(presence(&host, &undo), Presence::Present);
    // Somebody else takes the name.
    host.ip(&format!("link add {} type bridge", pod.host_interface()));
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(link(&host, "kept"), None);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert!(link(&host, &pod.host_interface()).is_some());
    assert!(matches!(take_back(&host, &undo), Undone::NotOurs { .. }));
}

#[test]
fn a_host_end_that_was_moved_away_is_not_gone_while_the_container_has_the_other() {
    let (Some(host), Some(elsewhere), Some(pod)) =
        (Namespace::new(), Namespace::new(), Pod::new(1, BRIDGE, &[]))
    else {
        return;
    };
    let undo = traced(&pod, &host);
    let name = pod.host_interface();
    host.ip(&format!("link set {name} netns {}", elsewhere.path()));
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert_eq!(link(&elsewhere, &name), None);
    assert_eq!(presence(&host, &undo), Presence::Gone);
}

#[test]
fn a_container_that_died_is_gone_whatever_the_trace() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    let (undo, name) = (traced(&pod, &host), pod.host_interface());
    drop(pod);
    while link(&host, &name).is_some() {
        std::thread::yield_now();
    }
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn a_foreign_link_of_the_same_name_is_not_deleted() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
    let (undo, name) = (undo(&pod), pod.host_interface());
    host.ip(&format!("link del {name}"));
    host.ip(&format!("link add {name} type veth peer name other"));
    assert!(matches!(take_back(&host, &undo), Undone::NotOurs { .. }));
    host.ip(&format!("link del {name}"));
    // Even with our address, another kind is another's.
    host.ip(&format!(
        "link add {name} address {} type bridge",
        MacAddress::from_seed(name.as_bytes())
    ));
    assert!(
        matches!(take_back(&host, &undo), Undone::NotOurs { found } if found.starts_with("bridge"))
    );
    assert!(link(&host, &name).is_some());
}

#[test]
fn a_veth_is_undone_from_the_host_when_the_container_is_gone() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
    let (undo, name) = (undo(&pod), pod.host_interface());
    drop(pod);
    let undone = take_back(&host, &undo);
    assert!(
        matches!(undone, Undone::Done | Undone::AlreadyGone),
        "{undone:?}"
    );
    assert_eq!(link(&host, &name), None);
    assert_eq!(presence(&host, &undo), Presence::Gone);
}

#[test]
fn loopback_goes_up_and_down_with_its_own_namespace_only() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, r#"{"kind":"loopback"}"#, &[]))
    else {
        return;
    };
    let up = |pod: &Pod| {
        let lo = link(&pod.namespace, "lo").unwrap();
        lo["flags"].as_array().unwrap().contains(&"UP".into())
    };
    pod.namespace.ip("link set lo down");
    let applied = pod.add(&host).unwrap();
    assert_eq!(
        (applied.links[0].name.as_str(), applied.links[0].mtu),
        ("lo", 65536)
    );
    assert!(up(&pod));
    assert_eq!(pod.verify(&host), []);
    let other = NetnsIdentity {
        cookie: 1,
        ..pod.identity()
    };
    assert_eq!(
        take_back(&host, &Undo::LoopbackDown { netns: other }),
        Undone::AlreadyGone
    );
    assert!(up(&pod));
    let undo = undo(&pod);
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(presence(&host, &undo), Presence::Gone);
    assert!(!up(&pod));
    assert!(!pod.verify(&host).is_empty());
    let gone = NetnsIdentity {
        path: "/run/netns/nowhere".into(),
        ..pod.identity()
    };
    assert_eq!(
        take_back(&host, &Undo::LoopbackDown { netns: gone }),
        Undone::AlreadyGone
    );
}

#[test]
fn a_namespace_is_proven_to_be_one_and_not_ours() {
    let Some(container) = Namespace::new() else {
        return;
    };
    let error = |path: &str| Netns::open(path).unwrap_err();
    assert!(matches!(
        error("/nowhere/at/all"),
        NetnsError::NotFound { .. }
    ));
    for other in [
        "/proc/self/ns/mnt",
        "/proc/self/ns/uts",
        "/proc/self/status",
        "/tmp",
    ] {
        assert!(
            matches!(error(other), NetnsError::NotANamespace { .. }),
            "{other}"
        );
    }
    assert!(matches!(
        error("/proc/thread-self/ns/net"),
        NetnsError::Ours { .. }
    ));
    let netns = Netns::open(container.path()).unwrap();
    assert_eq!(
        netns.cookie(),
        container.run(|| host_netns_cookie().unwrap())
    );
    assert_ne!(netns.cookie(), host_netns_cookie().unwrap());
    let path = container.path();
    let ours = container.run(|| Netns::open(&path).map(drop));
    assert!(matches!(ours, Err(NetnsError::Ours { .. })));
}

#[test]
fn the_status_probe_needs_permission_to_change_links() {
    let Some(host) = Namespace::new() else {
        return;
    };
    host.run(|| Linux::host().unwrap().can_serve().unwrap());
}
