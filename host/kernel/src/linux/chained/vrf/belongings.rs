use netlink_packet_route::address::AddressFlags;
use nix::errno::Errno;
use plan::Neighbour;

use super::super::addresses::{add, has, read};
use crate::netlink::{AddressState, KeptRoute, LinkState};
use crate::{KernelError, Netns};

/// What an interface loses that joins or leaves a VRF: the kernel takes it down and up again, which ends its IPv6
/// addresses (unless `keep_addr_on_down`), the routes through it and its neighbours.
pub(super) struct Belongings {
    addresses: Vec<AddressState>,
    routes: Vec<KeptRoute>,
    neighbours: Vec<Neighbour>,
}

impl Belongings {
    pub(super) fn of(netns: &Netns, link: &LinkState) -> Result<Self, KernelError> {
        let reading = |what: &str| format!("reading the {what} of {}", link.name);
        let route = netns.route();
        let mut addresses = read(netns, link)?;
        addresses.retain(does_not_return);
        let mut routes = route
            .kept_routes(link.index)
            .map_err(|refusal| refusal.when(reading("routes")))?;
        // Gateways are reached by routes without one.
        routes.sort_by_key(KeptRoute::has_gateway);
        let neighbours = route
            .permanent_neighbours(link.index)
            .map_err(|refusal| refusal.when(reading("neighbours")))?;
        Ok(Self {
            addresses,
            routes,
            neighbours,
        })
    }

    /// Routes that were in the main table of the link `before`, which may be that of a VRF, are in that of the link `after`.
    pub(super) fn restore(
        self,
        netns: &Netns,
        before: &LinkState,
        after: &LinkState,
    ) -> Result<(), KernelError> {
        let now = read(netns, after)?;
        for lost in &self.addresses {
            if !has(&now, lost.address) {
                let flags = lost.flags & AddressFlags::Noprefixroute;
                add(netns, after, lost.address, flags)?;
            }
        }
        let (from, to) = (before.main_table(), after.main_table());
        for route in self.routes {
            match netns.route().add_route(route.moved(from, to)) {
                Ok(()) => {}
                // The kernel's own, or in the main table another interface's, whose it was first.
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                Err(refusal) => {
                    let doing = format!("setting the routes through {} again", after.name);
                    return Err(refusal.when(doing));
                }
            }
        }
        for entry in &self.neighbours {
            netns
                .route()
                .set_neighbour(after.index, entry)
                .map_err(|refusal| {
                    let address = entry.address;
                    refusal.when(format!("setting neighbour {address} of {}", after.name))
                })?;
        }
        Ok(())
    }
}

/// IPv4 addresses stay; link-local ones, and those that routers advertise, come back by themselves.
fn does_not_return(state: &AddressState) -> bool {
    match state.address {
        ipnet::IpNet::V4(_) => false,
        ipnet::IpNet::V6(address) => {
            !address.addr().is_unicast_link_local() && state.flags.contains(AddressFlags::Permanent)
        }
    }
}
