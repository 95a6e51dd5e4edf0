use std::net::IpAddr;

use super::super::attribute::{Attributes, find};

/// `CTA_TUPLE_IP`, `CTA_TUPLE_PROTO`
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;
/// `CTA_IP_V4_SRC`, `CTA_IP_V6_SRC`
mod address {
    pub(super) const V4_SOURCE: u16 = 1;
    pub(super) const V6_SOURCE: u16 = 3;
}
/// `CTA_PROTO_NUM`
const PROTOCOL_NUMBER: u16 = 1;
/// `CTA_FILTER_F_…` (net/netfilter/nf_internals.h)
mod flag {
    pub(super) const SOURCE: u32 = 1 << 0;
    pub(super) const PROTOCOL: u32 = 1 << 3;
}

/// What one direction of a connection must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) protocol: u8,
    /// None: any.
    pub(super) source: Option<IpAddr>,
}

impl Wanted {
    /// Can the kernel compare all of it? Not addresses of IPv6: it takes those that are equal for different
    /// (`ctnetlink_filter_match_tuple`, net/netfilter/nf_conntrack_netlink.c, at least up to Linux 6.18).
    pub(super) fn is_comparable(self) -> bool {
        !self.source.is_some_and(|address| address.is_ipv6())
    }

    /// What is left if the kernel shall compare it.
    pub(super) fn comparable(self) -> Self {
        if self.is_comparable() {
            return self;
        }
        Self {
            source: None,
            ..self
        }
    }

    /// What the kernel shall compare.
    pub(super) fn flags(self) -> u32 {
        flag::PROTOCOL | self.source.map_or(0, |_| flag::SOURCE)
    }

    /// Writes what shall be compared.
    pub(super) fn encode(self, attributes: &mut Attributes<'_>) {
        if let Some(source) = self.source {
            attributes.nest(ADDRESSES, |addresses| {
                match source {
                    IpAddr::V4(address) => addresses.bytes(address::V4_SOURCE, &address.octets()),
                    IpAddr::V6(address) => addresses.bytes(address::V6_SOURCE, &address.octets()),
                };
            });
        }
        attributes.nest(PROTOCOL, |protocol| {
            protocol.bytes(PROTOCOL_NUMBER, &[self.protocol]);
        });
    }

    /// Is this a direction of a connection, as the kernel describes it, that is wanted?
    pub(super) fn is(self, tuple: &[u8]) -> bool {
        let has = |list: u16, kind: u16, value: &[u8]| {
            find(tuple, list).and_then(|list| find(list, kind)) == Some(value)
        };
        let has_source = match self.source {
            Some(IpAddr::V4(address)) => has(ADDRESSES, address::V4_SOURCE, &address.octets()),
            Some(IpAddr::V6(address)) => has(ADDRESSES, address::V6_SOURCE, &address.octets()),
            None => true,
        };
        has_source && has(PROTOCOL, PROTOCOL_NUMBER, &[self.protocol])
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

    fn from(source: &str) -> Wanted {
        Wanted {
            protocol: 17,
            source: Some(source.parse().unwrap()),
        }
    }

    const ANYTHING: Wanted = Wanted {
        protocol: 17,
        source: None,
    };

    #[test]
    fn what_is_wanted_is_found_again_and_nothing_else() {
        for (source, other) in [("10.1.0.2", "192.0.2.1"), ("fd00::2", "2001:db8::1")] {
            let tuple = written(from(source));
            let wanted = from(source);
            assert!(wanted.is(&tuple));
            assert!(ANYTHING.is(&tuple));
            assert!(!from(other).is(&tuple));
            let of_tcp = Wanted {
                protocol: 6,
                ..wanted
            };
            assert!(!of_tcp.is(&tuple));
            for length in 0..tuple.len() {
                // A torn description is nobody's.
                assert!(!wanted.is(&tuple[..length]), "{length}");
            }
        }
    }

    #[test]
    fn the_kernel_compares_no_address_of_ipv6() {
        let v4 = from("10.1.0.2");
        assert_eq!(v4.comparable(), v4);
        let v6 = from("fd00::2");
        assert!(!v6.is_comparable());
        assert_eq!(v6.comparable(), ANYTHING);
    }

    #[test]
    fn only_what_is_wanted_is_compared() {
        assert_eq!(from("10.1.0.2").flags(), 0b1001);
        assert_eq!(ANYTHING.flags(), 0b1000);
        assert_eq!(written(ANYTHING), [12, 0, 2, 0x80, 5, 0, 1, 0, 17, 0, 0, 0]);
        let head = [12, 0, 1, 0x80, 8, 0, 1, 0, 10, 1, 0, 2];
        assert_eq!(
            written(from("10.1.0.2")),
            [&head[..], &written(ANYTHING)].concat()
        );
    }
}
