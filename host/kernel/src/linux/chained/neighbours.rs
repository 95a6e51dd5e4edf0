use nix::errno::Errno;
use plan::{Mismatch, Neighbour, Neighbours};

use super::{Linux, Tally, find};
use crate::linux::verify::Differences;
use crate::netlink::{LinkState, NeighbourState};
use crate::{KernelError, Netns, Undone};

impl Linux {
    /// What the kernel learnt gives way; what was set does not.
    pub(in crate::linux) fn set_neighbours(&self, wanted: &Neighbours) -> Result<(), KernelError> {
        let (container, link) = self.inside(&wanted.interface)?;
        for neighbour in &wanted.neighbours {
            let address = neighbour.address;
            let found = entry(container, &link, neighbour)?.filter(|found| found.permanent);
            match found.and_then(|found| found.mac) {
                Some(mac) if mac == neighbour.mac => continue,
                Some(found) => {
                    return Err(KernelError::NeighbourExists {
                        interface: link.name,
                        address,
                        wanted: neighbour.mac,
                        found,
                    });
                }
                None => {}
            }
            container
                .route()
                .set_neighbour(link.index, neighbour)
                .map_err(|refusal| {
                    refusal.when(format!("setting neighbour {address} of {}", link.name))
                })?;
        }
        Ok(())
    }

    pub(in crate::linux) fn compare_neighbours(
        &self,
        wanted: &Neighbours,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        for neighbour in &wanted.neighbours {
            let found = entry(container, &link, neighbour)?;
            differences.unless(
                found.is_some_and(|found| found.is(neighbour)),
                format!("neighbour {} of {}", neighbour.address, link.name),
                format!("permanent {}", neighbour.mac),
                found.map_or_else(|| "missing".into(), |found| description(&found)),
            );
        }
        Ok(differences.found)
    }

    /// Without the entries that are there.
    pub(super) fn observe_neighbours(
        &self,
        wanted: &Neighbours,
    ) -> Result<Neighbours, KernelError> {
        let container = self.container(|| format!("reading {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(wanted.clone());
        };
        let mut neighbours = Vec::new();
        for neighbour in &wanted.neighbours {
            let found = entry(container, &link, neighbour)?;
            if !found.is_some_and(|found| found.is(neighbour)) {
                neighbours.push(*neighbour);
            }
        }
        Ok(Neighbours {
            interface: wanted.interface.clone(),
            neighbours,
        })
    }
}

pub(super) fn delete(
    netns: &Netns,
    interface: &str,
    neighbours: &[Neighbour],
) -> Result<Undone, KernelError> {
    let Some(link) = find(netns.route(), interface)? else {
        return Ok(Undone::AlreadyGone);
    };
    let mut tally = Tally::default();
    for neighbour in neighbours {
        match entry(netns, &link, neighbour)? {
            Some(found) if found.is(neighbour) => {}
            Some(found) if found.permanent => {
                tally.others.push(description(&found));
                continue;
            }
            _ => continue,
        }
        match netns
            .route()
            .delete_neighbour(link.index, neighbour.address)
        {
            Ok(()) => tally.done = true,
            Err(refusal) if refusal.errno == Errno::ENOENT => {}
            Err(refusal) => {
                return Err(refusal.when(format!(
                    "deleting neighbour {} of {interface}",
                    neighbour.address
                )));
            }
        }
    }
    Ok(tally.outcome())
}

pub(super) fn any_there(
    netns: &Netns,
    interface: &str,
    neighbours: &[Neighbour],
) -> Result<bool, KernelError> {
    let Some(link) = find(netns.route(), interface)? else {
        return Ok(false);
    };
    for neighbour in neighbours {
        if entry(netns, &link, neighbour)?.is_some_and(|found| found.is(neighbour)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn entry(
    netns: &Netns,
    link: &LinkState,
    wanted: &Neighbour,
) -> Result<Option<NeighbourState>, KernelError> {
    let found = netns.route().neighbour(link.index, wanted.address);
    found.map_err(|refusal| refusal.when(format!("reading the neighbours of {}", link.name)))
}

fn description(found: &NeighbourState) -> String {
    let kind = if found.permanent {
        "permanent"
    } else {
        "learnt"
    };
    match found.mac {
        Some(mac) => format!("{kind} {mac}"),
        None => format!("{kind} without an Ethernet address"),
    }
}
