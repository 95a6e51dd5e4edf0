use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState as Reachability,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use plan::{MacAddress, Neighbour};

use super::{Refusal, RouteSocket};

/// A neighbour entry as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NeighbourState {
    pub(crate) address: IpAddr,
    pub(crate) mac: Option<MacAddress>,
    /// It was set and not learnt.
    pub(crate) permanent: bool,
}

impl NeighbourState {
    fn read(message: &NeighbourMessage) -> Option<Self> {
        let mut address = None;
        let mut mac = None;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(each)) => {
                    address = Some(IpAddr::from(*each));
                }
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(each)) => {
                    address = Some(IpAddr::from(*each));
                }
                NeighbourAttribute::LinkLayerAddress(octets) => {
                    mac = octets.as_slice().try_into().ok().map(MacAddress);
                }
                _ => {}
            }
        }
        Some(Self {
            address: address?,
            mac,
            permanent: message.header.state == Reachability::Permanent,
        })
    }

    pub(crate) fn is(&self, wanted: &Neighbour) -> bool {
        self.permanent && self.address == wanted.address && self.mac == Some(wanted.mac)
    }
}

fn message(index: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = index;
    let destination = match address {
        IpAddr::V4(address) => {
            message.header.family = AddressFamily::Inet;
            NeighbourAddress::Inet(address)
        }
        IpAddr::V6(address) => {
            message.header.family = AddressFamily::Inet6;
            NeighbourAddress::Inet6(address)
        }
    };
    message
        .attributes
        .push(NeighbourAttribute::Destination(destination));
    message
}

/// The neighbour tables (ip-neighbour(8)).
impl RouteSocket {
    /// None when there is no entry.
    pub(crate) fn neighbour(
        &self,
        index: u32,
        address: IpAddr,
    ) -> Result<Option<NeighbourState>, Refusal> {
        let request = RouteNetlinkMessage::GetNeighbour(message(index, address));
        let answers = match self.request(request, 0) {
            Err(refusal) if refusal.errno == Errno::ENOENT => return Ok(None),
            answers => answers?,
        };
        Ok(answers.iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) => NeighbourState::read(message),
            _ => None,
        }))
    }

    /// The permanent entries of one interface, of both families.
    pub(crate) fn permanent_neighbours(&self, index: u32) -> Result<Vec<Neighbour>, Refusal> {
        let request = NeighbourMessage::default();
        let answers = self.dump(&RouteNetlinkMessage::GetNeighbour(request))?;
        let entries = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) if message.header.ifindex == index => {
                let found = NeighbourState::read(message).filter(|found| found.permanent)?;
                Some(Neighbour {
                    address: found.address,
                    mac: found.mac?,
                })
            }
            _ => None,
        });
        Ok(entries.collect())
    }

    /// Sets a permanent entry in the place of whatever is there.
    pub(crate) fn set_neighbour(&self, index: u32, wanted: &Neighbour) -> Result<(), Refusal> {
        let mut message = message(index, wanted.address);
        message.header.state = Reachability::Permanent;
        message
            .attributes
            .push(NeighbourAttribute::LinkLayerAddress(wanted.mac.0.to_vec()));
        self.request(
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
        .map(drop)
    }

    pub(crate) fn delete_neighbour(&self, index: u32, address: IpAddr) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::DelNeighbour(message(index, address)),
            0,
        )
        .map(drop)
    }
}
