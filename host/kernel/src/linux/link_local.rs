use netlink_packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute};

/// Has the kernel give a link no IPv6 link-local address (`IN6_ADDR_GEN_MODE_NONE`).
///
/// It has to be there before frames pass: then comes the address, and with it its detection and the groups that it
/// joins, told to every other container on the link.
pub(super) fn none() -> LinkAttribute {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])])
}
