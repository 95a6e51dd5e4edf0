use std::net::IpAddr;

use super::super::attribute::{Attributes, find};

/// `CTA_TUPLE_IP`, `CTA_TUPLE_PROTO`
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;
/// `CTA_IP_V4_SRC` and so on
mod address {
    pub(super) const V4_SOURCE: u16 = 1;
    pub(super) const V4_DESTINATION: u16 = 2;
    pub(super) const V6_SOURCE: u16 = 3;
    pub(super) const V6_DESTINATION: u16 = 4;
}
/// `CTA_PROTO_NUM` and so on
mod protocol {
    pub(super) const NUMBER: u16 = 1;
    pub(super) const SOURCE_PORT: u16 = 2;
    pub(super) const DESTINATION_PORT: u16 = 3;
}
/// `CTA_FILTER_F_…` (net/netfilter/nf_internals.h)
mod flag {
    pub(super) const SOURCE: u32 = 1 << 0;
    pub(super) const DESTINATION: u32 = 1 << 1;
    pub(super) const PROTOCOL: u32 = 1 << 3;
    pub(super) const SOURCE_PORT: u32 = 1 << 4;
    pub(super) const DESTINATION_PORT: u32 = 1 << 5;
}

/// What one direction of a connection must be; None: anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) protocol: u8,
    pub(super) source: (Option<IpAddr>, Option<u16>),
    pub(super) destination: (Option<IpAddr>, Option<u16>),
}

impl Wanted {
    /// Can the kernel compare all of it? Not addresses of IPv6: it takes those that are equal for different
    /// (`ctnetlink_filter_match_tuple`, net/netfilter/nf_conntrack_netlink.c, at least up to Linux 6.18).
    pub(super) fn is_comparable(self) -> bool {
        let is_v6 = |address: Option<IpAddr>| address.is_some_and(|address| address.is_ipv6());
        !is_v6(self.source.0) && !is_v6(self.destination.0)
    }

    /// What is left if the kernel shall compare it.
    pub(super) fn comparable(self) -> Self {
        if self.is_comparable() {
            return self;
        }
        Self {
            source: (None, self.source.1),
            destination: (None, self.destination.1),
            ..self
        }
    }

    /// What the kernel shall compare. It compares no port without the protocol.
    pub(super) fn flags(self) -> u32 {
        let (source, source_port) = self.source;
        let (destination, destination_port) = self.destination;
        let flag = |wanted: bool, flag| if wanted { flag } else { 0 };
        flag::PROTOCOL
            | flag(source.is_some(), flag::SOURCE)
            | flag(destination.is_some(), flag::DESTINATION)
            | flag(source_port.is_some(), flag::SOURCE_PORT)
            | flag(destination_port.is_some(), flag::DESTINATION_PORT)
    }

    /// Writes what shall be compared.
    pub(super) fn encode(self, attributes: &mut Attributes<'_>) {
        let (source, source_port) = self.source;
        let (destination, destination_port) = self.destination;
        if source.is_some() || destination.is_some() {
            attributes.nest(ADDRESSES, |addresses| {
                let mut write = |end: Option<IpAddr>, kinds: (u16, u16)| match end {
                    Some(IpAddr::V4(address)) => drop(addresses.bytes(kinds.0, &address.octets())),
                    Some(IpAddr::V6(address)) => drop(addresses.bytes(kinds.1, &address.octets())),
                    None => {}
                };
                write(source, (address::V4_SOURCE, address::V6_SOURCE));
                write(
                    destination,
                    (address::V4_DESTINATION, address::V6_DESTINATION),
                );
            });
        }
        attributes.nest(PROTOCOL, |protocol| {
            protocol.bytes(protocol::NUMBER, &[self.protocol]);
            if let Some(port) = source_port {
                protocol.bytes(protocol::SOURCE_PORT, &port.to_be_bytes());
            }
            if let Some(port) = destination_port {
                protocol.bytes(protocol::DESTINATION_PORT, &port.to_be_bytes());
            }
        });
    }

    /// Is this a direction of a connection, as the kernel describes it, that is wanted?
    pub(super) fn is(self, tuple: &[u8]) -> bool {
        let has = |list: u16, kind: u16, value: &[u8]| {
            find(tuple, list).and_then(|list| find(list, kind)) == Some(value)
        };
        let address = |wanted: Option<IpAddr>, kinds: (u16, u16)| match wanted {
            Some(IpAddr::V4(address)) => has(ADDRESSES, kinds.0, &address.octets()),
            Some(IpAddr::V6(address)) => has(ADDRESSES, kinds.1, &address.octets()),
            None => true,
        };
        let port = |wanted: Option<u16>, kind| {
            wanted.is_none_or(|port| has(PROTOCOL, kind, &port.to_be_bytes()))
        };
        has(PROTOCOL, protocol::NUMBER, &[self.protocol])
            && address(self.source.0, (address::V4_SOURCE, address::V6_SOURCE))
            && address(
                self.destination.0,
                (address::V4_DESTINATION, address::V6_DESTINATION),
            )
            && port(self.source.1, protocol::SOURCE_PORT)
            && port(self.destination.1, protocol::DESTINATION_PORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(wanted: Wanted) -> Vec<u8> {
        let mut buffer = Vec::new();
        wanted.encode(&mut Attributes::new(&mut buffer));
        buffer
    }

    fn whole(source: &str, destination: &str) -> Wanted {
        Wanted {
            protocol: 17,
            source: (Some(source.parse().unwrap()), Some(1)),
            destination: (Some(destination.parse().unwrap()), Some(2)),
        }
    }

    #[test]
    fn what_is_wanted_is_found_again_and_nothing_else() {
        for (source, destination) in [("10.1.0.2", "192.0.2.1"), ("fd00::2", "2001:db8::1")] {
            let tuple = written(whole(source, destination));
            let wanted = whole(source, destination);
            let anything = Wanted {
                source: (None, None),
                destination: (None, None),
                ..wanted
            };
            assert!(wanted.is(&tuple));
            assert!(anything.is(&tuple));
            for other in [
                Wanted {
                    protocol: 6,
                    ..anything
                },
                Wanted {
                    source: (Some(destination.parse().unwrap()), None),
                    ..anything
                },
                Wanted {
                    source: (None, Some(2)),
                    ..anything
                },
                Wanted {
                    destination: (Some(source.parse().unwrap()), None),
                    ..anything
                },
                Wanted {
                    destination: (None, Some(1)),
                    ..anything
                },
            ] {
                assert!(!other.is(&tuple), "{other:?}");
            }
            for length in 0..tuple.len() {
                // A torn description is nobody's.
                assert!(!wanted.is(&tuple[..length]), "{length}");
            }
        }
    }

    #[test]
    fn the_kernel_compares_no_address_of_ipv6() {
        let v4 = whole("10.1.0.2", "192.0.2.1");
        assert_eq!(v4.comparable(), v4);
        let v6 = whole("fd00::2", "2001:db8::1");
        let ports = Wanted {
            protocol: 17,
            source: (None, Some(1)),
            destination: (None, Some(2)),
        };
        assert!(!v6.is_comparable());
        assert_eq!(v6.comparable(), ports);
    }

    #[test]
    fn only_what_is_wanted_is_compared() {
        assert_eq!(whole("10.1.0.2", "192.0.2.1").flags(), 0b11_1011);
        let port = Wanted {
            protocol: 17,
            source: (None, None),
            destination: (None, Some(53)),
        };
        assert_eq!(port.flags(), 0b10_1000);
        assert_eq!(
            written(port),
            [
                20, 0, 2, 0x80, 5, 0, 1, 0, 17, 0, 0, 0, 6, 0, 3, 0, 0, 53, 0, 0
            ]
        );
    }
}
