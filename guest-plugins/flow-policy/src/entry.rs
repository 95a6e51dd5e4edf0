//! One entry of `allow` or `deny`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use wasm_cni_guest::{FlowDirection, FlowRule, FlowVerdict, PortRange};

use crate::ports::{self, Ports};
use crate::protocol::{self, Protocol};

/// An entry as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryObject {
    cidr: Option<Cidr>,
    cidrs: Option<Vec<Cidr>>,
    #[serde(default)]
    protocol: Protocol,
    ports: Option<Vec<Ports>>,
}

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Cidr(IpNet);

impl TryFrom<String> for Cidr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text
                .parse::<IpNet>()
                .map_err(|_| "is neither a network such as 10.0.0.0/8 nor an address".to_owned())?,
        };
        if network != network.trunc() {
            return Err(format!(
                "has host bits set; the network is {}",
                network.trunc()
            ));
        }
        Ok(Self(network))
    }
}

/// An entry, ready to become rules: one for each peer, protocol and range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    peers: Vec<Option<IpNet>>,
    protocols: Vec<Option<u8>>,
    ranges: Vec<Option<PortRange>>,
}

impl EntryObject {
    /// Check what the keys say together.
    ///
    /// # Errors
    /// The wrong key with its value, then why: `.ports: …`.
    pub(crate) fn read(&self) -> Result<Entry, String> {
        let peers = self.peers()?;
        let protocols = match (self.protocol.0, &self.ports) {
            (None, Some(_)) => protocol::USUAL.map(Some).to_vec(),
            (protocol, _) => vec![protocol],
        };
        Ok(Entry {
            peers,
            protocols,
            ranges: self.ranges()?,
        })
    }

    fn peers(&self) -> Result<Vec<Option<IpNet>>, String> {
        let cidrs = match (&self.cidr, &self.cidrs) {
            (Some(Cidr(cidr)), Some(_)) => {
                return Err(format!(
                    ".cidr = \"{cidr}\": move it into cidrs, which is there too"
                ));
            }
            (None, None) => return Ok(vec![None]),
            (Some(cidr), None) => std::slice::from_ref(cidr),
            (None, Some(cidrs)) if cidrs.is_empty() => {
                return Err(".cidrs = []: name a network, or leave the key out for anybody".into());
            }
            (None, Some(cidrs)) => cidrs,
        };
        let mut peers: Vec<Option<IpNet>> = Vec::with_capacity(cidrs.len());
        for Cidr(cidr) in cidrs {
            if !self.protocol.is_spoken(cidr.addr().is_ipv4()) {
                return Err(format!(
                    ": {cidr} and the protocol are not of one family; icmp is IPv4's, icmpv6 IPv6's"
                ));
            }
            peers.push(Some(*cidr));
        }
        Ok(peers)
    }

    fn ranges(&self) -> Result<Vec<Option<PortRange>>, String> {
        match &self.ports {
            None => Ok(vec![None]),
            Some(ports) if ports.is_empty() => {
                Err(".ports = []: name a port, or leave the key out for all".into())
            }
            Some(_) if !self.protocol.has_ports() => {
                let number = self.protocol.0.unwrap_or(0);
                Err(format!(
                    ".ports: protocol {number} has no ports; leave one of the two out"
                ))
            }
            Some(ports) => Ok(ports::merged(ports).into_iter().map(Some).collect()),
        }
    }
}

impl Entry {
    /// How many rules it makes.
    pub(crate) fn count(&self) -> usize {
        self.peers
            .len()
            .saturating_mul(self.protocols.len())
            .saturating_mul(self.ranges.len())
    }

    pub(crate) fn rules(
        &self,
        direction: FlowDirection,
        verdict: FlowVerdict,
    ) -> impl Iterator<Item = FlowRule> {
        self.peers.iter().flat_map(move |peer| {
            self.protocols.iter().flat_map(move |protocol| {
                self.ranges.iter().map(move |ports| FlowRule {
                    direction,
                    verdict,
                    peer: *peer,
                    protocol: *protocol,
                    ports: *ports,
                })
            })
        })
    }
}
