//! Containers whose interface a virtual machine opens.

mod attachments;

use attachments::{Namespace, Pod, addresses, link, presence, take_back};
use kernel::{KernelError, Place, Presence, Undone};
use plan::Undo;

const ADDRESSES: [(&str, Option<&str>); 2] = [("10.1.0.7/24", None), ("fd00::7/64", None)];

fn undo(pod: &Pod, host: &Namespace) -> Undo {
    pod.plan.undo(&pod.identity_with_nsid(host)).swap_remove(0)
}

#[test]
fn all_that_is_asked_of_a_tap_is_there() {
    let all =
        r#"{"kind":"tap","multiQueue":true,"mtu":1400,"owner":54321,"group":1001,"bridge":"br0"}"#;
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, all, &ADDRESSES)) else {
        return;
    };
    pod.namespace.ip("link add br0 type bridge");
    let applied = pod.add(&host).unwrap();
    assert_eq!(applied.links[0].name, "eth0");
    assert_eq!(
        (applied.links[0].mac, applied.links[0].mtu),
        (Some(pod.mac()), 1400)
    );
    let eth0 = pod.eth0();
    let data = &eth0["linkinfo"]["info_data"];
    assert_eq!(eth0["linkinfo"]["info_kind"], "tun");
    assert_eq!(data["type"], "tap");
    assert_eq!(data["persist"], true);
    assert_eq!(data["multi_queue"], true);
    // As text or number, by the version of `ip`.
    assert_eq!(data["user"].to_string().trim_matches('"'), "54321");
    assert_eq!(eth0["address"], pod.mac().to_string());
    assert_eq!(eth0["mtu"], 1400);
    assert_eq!(eth0["master"], "br0");
    assert!(eth0["ifalias"].as_str().unwrap().contains(" 10.1.0.7"));
    assert_eq!(addresses(&eth0), ["10.1.0.7/24", "fd00::7/64"]);
    assert!(eth0["flags"].as_array().unwrap().contains(&"UP".into()));
    assert_eq!(pod.verify(&host), []);
}

#[test]
fn what_was_changed_of_a_tap_is_found() {
    let wanted = r#"{"kind":"tap","mtu":1400,"owner":54321,"bridge":"br0"}"#;
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, wanted, &[])) else {
        return;
    };
    pod.namespace.ip("link add br0 type bridge");
    pod.add(&host).unwrap();
    assert_eq!(pod.verify(&host), []);
    pod.namespace.ip("link set eth0 nomaster");
    pod.namespace.ip("link set eth0 mtu 1300");
    let found: Vec<_> = pod
        .verify(&host)
        .iter()
        .map(|mismatch| mismatch.object.clone())
        .collect();
    assert_eq!(found, ["MTU of eth0", "port eth0"]);
    pod.namespace.ip("link del eth0");
    assert!(!pod.verify(&host).is_empty());
}

#[test]
fn a_tap_is_deleted_from_the_host_without_a_path() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"tap"}"#, &ADDRESSES),
    ) else {
        return;
    };
    let mut undo = undo(&pod, &host);
    if let Undo::DeleteContainerLink { netns, .. } = &mut undo {
        netns.path = "/run/netns/nowhere".into();
    }
    assert_eq!(presence(&host, &undo), Presence::Gone);
    pod.add(&host).unwrap();
    assert_eq!(presence(&host, &undo), Presence::Present);
    assert_eq!(take_back(&host, &undo), Undone::Done);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
}

#[test]
fn a_container_that_changes_its_address_does_not_lose_its_lease() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"tap"}"#, &ADDRESSES),
    ) else {
        return;
    };
    pod.add(&host).unwrap();
    let undo = undo(&pod, &host);
    pod.namespace.ip("link set eth0 address 02:00:00:00:00:99");
    assert_eq!(presence(&host, &undo), Presence::Present);
    pod.namespace.ip("link set eth0 down");
    pod.namespace.ip("link set eth0 name lan");
    assert_eq!(presence(&host, &undo), Presence::Unknown);
    pod.namespace.ip("link set lan name eth0");
    assert_eq!(take_back(&host, &undo), Undone::Done);
}

#[test]
fn an_interface_that_is_there_is_left_alone() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"tap"}"#, &ADDRESSES),
    ) else {
        return;
    };
    for words in [
        "link add eth0 type veth peer name other",
        "tuntap add eth0 mode tap",
    ] {
        pod.namespace.ip(words);
        let before = pod.namespace.ip("-j link show");
        let error = pod.add(&host).unwrap_err();
        assert!(
            matches!(
                &error.cause,
                KernelError::InterfaceExists { name, place: Place::Container } if name == "eth0"
            ),
            "{error}"
        );
        assert_eq!(pod.namespace.ip("-j link show"), before);
        pod.namespace.ip("link del eth0");
    }
}

#[test]
fn a_tap_on_what_is_no_bridge_is_refused_and_nothing_is_left() {
    let on_lo = r#"{"kind":"tap","bridge":"lo"}"#;
    let on_nothing = r#"{"kind":"tap","bridge":"br0"}"#;
    for wanted in [on_lo, on_nothing] {
        let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, wanted, &ADDRESSES)) else {
            return;
        };
        let error = pod.add(&host).unwrap_err();
        assert!(
            matches!(
                error.cause,
                KernelError::WrongKind { .. } | KernelError::NotFound { .. }
            ),
            "{error}"
        );
        assert_eq!(link(&pod.namespace, "eth0"), None);
    }
}
