use nix::errno::Errno;
use plan::{Family, Mismatch, Route, RouteAmendment};

use super::{Linux, Tally, find};
use crate::linux::routes::ensure;
use crate::linux::verify::{Differences, Elsewhere};
use crate::netlink::{LinkState, RouteState, on_link, removal_message, route_message};
use crate::{KernelError, Netns, Undone};

impl Linux {
    pub(in crate::linux) fn amend_routes(
        &self,
        wanted: &RouteAmendment,
    ) -> Result<(), KernelError> {
        let (container, link) = self.inside(&wanted.interface)?;
        for route in &wanted.remove {
            for found in selected(container, &link, route)? {
                remove(container, &link, &found)?;
            }
        }
        for route in &wanted.add {
            ensure(container.route(), &link, route)?;
        }
        Ok(())
    }

    pub(in crate::linux) fn compare_amended_routes(
        &self,
        wanted: &RouteAmendment,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        let added = wanted.add.iter().cloned();
        differences.routes(container.route(), &link, added, Elsewhere::Differs)?;
        for route in &wanted.remove {
            let replaced = wanted.add.iter().any(|added| same(&link, added, route));
            let back = !replaced && own(container, &link, route)?.is_some();
            let object = format!("route {} through {}", route.destination, link.name);
            differences.unless(!back, object, "missing", "present");
        }
        Ok(differences.found)
    }

    /// With the removed routes as they are, and without the additions of what is there.
    pub(super) fn observe_routes(
        &self,
        wanted: &RouteAmendment,
    ) -> Result<RouteAmendment, KernelError> {
        let container = self.container(|| format!("reading {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(wanted.clone());
        };
        let mut removed: Vec<RouteState> = Vec::new();
        for route in &wanted.remove {
            for found in selected(container, &link, route)? {
                if !removed.contains(&found) {
                    removed.push(found);
                }
            }
        }
        let mut add = Vec::new();
        for route in &wanted.add {
            let there = own(container, &link, route)?
                .filter(|found| *found == RouteState::wanted(&link, route))
                .is_some_and(|found| !removed.contains(&found));
            if !there {
                add.push(route.clone());
            }
        }
        Ok(RouteAmendment {
            interface: wanted.interface.clone(),
            remove: removed.iter().map(|found| found.as_wanted(&link)).collect(),
            add,
        })
    }
}

pub(super) fn take_back(netns: &Netns, amendment: &RouteAmendment) -> Result<Undone, KernelError> {
    let Some(link) = find(netns.route(), &amendment.interface)? else {
        return Ok(Undone::AlreadyGone);
    };
    let mut tally = Tally::default();
    for route in &amendment.remove {
        if let Some(found) = own(netns, &link, route)? {
            tally.done |= remove(netns, &link, &found)?;
        }
    }
    for route in &amendment.add {
        if own(netns, &link, route)?.is_some() {
            continue;
        }
        match set_again(netns, &link, route) {
            Ok(()) => tally.done = true,
            Err(KernelError::RouteExists { found, .. }) => tally.others.push(found),
            Err(error) => return Err(error),
        }
    }
    Ok(tally.outcome())
}

/// Addresses were changed before routes, so they are as they were only after this: until then the gateway may be out of
/// reach.
fn set_again(netns: &Netns, link: &LinkState, route: &Route) -> Result<(), KernelError> {
    let plain = route_message(link, route);
    match netns.route().add_route(plain.clone()) {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.is_unreachable() && route.gateway.is_some() => netns
            .route()
            .add_route(on_link(plain))
            .map_err(|refusal| refusal.when(format!("setting route {} again", route.destination))),
        // The reasons that there may be are told apart there.
        Err(_) => ensure(netns.route(), link, route),
    }
}

pub(super) fn any_there(netns: &Netns, amendment: &RouteAmendment) -> Result<bool, KernelError> {
    let Some(link) = find(netns.route(), &amendment.interface)? else {
        return Ok(false);
    };
    for route in &amendment.remove {
        if own(netns, &link, route)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn through(
    netns: &Netns,
    link: &LinkState,
    route: &Route,
) -> Result<impl Iterator<Item = RouteState>, KernelError> {
    let wanted = RouteState::wanted(link, route);
    let family = Family::of(wanted.destination.addr());
    let found = netns
        .route()
        .routes(family, wanted.table, Some(link.index))
        .map_err(|refusal| refusal.when(format!("reading the {family} routes")))?;
    let destination = wanted.destination.trunc();
    Ok(found
        .into_iter()
        .filter(move |found| found.destination == destination))
}

/// What a removal means: destination and table, and gateway and metric where they are given.
fn selected(
    netns: &Netns,
    link: &LinkState,
    route: &Route,
) -> Result<Vec<RouteState>, KernelError> {
    let found = through(netns, link, route)?;
    Ok(found
        .filter(|found| route.gateway.is_none() || found.gateway == route.gateway)
        .filter(|found| route.priority.is_none_or(|metric| found.metric == metric))
        .collect())
}

/// What a request for this route made.
fn own(netns: &Netns, link: &LinkState, route: &Route) -> Result<Option<RouteState>, KernelError> {
    let wanted = RouteState::wanted(link, route);
    Ok(through(netns, link, route)?
        .find(|found| found.metric == wanted.metric && found.gateway == wanted.gateway))
}

fn same(link: &LinkState, left: &Route, right: &Route) -> bool {
    let [left, right] = [left, right].map(|route| RouteState::wanted(link, route));
    left.same_key(&right) && left.gateway == right.gateway
}

/// False when it was gone before.
fn remove(netns: &Netns, link: &LinkState, route: &RouteState) -> Result<bool, KernelError> {
    match netns.route().remove_route(removal_message(link, route)) {
        Ok(()) => Ok(true),
        Err(refusal) if refusal.errno == Errno::ESRCH => Ok(false),
        Err(refusal) => Err(refusal.when(format!("removing route {route} from {}", link.name))),
    }
}
