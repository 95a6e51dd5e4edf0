use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plan::MacAddress;

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const BROADCAST: [u8; 6] = [0xff; 6];
/// The group address of all nodes, and its Ethernet address (RFC 2464, 7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ICMPV6: u8 = 58;

/// The Ethernet frame that announces an address.
pub(super) fn announcement(mac: MacAddress, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => gratuitous_arp(mac, address),
        IpAddr::V6(address) => unsolicited_advertisement(mac, address),
    }
}

fn ethernet(to: [u8; 6], from: MacAddress, ethertype: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(86);
    frame.extend(to);
    frame.extend(from.0);
    frame.extend(ethertype.to_be_bytes());
    frame
}

/// A request for one's own address, which updates caches as a reply would and which more hosts heed (RFC 5227, 3).
fn gratuitous_arp(mac: MacAddress, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = ethernet(BROADCAST, mac, ETHERTYPE_ARP);
    // Ethernet, IPv4, lengths of their addresses, request.
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac.0);
    frame.extend(address.octets());
    frame.extend([0; 6]);
    frame.extend(address.octets());
    frame
}

/// A neighbour advertisement to all nodes that overrides what they know (RFC 4861, 7.2.6).
fn unsolicited_advertisement(mac: MacAddress, address: Ipv6Addr) -> Vec<u8> {
    let mut message = Vec::with_capacity(32);
    // Type, code, checksum, flags: override.
    message.extend([136, 0, 0, 0, 0x20, 0, 0, 0]);
    message.extend(address.octets());
    // Target link-layer address, in units of 8 bytes.
    message.extend([2, 1]);
    message.extend(mac.0);
    let checksum = icmpv6_checksum(address, ALL_NODES, &message);
    for (to, from) in message.iter_mut().skip(2).zip(checksum.to_be_bytes()) {
        *to = from;
    }
    let mut frame = ethernet(ALL_NODES_MAC, mac, ETHERTYPE_IPV6);
    frame.extend([0x60, 0, 0, 0, 0, 32, ICMPV6]);
    // Neighbour discovery is believed only from the link itself: hop limit 255.
    frame.push(255);
    frame.extend(address.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(message);
    frame
}

/// RFC 4443, 2.3: over a pseudo header and the message, whose own checksum is zero.
fn icmpv6_checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    let mut covered = Vec::with_capacity(72);
    covered.extend(from.octets());
    covered.extend(to.octets());
    covered.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    covered.extend([0, 0, 0, ICMPV6]);
    covered.extend(message);
    let mut sum: u32 = covered
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(high) << 8,
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddress = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);

    #[test]
    fn gratuitous_arp_asks_everyone_for_its_own_address() {
        let frame = announcement(MAC, "10.1.0.7".parse().unwrap());
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0x5e, 0x10, 0, 1, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 1, // request
            2, 0, 0x5e, 0x10, 0, 1, 10, 1, 0, 7, // sender
            0, 0, 0, 0, 0, 0, 10, 1, 0, 7, // target
        ];
        assert_eq!(frame, expected);
    }

    #[test]
    fn advertisement_is_from_the_address_to_all_nodes_and_overrides() {
        let address: Ipv6Addr = "fd00::7".parse().unwrap();
        let frame = announcement(MAC, address.into());
        assert_eq!(frame.len(), 86);
        assert_eq!(
            frame[..14],
            [0x33, 0x33, 0, 0, 0, 1, 2, 0, 0x5e, 0x10, 0, 1, 0x86, 0xdd]
        );
        assert_eq!(frame[14..22], [0x60, 0, 0, 0, 0, 32, 58, 255]);
        assert_eq!(frame[22..38], address.octets());
        assert_eq!(frame[38..54], ALL_NODES.octets());
        assert_eq!(frame[54..56], [136, 0]);
        assert_eq!(frame[58..62], [0x20, 0, 0, 0]);
        assert_eq!(frame[62..78], address.octets());
        assert_eq!(frame[78..], [2, 1, 2, 0, 0x5e, 0x10, 0, 1]);
    }

    #[test]
    fn a_message_with_its_checksum_sums_to_zero() {
        let address: Ipv6Addr = "fd00:1:2:3::ffff".parse().unwrap();
        let frame = announcement(MAC, address.into());
        assert_eq!(icmpv6_checksum(address, ALL_NODES, &frame[54..]), 0);
        assert_ne!(frame[56..58], [0, 0]);
    }
}
