use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, route::RouteHeader};

use crate::socket::Request;

const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
/// Of the network that the benchmark uses.
const PREFIX_LENGTH: u8 = 16;

/// The name of the host's end of a veth.
pub(crate) struct HostEnd(String);

impl HostEnd {
    /// The benchmark's container ids differ in their last characters.
    pub(crate) fn of_container(container: &str) -> Self {
        let last = container.len().saturating_sub(10);
        Self(format!(
            "floor{}",
            container.get(last..).unwrap_or(container)
        ))
    }
}

/// Both ends at once, in their places, the host's up and in the bridge. The kernel sets the other up only when there is a
/// pair.
pub(crate) fn veth(host_end: &HostEnd, bridge: u32, interface: &str, netns: &File) -> Request {
    let mut peer = named(interface);
    peer.attributes
        .push(LinkAttribute::NetNsFd(netns.as_raw_fd()));
    let mut host = up(named(&host_end.0));
    host.attributes.push(LinkAttribute::Controller(bridge));
    host.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    Request::new(RouteNetlinkMessage::NewLink(host), NEW)
}

fn named(name: &str) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link
}

fn up(mut link: LinkMessage) -> LinkMessage {
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
}

pub(crate) fn set_up(index: u32) -> Request {
    let mut link = LinkMessage::default();
    link.header.index = index;
    Request::new(RouteNetlinkMessage::SetLink(up(link)), 0)
}

pub(crate) fn address(index: u32, address: Ipv4Addr) -> Request {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = PREFIX_LENGTH;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
    ];
    Request::new(RouteNetlinkMessage::NewAddress(message), NEW)
}

pub(crate) fn default_route(gateway: Ipv4Addr) -> Request {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Static,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message
        .attributes
        .push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    Request::new(RouteNetlinkMessage::NewRoute(message), NEW)
}

/// The other end goes with it.
pub(crate) fn delete(host_end: &HostEnd) -> Request {
    Request::new(RouteNetlinkMessage::DelLink(named(&host_end.0)), 0)
}
