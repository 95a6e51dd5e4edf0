//! A forwarded port as an element of a map.

use std::net::{IpAddr, SocketAddr};

use plan::{Family, ForwardTag, PortForward, Transport};

use super::super::NftError;
use super::super::address_key::{self, octets};
use super::super::element::Element;
use super::super::set::{KeyType, Set};
use super::super::table::TableFamily;

/// Which packets a map is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those to one address of the host.
    OneAddress,
    /// Those to any local address.
    AnyAddress,
}

/// The map of a family.
pub(super) fn map(family: Family, reach: Reach, tag: ForwardTag) -> Set {
    let address = address_key::key(family);
    let (kind, key) = match reach {
        Reach::OneAddress => ("host", address.then(KeyType::TRANSPORT_PROTOCOL)),
        Reach::AnyAddress => ("any", KeyType::TRANSPORT_PROTOCOL),
    };
    Set {
        family: TableFamily::Inet,
        name: format!("{kind}{}-{tag}", address_key::number(family)),
        key: key.then(KeyType::PORT),
        intervals: false,
        data: Some(address.then(KeyType::PORT)),
    }
}

/// The element and its map.
///
/// # Errors
/// An address of one family can't lead to one of the other.
pub(super) fn of(tag: ForwardTag, forward: &PortForward) -> Result<(Set, Element), NftError> {
    let family = Family::of(forward.target.ip());
    let is_foreign = |address: IpAddr| !address.is_unspecified() && Family::of(address) != family;
    if forward.host_address.is_some_and(is_foreign) {
        return Err(NftError::FamiliesDiffer {
            forward: forward.to_string(),
        });
    }
    let (reach, mut key) = reach_of(forward);
    // Each part fills whole registers of 4 bytes.
    key.extend([forward.transport.number(), 0, 0, 0]);
    key.extend(port(forward.host_port));
    let data = leading_to(forward.target);
    Ok((map(family, reach, tag), Element::leading_to(key, data)))
}

/// Which packets the port is for, and the address that is at the head of its key.
pub(super) fn reach_of(forward: &PortForward) -> (Reach, Vec<u8>) {
    // The unspecified address means every address, as with a socket.
    let address = forward.host_address.filter(|each| !each.is_unspecified());
    match address {
        Some(address) => (Reach::OneAddress, octets(address)),
        None => (Reach::AnyAddress, Vec::new()),
    }
}

/// The map of this name: its tag, and the family of its addresses.
pub(super) fn map_named(name: &str) -> Option<(ForwardTag, Family, Reach)> {
    let (head, tag) = name.split_once('-')?;
    let (family, reach) = match head {
        "host4" => (Family::Ipv4, Reach::OneAddress),
        "host6" => (Family::Ipv6, Reach::OneAddress),
        "any4" => (Family::Ipv4, Reach::AnyAddress),
        "any6" => (Family::Ipv6, Reach::AnyAddress),
        _ => return None,
    };
    Some((ForwardTag::try_from(tag.to_owned()).ok()?, family, reach))
}

/// What [`of`] made into this element of such a map; its zone is not there.
pub(super) fn read(family: Family, reach: Reach, element: &Element) -> Option<PortForward> {
    let mut key = element.key.as_slice();
    let host_address = match reach {
        Reach::OneAddress => Some(take_address(family, &mut key)?),
        Reach::AnyAddress => None,
    };
    let (&[protocol, ..], rest) = key.split_first_chunk::<4>()?;
    let mut data = element.data.as_deref()?;
    let target = take_address(family, &mut data)?;
    Some(PortForward {
        transport: Transport::of_number(protocol)?,
        host_address,
        host_port: read_port(rest)?,
        target: SocketAddr::new(target, read_port(data)?),
        zone: None,
    })
}

fn take_address(family: Family, bytes: &mut &[u8]) -> Option<IpAddr> {
    Some(match family {
        Family::Ipv4 => {
            let (octets, rest) = bytes.split_first_chunk::<4>()?;
            *bytes = rest;
            IpAddr::from(*octets)
        }
        Family::Ipv6 => {
            let (octets, rest) = bytes.split_first_chunk::<16>()?;
            *bytes = rest;
            IpAddr::from(*octets)
        }
    })
}

fn read_port(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().copied().map(u16::from_be_bytes)
}

fn leading_to(target: SocketAddr) -> Vec<u8> {
    let mut data = octets(target.ip());
    data.extend(port(target.port()));
    data
}

fn port(number: u16) -> [u8; 4] {
    let [high, low] = number.to_be_bytes();
    [high, low, 0, 0]
}

#[cfg(test)]
mod tests {
    use plan::SourceNat;

    use super::*;

    fn tag() -> ForwardTag {
        ForwardTag::of("pods", SourceNat::Local, 13, &[])
    }

    fn forward(host: Option<&str>, target: &str) -> PortForward {
        PortForward {
            transport: Transport::Udp,
            host_address: host.map(|text| text.parse().unwrap()),
            host_port: 0x1234,
            target: target.parse().unwrap(),
            zone: None,
        }
    }

    #[test]
    fn keys_and_targets_fill_whole_registers() {
        let (map, element) = of(tag(), &forward(Some("192.0.2.1"), "10.1.0.2:53")).unwrap();
        assert_eq!(map.name, format!("host4-{}", tag()));
        assert_eq!(element.key, [192, 0, 2, 1, 17, 0, 0, 0, 0x12, 0x34, 0, 0]);
        assert_eq!(element.data, Some(vec![10, 1, 0, 2, 0, 53, 0, 0]));
        let (map, element) = of(tag(), &forward(None, "[fd00::2]:53")).unwrap();
        assert_eq!(map.name, format!("any6-{}", tag()));
        assert_eq!(element.key, [17, 0, 0, 0, 0x12, 0x34, 0, 0]);
        assert_eq!(element.data.unwrap().len(), 20);
    }

    #[test]
    fn an_element_is_read_back() {
        for (host, target) in [
            (Some("192.0.2.1"), "10.1.0.2:53"),
            (None, "10.1.0.2:53"),
            (Some("2001:db8::1"), "[fd00::2]:53"),
            (None, "[fd00::2]:53"),
        ] {
            let wanted = forward(host, target);
            let (map, element) = of(tag(), &wanted).unwrap();
            let (read_tag, family, reach) = map_named(&map.name).unwrap();
            assert_eq!(read_tag, tag());
            assert_eq!(read(family, reach, &element), Some(wanted));
        }
        assert_eq!(map_named("pods4-0123456789abcdef"), None);
    }

    #[test]
    fn the_unspecified_address_is_every_address() {
        for (unspecified, target) in [("0.0.0.0", "10.1.0.2:53"), ("::", "[fd00::2]:53")] {
            let every = of(tag(), &forward(None, target)).unwrap();
            assert_eq!(
                of(tag(), &forward(Some(unspecified), target)).unwrap(),
                every
            );
        }
    }

    #[test]
    fn no_address_leads_to_the_other_family() {
        let error = of(tag(), &forward(Some("192.0.2.1"), "[fd00::2]:53")).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:4660"), "{error}");
    }

    #[test]
    fn names_fit_kernels_that_take_31_bytes() {
        for family in [Family::Ipv4, Family::Ipv6] {
            for reach in [Reach::OneAddress, Reach::AnyAddress] {
                let name = map(family, reach, tag()).name;
                assert!(name.len() <= 31, "{name}");
            }
        }
    }
}
