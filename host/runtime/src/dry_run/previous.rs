//! The container's interface as `prevResult` alone tells it.

use cni::result::{CniResult, Interface};
use kernel::{ContainerInterface, HostBridge, HostPeer};
use plan::{Attachment, MacAddress};

use super::facts::ETHERNET_MTU;

/// Of the links on the host, the first is the bridge and the last the host's end of the veth; a single one is that end.
/// Without any the interface is of a kind that has no end on the host.
/// Results before CNI 1.1.0 tell no MTU: then it is `mtu`, or that of Ethernet.
pub(super) fn interface(
    attachment: &Attachment,
    previous: &CniResult,
    mtu: Option<u32>,
) -> ContainerInterface {
    let own = |interface: &&Interface| {
        interface.sandbox.is_some() && interface.name == attachment.interface_name
    };
    let own = previous.interfaces.iter().find(own);
    let position = previous
        .interfaces
        .iter()
        .position(|interface| Some(interface) == own);
    // What a list makes behind the container's interface, such as an ifb, is neither.
    let before = previous
        .interfaces
        .iter()
        .take(position.unwrap_or(usize::MAX));
    let on_host: Vec<&Interface> = before
        .filter(|interface| interface.sandbox.is_none())
        .collect();
    let bridge = match on_host.as_slice() {
        [bridge, _, ..] => Some(HostBridge {
            name: bridge.name.clone(),
            mac: mac(bridge),
            mtu: bridge.mtu.unwrap_or(ETHERNET_MTU),
        }),
        _ => None,
    };
    let peer = on_host.last().map(|end| HostPeer {
        index: 0,
        name: end.name.clone(),
        mac: mac(end),
        mtu: end.mtu.unwrap_or(ETHERNET_MTU),
        bridge,
    });
    ContainerInterface {
        index: 0,
        kind: if peer.is_some() { "veth" } else { "" }.to_owned(),
        mac: own.and_then(mac),
        mtu: own
            .and_then(|interface| interface.mtu)
            .or(mtu)
            .unwrap_or(ETHERNET_MTU),
        peer,
    }
}

fn mac(interface: &Interface) -> Option<MacAddress> {
    interface.mac.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[(&str, bool)]) -> ContainerInterface {
        let attachment = Attachment {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let interfaces = names.iter().map(|(name, inside)| Interface {
            name: (*name).into(),
            sandbox: inside.then(|| "/run/netns/c".into()),
            mtu: Some(1400),
            ..Interface::default()
        });
        let previous = CniResult {
            interfaces: interfaces.collect(),
            ..CniResult::default()
        };
        interface(&attachment, &previous, None)
    }

    #[test]
    fn links_on_the_host_are_bridge_and_veth_by_their_place() {
        let two = of(&[
            ("cni0", false),
            ("veth1", false),
            ("eth0", true),
            ("ifb1", false),
        ]);
        let end = two.peer.unwrap();
        assert_eq!(
            (end.name.as_str(), end.bridge.unwrap().name.as_str()),
            ("veth1", "cni0")
        );
        assert_eq!((two.kind.as_str(), two.mtu), ("veth", 1400));
        let one = of(&[("veth1", false), ("eth0", true)]);
        assert!(
            one.peer
                .is_some_and(|end| end.name == "veth1" && end.bridge.is_none())
        );
        let none = of(&[("eth0", true)]);
        assert!(none.peer.is_none() && none.kind.is_empty());
    }
}
