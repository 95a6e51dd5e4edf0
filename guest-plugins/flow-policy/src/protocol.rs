//! Protocols by name and by number.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// TCP and UDP, whose ports are meant where no protocol is named.
pub(crate) const USUAL: [u8; 2] = [TCP, UDP];

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;

/// A protocol's number; none: any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Protocol(pub(crate) Option<u8>);

impl Protocol {
    /// Do its packets carry ports?
    pub(crate) fn has_ports(self) -> bool {
        match self.0 {
            None => true,
            Some(number) => [TCP, UDP, DCCP, SCTP, UDPLITE].contains(&number),
        }
    }

    /// Can it be spoken in a family? ICMP is a protocol of one family each.
    pub(crate) fn is_spoken(self, ipv4: bool) -> bool {
        match self.0 {
            Some(ICMP) => ipv4,
            Some(ICMPV6) => !ipv4,
            Some(_) | None => true,
        }
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProtocolVisitor)
    }
}

struct ProtocolVisitor;

const POSSIBLE: &str =
    "tcp, udp, sctp, icmp, icmpv6, any, or the number of an IP protocol, 0 to 255";

impl Visitor<'_> for ProtocolVisitor {
    type Value = Protocol;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(POSSIBLE)
    }

    fn visit_unit<E>(self) -> Result<Protocol, E> {
        Ok(Protocol(None))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Protocol, E> {
        match u8::try_from(number) {
            Ok(number) => Ok(Protocol(Some(number))),
            Err(_) => Err(E::custom(format_args!("is unknown; there are {POSSIBLE}"))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Protocol, E> {
        let number = match text.to_ascii_lowercase().as_str() {
            "" | "any" => return Ok(Protocol(None)),
            "icmp" => ICMP,
            "tcp" => TCP,
            "udp" => UDP,
            "sctp" => SCTP,
            "icmpv6" => ICMPV6,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                return self.visit_u64(digits.parse().unwrap_or(u64::MAX));
            }
            _ => return Err(E::custom(format_args!("is unknown; there are {POSSIBLE}"))),
        };
        Ok(Protocol(Some(number)))
    }
}
