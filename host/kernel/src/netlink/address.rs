use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::AddressMessageBuilder;

use super::{Refusal, RouteSocket};

/// An address of a link as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressState {
    pub(crate) index: u32,
    pub(crate) address: IpNet,
    /// Duplicate address detection is not finished.
    pub(crate) tentative: bool,
    /// Duplicate address detection met another holder.
    pub(crate) duplicate: bool,
    pub(crate) flags: AddressFlags,
}

impl AddressState {
    pub(crate) fn read(message: &AddressMessage) -> Option<Self> {
        let mut local = None;
        let mut remote = None;
        let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(address) => local = Some(*address),
                AddressAttribute::Address(address) => remote = Some(*address),
                AddressAttribute::Flags(all) => flags = *all,
                _ => {}
            }
        }
        Some(Self {
            index: message.header.index,
            address: IpNet::new(local.or(remote)?, message.header.prefix_len).ok()?,
            tentative: flags.contains(AddressFlags::Tentative),
            duplicate: flags.contains(AddressFlags::Dadfailed),
            flags,
        })
    }
}

/// The message that adds or removes an address; IPv4 ones get the broadcast address of their network.
pub(crate) fn address_message(index: u32, address: IpNet, flags: AddressFlags) -> AddressMessage {
    let mut message = match address {
        IpNet::V4(address) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(index)
            .address(address.addr(), address.prefix_len())
            .build(),
        IpNet::V6(address) => AddressMessageBuilder::<Ipv6Addr>::new()
            .index(index)
            .address(address.addr(), address.prefix_len())
            .build(),
    };
    if !flags.is_empty() {
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    message
}

impl RouteSocket {
    pub(crate) fn add_address(&self, message: AddressMessage) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map(drop)
    }

    pub(crate) fn remove_address(&self, message: AddressMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelAddress(message), 0)
            .map(drop)
    }

    /// The addresses of one link, of both families; with an nsid, of a link in that namespace.
    pub(crate) fn addresses(
        &self,
        index: u32,
        nsid: Option<i32>,
    ) -> Result<Vec<AddressState>, Refusal> {
        let mut message = AddressMessage::default();
        message.header.index = index;
        let mut addresses = self.dump_addresses(message, nsid)?;
        addresses.retain(|each| each.index == index);
        Ok(addresses)
    }

    /// The addresses of all links; with an nsid, of those in that namespace.
    pub(crate) fn all_addresses(&self, nsid: Option<i32>) -> Result<Vec<AddressState>, Refusal> {
        self.dump_addresses(AddressMessage::default(), nsid)
    }

    fn dump_addresses(
        &self,
        mut message: AddressMessage,
        nsid: Option<i32>,
    ) -> Result<Vec<AddressState>, Refusal> {
        message
            .attributes
            .extend(nsid.map(AddressAttribute::TargetNetNsId));
        let answers = self.dump(&RouteNetlinkMessage::GetAddress(message))?;
        let addresses = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => AddressState::read(message),
            _ => None,
        });
        Ok(addresses.collect())
    }
}
