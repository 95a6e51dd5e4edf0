use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};

use super::{Refusal, RouteSocket};

/// The request that makes a route again which somebody has asked for, with all that it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptRoute(RouteMessage);

impl KeptRoute {
    /// None for what the kernel sets by itself: routes of addresses, and those that routers advertise.
    fn of(mut description: RouteMessage) -> Option<Self> {
        let header = &mut description.header;
        let by_itself = matches!(header.protocol, RouteProtocol::Kernel | RouteProtocol::Ra);
        if header.kind != RouteType::Unicast || by_itself {
            return None;
        }
        // The others tell how it is, and no request may say them.
        header.flags &= RouteFlags::Onlink;
        description.attributes.retain(|attribute| {
            matches!(
                attribute,
                RouteAttribute::Metrics(_)
                    | RouteAttribute::Destination(_)
                    | RouteAttribute::Source(_)
                    | RouteAttribute::Gateway(_)
                    | RouteAttribute::Via(_)
                    | RouteAttribute::PrefSource(_)
                    | RouteAttribute::Preference(_)
                    | RouteAttribute::EncapType(_)
                    | RouteAttribute::Encap(_)
                    | RouteAttribute::Oif(_)
                    | RouteAttribute::Priority(_)
                    | RouteAttribute::Table(_)
            )
        });
        Some(Self(description))
    }

    /// Is it reached by another route?
    pub(crate) fn has_gateway(&self) -> bool {
        let mut attributes = self.0.attributes.iter();
        attributes.any(|each| matches!(each, RouteAttribute::Gateway(_) | RouteAttribute::Via(_)))
    }

    /// A route of one table in another; one of a third table stays there.
    pub(crate) fn moved(mut self, from: u32, to: u32) -> RouteMessage {
        for attribute in &mut self.0.attributes {
            if let RouteAttribute::Table(table) = attribute
                && *table == from
            {
                *table = to;
                // Eight bits here, all of it in the attribute.
                self.0.header.table = u8::try_from(to).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
            }
        }
        self.0
    }
}

impl RouteSocket {
    /// The routes of both families and all tables through an interface that are gone when it goes down, and do not come
    /// back by themselves.
    pub(crate) fn kept_routes(&self, interface: u32) -> Result<Vec<KeptRoute>, Refusal> {
        let found = self.descriptions_through(interface)?;
        Ok(found.into_iter().filter_map(KeptRoute::of).collect())
    }
}
