use std::os::fd::RawFd;

use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkMessage};
use nix::errno::Errno;
use plan::{VethPair, VethTrace};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::{Linux, find, find_required, ipv6, link_local, router, set};
use crate::netlink::{LinkState, Refusal};
use crate::{KernelError, LinkFact, Performed, Place, Side};

impl Linux {
    pub(super) fn make_veth(&mut self, wanted: &VethPair) -> Result<Performed, KernelError> {
        let doing = || format!("making veth {}", wanted.host_name);
        let container = self.container(doing)?;
        let message = pair(wanted, container.descriptor());
        let host_end = match self.host.create_link(message) {
            Ok(Some(made)) => made,
            Ok(None) => find_required(&self.host, &wanted.host_name, Place::Host)?,
            Err(refusal) => return Err(self.why_not_made(wanted, refusal)),
        };
        let bridge = match &wanted.port {
            // IPv6 stays on: the bridge takes all frames before it sees them.
            Some(port) => Some(self.host_link(&port.bridge)?),
            None if wanted.link_local => {
                router::prepare(&host_end)?;
                None
            }
            None => {
                ipv6::turn_off(&host_end)?;
                None
            }
        };
        // `IFLA_IFALIAS` is ignored when a link is made, so it comes with what makes the link usable.
        let mut message = LinkUnspec::new_with_index(host_end.index)
            .alias(&wanted.alias)
            .up();
        if let Some(bridge) = &bridge {
            message = message.controller(bridge.index);
        }
        if !wanted.link_local && host_end.ipv6.is_some() {
            message = message.append_extra_attribute(link_local::none());
        }
        set(&self.host, message.build(), || match &bridge {
            Some(bridge) => format!("making {} a port of {}", wanted.host_name, bridge.name),
            None => format!("setting {} up", wanted.host_name),
        })?;
        if let (Some(bridge), Some(port)) = (&bridge, &wanted.port) {
            self.shape_port(&wanted.host_name, host_end.index, bridge, port)?;
        }
        self.host_end = Some(host_end.index);
        Ok(Performed::links(facts(wanted, &host_end)))
    }

    fn why_not_made(&self, wanted: &VethPair, refusal: Refusal) -> KernelError {
        let refused = |refusal: Refusal| refusal.when(format!("making veth {}", wanted.host_name));
        if refusal.errno != Errno::EEXIST {
            return refused(refusal);
        }
        let (name, place) = match find(&self.host, &wanted.host_name) {
            Err(error) => return error,
            Ok(Some(_)) => (&wanted.host_name, Place::Host),
            Ok(None) => (&wanted.container_name, Place::Container),
        };
        KernelError::InterfaceExists {
            name: name.clone(),
            place,
        }
    }
}

/// Both ends at once, each in its place with its final name and address: nothing to rename or move, no moment in which a
/// half-made link is in sight of the container.
fn pair(wanted: &VethPair, namespace: RawFd) -> LinkMessage {
    let mut peer = LinkUnspec::new_with_name(&wanted.container_name)
        .address(wanted.container_mac.0.to_vec())
        .setns_by_fd(namespace);
    let mut host = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
        .name(&wanted.host_name)
        .address(wanted.host_mac.0.to_vec())
        .link_group(wanted.group);
    if let Some(mtu) = wanted.mtu {
        peer = peer.mtu(mtu);
        host = host.mtu(mtu);
    }
    host.set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())))
        .build()
}

/// Both ends have the same MTU: the one that was asked for, or the kernel's default.
fn facts(wanted: &VethPair, host_end: &LinkState) -> Vec<LinkFact> {
    vec![
        LinkFact {
            name: wanted.host_name.clone(),
            mac: Some(wanted.host_mac),
            mtu: host_end.mtu,
            side: Side::Host,
            trace: trace(wanted, host_end),
        },
        LinkFact {
            name: wanted.container_name.clone(),
            mac: Some(wanted.container_mac),
            mtu: host_end.mtu,
            side: Side::Container,
            trace: None,
        },
    ]
}

/// None where the kernel does not tell all of it.
fn trace(wanted: &VethPair, host_end: &LinkState) -> Option<VethTrace> {
    Some(VethTrace {
        index: host_end.index,
        peer_index: host_end.lower?,
        nsid: host_end.lower_nsid?,
        peer_name: wanted.container_name.clone(),
        peer_mac: wanted.container_mac,
    })
}
