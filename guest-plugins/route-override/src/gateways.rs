use std::fmt;
use std::net::IpAddr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// At most one gateway for each family, written as an address or as a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gateways {
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
}

impl Gateways {
    /// The gateway of the family of this address.
    pub(crate) fn for_family_of(self, address: IpAddr) -> Option<IpAddr> {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = IpAddr> {
        self.v4.into_iter().chain(self.v6)
    }

    fn add<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let gateway: IpAddr = text
            .parse()
            .map_err(|_| E::custom("is neither an IPv4 nor an IPv6 address"))?;
        let gateway = gateway.to_canonical();
        if gateway.is_unspecified() || gateway.is_multicast() {
            return Err(E::custom("is no address of a gateway"));
        }
        let slot = if gateway.is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        match slot.replace(gateway) {
            None => Ok(()),
            Some(other) => Err(E::custom(format_args!(
                "{other} and {gateway} are of one family, which has one gateway"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Gateways {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GatewaysVisitor)
    }
}

struct GatewaysVisitor;

impl<'de> Visitor<'de> for GatewaysVisitor {
    type Value = Gateways;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or a list of one for each family")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Gateways, E> {
        let mut gateways = Gateways::default();
        gateways.add(text)?;
        Ok(gateways)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Gateways, A::Error> {
        let mut gateways = Gateways::default();
        while let Some(text) = elements.next_element::<String>()? {
            gateways.add(&text)?;
        }
        Ok(gateways)
    }
}
