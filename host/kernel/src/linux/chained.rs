//! Changes to what is in a container already: the steps of plugins that follow one that made an interface, be it ours or
//! another vendor's.

mod addresses;
mod interface;
mod link_settings;
mod neighbours;
mod observe;
mod routes;
mod rules;
mod sysctl;
mod vrf;

use plan::{NetnsIdentity, Undo};

use super::undo::reopen;
use super::{Linux, find, find_required, set};
use crate::netlink::LinkState;
use crate::{KernelError, Netns, Place, Undone};

pub use interface::{ContainerInterface, HostBridge, HostPeer};

/// What is inside a namespace went with it: gone, too, when the namespace is another or not to be found.
pub(super) fn take_back(undo: &Undo) -> Result<Undone, KernelError> {
    let Some(netns) = namespace(undo).map(reopen).transpose()?.flatten() else {
        return Ok(Undone::AlreadyGone);
    };
    match undo {
        Undo::AmendAddresses { amendment, .. } => addresses::take_back(&netns, amendment),
        Undo::AmendRoutes { amendment, .. } => routes::take_back(&netns, amendment),
        Undo::DeleteRoutingRules { rules, .. } => rules::delete(&netns, rules),
        Undo::DeleteNeighbours {
            interface,
            neighbours,
            ..
        } => neighbours::delete(&netns, interface, neighbours),
        Undo::RestoreLinkSettings {
            interface,
            ours,
            previous,
            ..
        } => link_settings::restore(&netns, interface, ours, previous),
        Undo::RestoreSysctl {
            path,
            ours,
            previous,
            ..
        } => sysctl::restore(&netns, path, ours, previous),
        Undo::LeaveVrf {
            interface,
            vrf,
            mac,
            ..
        } => vrf::leave(&netns, interface, vrf, *mac),
        // Not in a container.
        _ => Ok(Undone::AlreadyGone),
    }
}

/// Is something of what this would take back still as it was made?
pub(super) fn is_there(undo: &Undo) -> Result<bool, KernelError> {
    let Some(netns) = namespace(undo).map(reopen).transpose()?.flatten() else {
        return Ok(false);
    };
    match undo {
        Undo::AmendAddresses { amendment, .. } => addresses::any_there(&netns, amendment),
        Undo::AmendRoutes { amendment, .. } => routes::any_there(&netns, amendment),
        Undo::DeleteRoutingRules { rules, .. } => rules::any_there(&netns, rules),
        Undo::DeleteNeighbours {
            interface,
            neighbours,
            ..
        } => neighbours::any_there(&netns, interface, neighbours),
        Undo::RestoreLinkSettings {
            interface,
            ours,
            previous,
            ..
        } => link_settings::any_set(&netns, interface, ours, previous),
        Undo::RestoreSysctl {
            path,
            ours,
            previous,
            ..
        } => sysctl::is_ours(&netns, path, ours, previous),
        Undo::LeaveVrf {
            interface,
            vrf,
            mac,
            ..
        } => vrf::is_there(&netns, interface, vrf, *mac),
        // Not in a container.
        _ => Ok(false),
    }
}

fn namespace(undo: &Undo) -> Option<&NetnsIdentity> {
    match undo {
        Undo::AmendAddresses { netns, .. }
        | Undo::AmendRoutes { netns, .. }
        | Undo::DeleteRoutingRules { netns, .. }
        | Undo::DeleteNeighbours { netns, .. }
        | Undo::RestoreLinkSettings { netns, .. }
        | Undo::RestoreSysctl { netns, .. }
        | Undo::LeaveVrf { netns, .. } => Some(netns),
        _ => None,
    }
}

impl Linux {
    /// The container and an interface of it that must be there.
    fn inside(&self, interface: &str) -> Result<(&Netns, LinkState), KernelError> {
        let container = self.container(|| format!("changing {interface}"))?;
        let link = find_required(container.route(), interface, Place::Container)?;
        Ok((container, link))
    }
}

/// How it went with several objects of one undo.
#[derive(Debug, Default)]
struct Tally {
    done: bool,
    others: Vec<String>,
}

impl Tally {
    fn outcome(self) -> Undone {
        if self.done {
            Undone::Done
        } else if self.others.is_empty() {
            Undone::AlreadyGone
        } else {
            Undone::NotOurs {
                found: self.others.join(", "),
            }
        }
    }
}
