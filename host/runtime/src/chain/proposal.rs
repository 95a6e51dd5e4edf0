//! What a chain begins with.

use cni::result::CniResult;
use kernel::ContainerInterface;
use plan::{
    Addressing, Attachment, Identity, Link, LinkSide, Proposal, ProposedLink, ProposedLinkKind,
};

use crate::result::addressing_of;

/// What the link and its IPAM propose.
pub(crate) fn of_link(
    attachment: &Attachment,
    link: &Link,
    identity: Identity,
    addressing: Addressing,
) -> Proposal {
    let host = |name: String, kind| ProposedLink {
        name,
        side: LinkSide::Host,
        kind,
    };
    let mut links = Vec::new();
    let inside = match link {
        Link::Bridge(bridge) => {
            links.push(host(bridge.bridge.clone(), ProposedLinkKind::Bridge));
            links.push(host(
                attachment.host_interface_name(),
                ProposedLinkKind::Veth,
            ));
            ProposedLinkKind::Veth
        }
        Link::Ptp(_) => {
            links.push(host(
                attachment.host_interface_name(),
                ProposedLinkKind::Veth,
            ));
            ProposedLinkKind::Veth
        }
        Link::Macvlan(_) => ProposedLinkKind::Macvlan,
        Link::Loopback {} => ProposedLinkKind::Loopback,
        // The contract with plugins has no word for them.
        Link::Ipvlan(_) | Link::Vlan(_) | Link::HostDevice(_) | Link::Dummy {} | Link::Tap(_) => {
            ProposedLinkKind::Other
        }
    };
    links.push(ProposedLink {
        name: attachment.interface_name.clone(),
        side: LinkSide::Container,
        kind: inside,
    });
    let is_loopback = matches!(link, Link::Loopback {});
    Proposal {
        links,
        addressing,
        mtu: link.mtu(),
        mac: (!is_loopback).then_some(identity.container_mac),
        ..Proposal::default()
    }
}

/// What `prevResult` says, with what the kernel knows of the interface.
pub(crate) fn of_previous(
    attachment: &Attachment,
    result: &CniResult,
    interface: &ContainerInterface,
) -> Proposal {
    let mut links = Vec::new();
    if let Some(end) = &interface.peer {
        links.extend(end.bridge.as_ref().map(|bridge| ProposedLink {
            name: bridge.name.clone(),
            side: LinkSide::Host,
            kind: ProposedLinkKind::Bridge,
        }));
        links.push(ProposedLink {
            name: end.name.clone(),
            side: LinkSide::Host,
            kind: ProposedLinkKind::Veth,
        });
    }
    links.push(ProposedLink {
        name: attachment.interface_name.clone(),
        side: LinkSide::Container,
        kind: kind(&interface.kind),
    });
    Proposal {
        links,
        addressing: addressing(attachment, result),
        mtu: Some(interface.mtu),
        mac: interface.mac,
        ..Proposal::default()
    }
}

fn kind(name: &str) -> ProposedLinkKind {
    match name {
        "bridge" => ProposedLinkKind::Bridge,
        "veth" => ProposedLinkKind::Veth,
        "macvlan" => ProposedLinkKind::Macvlan,
        "loopback" => ProposedLinkKind::Loopback,
        _ => ProposedLinkKind::Other,
    }
}

/// The addresses of the attachment's own interface: a list may have made others besides.
fn addressing(attachment: &Attachment, result: &CniResult) -> Addressing {
    let own = |index: Option<usize>| match index.and_then(|index| result.interfaces.get(index)) {
        Some(interface) => {
            interface.name == attachment.interface_name && interface.sandbox.is_some()
        }
        // Without an index an address belongs to the one interface that there is.
        None => true,
    };
    addressing_of(result, own)
}
