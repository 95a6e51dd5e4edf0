//! Messages as the kernel reads them, for tests of links that not every kernel has.

use netlink_packet_core::Emitable;
use netlink_packet_route::link::LinkMessage;

use crate::netlink::LinkState;

/// `struct ifinfomsg`.
const HEADER: usize = 16;
/// `NLA_F_NESTED`, which marks and changes nothing.
const NESTED: u16 = 1 << 15;

pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
pub(super) const IFLA_LINK: u16 = 5;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_INFO_KIND: u16 = 1;
pub(super) const IFLA_INFO_DATA: u16 = 2;

/// The value of the attribute at this path, read as `linux/netlink.h` says; None where it is not there.
pub(super) fn attribute(message: &LinkMessage, path: &[u16]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    let mut value = bytes.split_off(HEADER);
    for wanted in path {
        value = find(&value, *wanted)?;
    }
    Some(value)
}

fn find(mut bytes: &[u8], wanted: u16) -> Option<Vec<u8>> {
    while let [a, b, c, d, ..] = bytes {
        let length = usize::from(u16::from_ne_bytes([*a, *b]));
        let kind = u16::from_ne_bytes([*c, *d]) & !NESTED;
        if kind == wanted {
            return bytes.get(4..length).map(<[u8]>::to_vec);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
    None
}

pub(super) fn text(text: &str) -> Option<Vec<u8>> {
    Some([text.as_bytes(), &[0]].concat())
}

/// The kind, without the terminating NUL that is left to the sender.
pub(super) fn kind(message: &LinkMessage) -> String {
    let value = attribute(message, &[IFLA_LINKINFO, IFLA_INFO_KIND]).unwrap();
    String::from_utf8(value)
        .unwrap()
        .trim_end_matches('\0')
        .to_owned()
}

pub(super) fn number(number: u32) -> Option<Vec<u8>> {
    Some(number.to_ne_bytes().to_vec())
}

/// A master with the index 7 and MTU 9000.
pub(super) fn master(mac: plan::MacAddress) -> LinkState {
    LinkState {
        index: 7,
        name: "eth1".into(),
        mac: Some(mac),
        mtu: 9000,
        ..LinkState::default()
    }
}
