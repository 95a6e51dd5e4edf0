use nix::errno::Errno;
use plan::{ContainerRoutes, Family, Route};

use super::host_end::through_link;
use super::{Linux, find_required};
use crate::netlink::{LinkState, RouteSocket, RouteState, route_message};
use crate::{KernelError, Place};

impl Linux {
    pub(super) fn configure_routes(&mut self, wanted: &ContainerRoutes) -> Result<(), KernelError> {
        let container = self.container(|| format!("routing through {}", wanted.interface))?;
        let link = find_required(container.route(), &wanted.interface, Place::Container)?;
        for route in all(wanted) {
            ensure(container.route(), &link, &route)?;
        }
        Ok(())
    }
}

/// Gateways first: other routes resolve through them.
pub(super) fn all(wanted: &ContainerRoutes) -> impl Iterator<Item = Route> {
    let gateways = wanted.on_link.iter().copied().map(through_link);
    gateways.chain(wanted.routes.iter().cloned())
}

/// Adds a route; the identical one may be there, a different one that excludes it may not.
pub(super) fn ensure(
    socket: &RouteSocket,
    link: &LinkState,
    route: &Route,
) -> Result<(), KernelError> {
    let wanted = RouteState::wanted(link.index, route);
    match socket.add_route(route_message(link.index, route)) {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.errno == Errno::EEXIST => match rival(socket, &wanted)? {
            Some(found) if found != wanted => Err(KernelError::RouteExists {
                wanted: wanted.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        },
        Err(refusal) => Err(refusal.when(format!("adding route {wanted} to {}", link.name))),
    }
}

/// The route that the kernel takes for the same one.
fn rival(socket: &RouteSocket, wanted: &RouteState) -> Result<Option<RouteState>, KernelError> {
    let family = Family::of(wanted.destination.addr());
    let found = socket
        .routes(family, wanted.table, None)
        .map_err(|refusal| refusal.when(format!("reading the {family} routes")))?;
    Ok(found.into_iter().find(|found| found.same_key(wanted)))
}
