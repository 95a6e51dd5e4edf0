//! What a later plugin of a chain sees of the container's interface.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

mod attachments;

use attachments::{Namespace, Pod, link};
use kernel::{ContainerInterface, Linux};

const BRIDGE: &str = r#"{"kind":"bridge","isGateway":true}"#;

fn seen(host: &Namespace, pod: &Pod, name: &str) -> Option<ContainerInterface> {
    host.run(|| {
        let linux = Linux::with_container(&pod.netns()).unwrap();
        linux.container_interface(name).unwrap()
    })
}

#[test]
fn a_later_plugin_sees_the_interface_its_peer_and_its_bridge() {
    let (Some(host), Some(pod)) = (Namespace::new(), Pod::new(1, BRIDGE, &[])) else {
        return;
    };
    pod.add(&host).unwrap();
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

/// The host has a veth with the index of the peer, whose peer has the interface's: both are elsewhere.
#[test]
fn a_peer_elsewhere_is_not_taken_for_one_on_the_host() {
    let (Some(host), Some(pod), Some(third), Some(fourth)) = (
        Namespace::new(),
        Pod::new(1, BRIDGE, &[]),
        Namespace::new(),
        Namespace::new(),
    ) else {
        return;
    };
    // Known to the host, as a container of its own is.
    pod.identity_with_nsid(&host);
    for (namespace, name, index, peer, peer_index, elsewhere) in [
        (&pod.namespace, "eth0", 100, "peer", 200, &third),
        (&host, "alike", 200, "alike", 100, &fourth),
    ] {
        namespace.ip(&format!(
            "link add {name} index {index} type veth peer name {peer} index {peer_index} netns {}",
            elsewhere.path()
        ));
    }
    let eth0 = seen(&host, &pod, "eth0").unwrap();
    assert_eq!((eth0.index, eth0.kind.as_str()), (100, "veth"));
    assert_eq!(eth0.peer, None);
    pod.namespace.ip("link add inner type veth peer name outer");
    assert_eq!(seen(&host, &pod, "inner").unwrap().peer, None);
}
