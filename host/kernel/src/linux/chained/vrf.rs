//! The VRF that the container's interface is in. It is made with its first member and goes with its last; who joins and who
//! leaves at the same time is for the caller to keep apart.

mod belongings;

use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;
use plan::{Family, MacAddress, Mismatch, VrfMembership};
use rtnetlink::{LinkUnspec, LinkVrf};

use self::belongings::Belongings;
use super::{Linux, find, find_required, set};
use crate::linux::on_master::why_not_made;
use crate::linux::verify::Differences;
use crate::netlink::{LinkState, RouteState, route_message};
use crate::{KernelError, Netns, Place, Undone};

const KIND: &str = "vrf";

impl Linux {
    pub(in crate::linux) fn join_vrf(&self, wanted: &VrfMembership) -> Result<(), KernelError> {
        let (container, link) = self.inside(&wanted.interface)?;
        let found = find(container.route(), &wanted.vrf)?;
        if let Some(index) = link.controller
            && found.as_ref().is_none_or(|vrf| vrf.index != index)
        {
            return Err(KernelError::InterfaceIsPort {
                interface: link.name,
                controller: name_of(container, index)?,
                vrf: wanted.vrf.clone(),
            });
        }
        let vrf = match found {
            Some(vrf) => vrf,
            None => make(container, wanted)?,
        };
        is_as_wanted(&vrf, wanted)?;
        let member = if link.controller.is_none() {
            put_into(container, &link, vrf.index, &wanted.vrf)?
        } else {
            link
        };
        for route in &wanted.routes {
            match container.route().add_route(route_message(&member, route)) {
                Ok(()) => {}
                // It leads there already.
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                Err(refusal) => {
                    let wanted = RouteState::wanted(&member, route);
                    return Err(refusal.when(format!("adding route {wanted} to {}", member.name)));
                }
            }
        }
        Ok(())
    }

    pub(in crate::linux) fn compare_vrf(
        &self,
        wanted: &VrfMembership,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.interface))?;
        let Some(link) = find(container.route(), &wanted.interface)? else {
            return Ok(differences.missing(format!("link {}", wanted.interface)));
        };
        let object = format!("VRF {}", wanted.vrf);
        let Some(vrf) = find(container.route(), &wanted.vrf)? else {
            return Ok(differences.missing(object));
        };
        differences.equal(format!("kind of {}", vrf.name), KIND, vrf.kind.as_str());
        differences.unless(
            link.controller == Some(vrf.index),
            format!("link {}", link.name),
            format!("in VRF {}", vrf.name),
            "not in it",
        );
        if let Some(table) = wanted.table {
            let found = vrf.vrf_table.unwrap_or_default();
            differences.equal(format!("table of {object}"), table, found);
        }
        Ok(differences.found)
    }
}

pub(super) fn leave(
    netns: &Netns,
    interface: &str,
    vrf: &str,
    mac: MacAddress,
) -> Result<Undone, KernelError> {
    let Some(found) = find_vrf(netns, vrf)? else {
        return Ok(Undone::AlreadyGone);
    };
    let member = member(netns, interface, &found)?;
    let mut done = member.is_some();
    // The VRF must not stay because something of the interface could not be kept.
    let taken_out = member.map(|link| put_into(netns, &link, 0, vrf));
    if is_left(netns, &found, mac)? {
        let deletion = LinkUnspec::new_with_index(found.index).build();
        match netns.route().delete_link(deletion) {
            Ok(()) => done = true,
            Err(refusal) if refusal.errno == Errno::ENODEV => {}
            Err(refusal) => return Err(refusal.when(format!("deleting VRF {vrf}"))),
        }
    }
    taken_out.transpose()?;
    Ok(if done {
        Undone::Done
    } else {
        Undone::AlreadyGone
    })
}

pub(super) fn is_there(
    netns: &Netns,
    interface: &str,
    vrf: &str,
    mac: MacAddress,
) -> Result<bool, KernelError> {
    let Some(found) = find_vrf(netns, vrf)? else {
        return Ok(false);
    };
    Ok(member(netns, interface, &found)?.is_some() || is_left(netns, &found, mac)?)
}

fn find_vrf(netns: &Netns, name: &str) -> Result<Option<LinkState>, KernelError> {
    let found = find(netns.route(), name)?;
    Ok(found.filter(|link| link.kind == KIND))
}

fn member(
    netns: &Netns,
    interface: &str,
    vrf: &LinkState,
) -> Result<Option<LinkState>, KernelError> {
    let found = find(netns.route(), interface)?;
    Ok(found.filter(|link| link.controller == Some(vrf.index)))
}

/// Did we make it, and has it no member any more?
fn is_left(netns: &Netns, vrf: &LinkState, mac: MacAddress) -> Result<bool, KernelError> {
    let is_member = |link: &LinkState| link.controller == Some(vrf.index);
    Ok(vrf.mac == Some(mac) && !links(netns)?.iter().any(is_member))
}

fn links(netns: &Netns) -> Result<Vec<LinkState>, KernelError> {
    let found = netns.route().links(None);
    found.map_err(|refusal| refusal.when("reading the container's links"))
}

fn name_of(netns: &Netns, index: u32) -> Result<String, KernelError> {
    let found = links(netns)?.into_iter().find(|link| link.index == index);
    Ok(found.map_or_else(|| format!("interface {index}"), |link| link.name))
}

fn is_as_wanted(found: &LinkState, wanted: &VrfMembership) -> Result<(), KernelError> {
    if found.kind != KIND {
        return Err(KernelError::WrongKind {
            name: found.name.clone(),
            wanted: KIND,
            found: found.kind.clone(),
        });
    }
    match (wanted.table, found.vrf_table) {
        (Some(wanted_table), Some(table)) if wanted_table != table => Err(KernelError::VrfTable {
            vrf: found.name.clone(),
            wanted: wanted_table,
            found: table,
        }),
        _ => Ok(()),
    }
}

fn make(netns: &Netns, wanted: &VrfMembership) -> Result<LinkState, KernelError> {
    let table = match wanted.table {
        Some(table) => table,
        None => free_table(netns)?,
    };
    let doing = || format!("making VRF {}", wanted.vrf);
    netns
        .route()
        .make_link(device(wanted, table))
        .map_err(|refusal| why_not_made(KIND, "vrf", doing(), refusal))?;
    find_required(netns.route(), &wanted.vrf, Place::Container)
}

fn device(wanted: &VrfMembership, table: u32) -> LinkMessage {
    LinkVrf::new(&wanted.vrf, table)
        .address(wanted.mac.0.to_vec())
        .up()
        .build()
}

fn free_table(netns: &Netns) -> Result<u32, KernelError> {
    let vrfs = links(netns)?;
    let mut used: Vec<u32> = vrfs.iter().filter_map(|link| link.vrf_table).collect();
    for family in [Family::Ipv4, Family::Ipv6] {
        let rules = netns.route().rules(family);
        let rules = rules.map_err(|refusal| refusal.when("reading the container's rules"))?;
        used.extend(rules.iter().map(|each| each.rule.table));
    }
    Ok(first_free(&used))
}

/// From 1 on, as with the reference plugin, but none of the kernel's own.
fn first_free(used: &[u32]) -> u32 {
    let free = |table: &u32| !matches!(table, 253..=255) && !used.contains(table);
    (1..=u32::MAX).find(free).unwrap_or(u32::MAX)
}

/// Puts an interface into a VRF, or with the index 0 out of it, with all that it has. Tells how it is then.
fn put_into(
    netns: &Netns,
    link: &LinkState,
    vrf: u32,
    name: &str,
) -> Result<LinkState, KernelError> {
    let belongings = Belongings::of(netns, link)?;
    let message = LinkUnspec::new_with_index(link.index).controller(vrf);
    set(netns.route(), message.build(), || match vrf {
        0 => format!("taking {} out of VRF {name}", link.name),
        _ => format!("putting {} into VRF {name}", link.name),
    })?;
    let moved = find_required(netns.route(), &link.name, Place::Container)?;
    belongings.restore(netns, link, &moved)?;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::wire::{
        IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_LINKINFO, attribute, kind, number, text,
    };

    /// `linux/if_link.h`.
    const IFLA_VRF_TABLE: u16 = 1;

    fn wanted(table: Option<u32>) -> VrfMembership {
        VrfMembership {
            interface: "eth0".into(),
            vrf: "red".into(),
            table,
            mac: MacAddress::from_seed(b"red"),
            routes: Vec::new(),
        }
    }

    #[test]
    fn the_message_says_name_address_and_table() {
        let wanted = wanted(None);
        let message = device(&wanted, 300);
        assert_eq!(kind(&message), "vrf");
        assert_eq!(attribute(&message, &[IFLA_IFNAME]), text("red"));
        let address = attribute(&message, &[IFLA_ADDRESS]);
        assert_eq!(address, Some(wanted.mac.0.to_vec()));
        let path = [IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_VRF_TABLE];
        assert_eq!(attribute(&message, &path), number(300));
    }

    #[test]
    fn the_first_table_that_nobody_uses_is_taken() {
        assert_eq!(first_free(&[]), 1);
        assert_eq!(first_free(&[2, 1, 4]), 3);
        let many: Vec<u32> = (1..=252).collect();
        assert_eq!(first_free(&many), 256);
    }

    #[test]
    fn a_vrf_with_another_table_and_what_is_no_vrf_are_refused() {
        let vrf = |table| LinkState {
            name: "red".into(),
            kind: KIND.into(),
            vrf_table: Some(table),
            ..LinkState::default()
        };
        assert!(is_as_wanted(&vrf(10), &wanted(Some(10))).is_ok());
        assert!(is_as_wanted(&vrf(10), &wanted(None)).is_ok());
        let refused = is_as_wanted(&vrf(10), &wanted(Some(11))).unwrap_err();
        assert!(refused.to_string().contains("table 10 and not 11"));
        let bridge = LinkState {
            kind: "bridge".into(),
            ..vrf(10)
        };
        let refused = is_as_wanted(&bridge, &wanted(None)).unwrap_err();
        assert!(matches!(refused, KernelError::WrongKind { .. }));
    }
}
