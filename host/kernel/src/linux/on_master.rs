//! Links on top of another, their master: macvlan, ipvlan and VLAN.

use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use plan::MacAddress;
use rtnetlink::LinkUnspec;

use super::{Linux, find_required};
use crate::netlink::{LinkState, Refusal, RouteSocket};
use crate::{KernelError, LinkFact, Netns, Performed, Place, Side};

/// Where a link is made, and on what.
pub(super) struct Below<'a> {
    container: &'a Netns,
    route: &'a RouteSocket,
    place: Place,
    pub(super) master: LinkState,
}

/// What a link gets when it is there.
pub(super) struct Finish<'a> {
    pub(super) provisional_name: &'a str,
    pub(super) name: &'a str,
    pub(super) alias: &'a str,
    pub(super) attributes: Vec<LinkAttribute>,
}

impl Linux {
    /// The Ethernet address of a master, which ipvlans and macvlans in mode passthru share.
    ///
    /// # Errors
    /// When there is no such master, or it has no Ethernet address.
    pub fn address_of_master(
        &self,
        master_name: Option<&str>,
        master_in_container: bool,
    ) -> Result<MacAddress, KernelError> {
        let doing = || "looking for the master of a link".to_owned();
        let (route, place) = if master_in_container {
            (self.container(doing)?.route(), Place::Container)
        } else {
            (&self.host, Place::Host)
        };
        let master = master(route, place, master_name)?;
        master.mac.ok_or_else(|| KernelError::Incomplete {
            doing: format!("reading {}", master.name),
            lacks: "an Ethernet address",
        })
    }

    pub(super) fn below(
        &self,
        master_name: Option<&str>,
        master_in_container: bool,
        doing: impl FnOnce() -> String,
    ) -> Result<Below<'_>, KernelError> {
        let container = self.container(doing)?;
        let (route, place) = if master_in_container {
            (container.route(), Place::Container)
        } else {
            (&self.host, Place::Host)
        };
        Ok(Below {
            container,
            route,
            place,
            master: master(route, place, master_name)?,
        })
    }
}

impl Below<'_> {
    pub(super) fn allows_mtu(&self, wanted: Option<u32>) -> Result<(), KernelError> {
        match wanted.filter(|mtu| *mtu > self.master.mtu) {
            Some(mtu) => Err(KernelError::MtuTooLarge {
                wanted: mtu,
                most: self.master.mtu,
                master: self.master.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The kernel would give it another address than the recorded one, by which it is found again.
    pub(super) fn shares_address(
        &self,
        what: impl FnOnce() -> String,
        wanted: MacAddress,
    ) -> Result<(), KernelError> {
        match self.master.mac {
            Some(found) if found != wanted => Err(KernelError::AddressOfMaster {
                link: what(),
                wanted,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// Makes it inside the container, where it is to be found by its provisional name.
    pub(super) fn make(&self, mut message: LinkMessage) -> Result<(), Refusal> {
        if self.place == Place::Host {
            let namespace = LinkUnspec::new_with_index(0)
                .setns_by_fd(self.container.descriptor())
                .build();
            message.attributes.extend(namespace.attributes);
        }
        self.route.make_link(message)
    }

    /// Gives it its name and all else in one message; takes it away again when the name is taken.
    pub(super) fn finish(&self, finish: Finish<'_>) -> Result<LinkState, KernelError> {
        let route = self.container.route();
        let made = find_required(route, finish.provisional_name, Place::Container)?;
        let mut message = LinkUnspec::new_with_index(made.index)
            .name(finish.name)
            .alias(finish.alias)
            .build();
        message.attributes.extend(finish.attributes);
        let Err(refusal) = route.set_link(message) else {
            return Ok(made);
        };
        let removal = LinkUnspec::new_with_index(made.index).build();
        // What stays is found by its provisional name when the step is undone.
        let _ = route.delete_link(removal);
        let doing = format!("naming {} {}", finish.provisional_name, finish.name);
        Err(refusal.when_naming(finish.name, Place::Container, doing))
    }
}

pub(super) fn performed(name: &str, mac: MacAddress, made: &LinkState) -> Performed {
    Performed::links([LinkFact {
        name: name.to_owned(),
        mac: Some(mac),
        mtu: made.mtu,
        side: Side::Container,
        trace: None,
    }])
}

/// The refusal of a new link, told as what it means.
pub(super) fn why_not_made(
    kind: &'static str,
    module: &'static str,
    doing: String,
    refusal: Refusal,
) -> KernelError {
    if refusal.is_unknown_kind() {
        return KernelError::NoLinkKind {
            doing,
            kind,
            module,
        };
    }
    refusal.when(doing)
}

fn master(below: &RouteSocket, place: Place, name: Option<&str>) -> Result<LinkState, KernelError> {
    if let Some(name) = name {
        return find_required(below, name, place);
    }
    let doing = || "looking for the interface of the default route";
    let index = below
        .default_interface()
        .map_err(|refusal| refusal.when(doing()))?
        .ok_or(KernelError::NoDefaultRoute { place })?;
    below
        .link_by_index(index, None)
        .map_err(|refusal| refusal.when(doing()))?
        .ok_or(KernelError::NoDefaultRoute { place })
}
