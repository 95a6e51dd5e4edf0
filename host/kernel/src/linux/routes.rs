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
        // Gateways first: other routes resolve through them.
        for gateway in wanted.on_link.iter().copied().map(through_link) {
            ensure(container.route(), &link, &gateway)?;
        }
        for route in &wanted.routes {
            ensure_destination(container.route(), &link, route)?;
        }
        Ok(())
    }
}

/// Adds a route unless another interface leads there: of two networks of one container that both have a default route,
/// the first one's wins, as with the reference plugins.
fn ensure_destination(
    socket: &RouteSocket,
    link: &LinkState,
    route: &Route,
) -> Result<(), KernelError> {
    match add(socket, link, route)? {
        Some(found) if found.interface == Some(link.index) => Err(exists(link, route, &found)),
        _ => Ok(()),
    }
}

/// Adds a route; the identical one may be there, a different one that excludes it may not.
pub(super) fn ensure(
    socket: &RouteSocket,
    link: &LinkState,
    route: &Route,
) -> Result<(), KernelError> {
    match add(socket, link, route)? {
        Some(found) => Err(exists(link, route, &found)),
        None => Ok(()),
    }
}

fn exists(link: &LinkState, route: &Route, found: &RouteState) -> KernelError {
    KernelError::RouteExists {
        wanted: RouteState::wanted(link, route).to_string(),
        found: found.to_string(),
    }
}

/// Adds a route; the different one that excludes it, where there is one.
fn add(
    socket: &RouteSocket,
    link: &LinkState,
    route: &Route,
) -> Result<Option<RouteState>, KernelError> {
    let wanted = RouteState::wanted(link, route);
    match socket.add_route(route_message(link, route)) {
        Ok(()) => Ok(None),
        Err(refusal) if refusal.errno == Errno::EEXIST => {
            Ok(rival(socket, &wanted)?.filter(|found| *found != wanted))
        }
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
