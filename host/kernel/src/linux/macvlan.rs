use netlink_packet_route::link::{InfoMacVlan, LinkMessage, MacVlanMode};
use nix::errno::Errno;
use plan::{MacAddress, MacvlanDevice, MacvlanMode};
use rtnetlink::{LinkMacVlan, LinkMessageBuilder, LinkUnspec};

use super::{Linux, find_required};
use crate::netlink::{LinkState, RouteSocket};
use crate::{KernelError, LinkFact, Netns, Performed, Place, Side};

impl Linux {
    /// The Ethernet address that a macvlan gets in mode passthru: its master's. Elsewhere the caller chooses one.
    ///
    /// # Errors
    /// When there is no such master, or it has no Ethernet address.
    pub fn passthru_address(
        &self,
        master_name: Option<&str>,
        master_in_container: bool,
    ) -> Result<MacAddress, KernelError> {
        let doing = || "looking for the master of a macvlan".to_owned();
        let (below, place) = if master_in_container {
            (self.container(doing)?.route(), Place::Container)
        } else {
            (&self.host, Place::Host)
        };
        let master = master(below, place, master_name)?;
        master.mac.ok_or_else(|| KernelError::Incomplete {
            doing: doing(),
            lacks: "an Ethernet address",
        })
    }

    pub(super) fn make_macvlan(
        &mut self,
        wanted: &MacvlanDevice,
    ) -> Result<Performed, KernelError> {
        let container = self.container(|| format!("making macvlan {}", wanted.name))?;
        let (below, place) = if wanted.master_in_container {
            (container.route(), Place::Container)
        } else {
            (&self.host, Place::Host)
        };
        let master = master(below, place, wanted.master.as_deref())?;
        check_address(wanted, &master)?;
        if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu > master.mtu) {
            return Err(KernelError::MtuTooLarge {
                wanted: mtu,
                most: master.mtu,
                master: master.name,
            });
        }
        let mut message = device(wanted, &master);
        if !wanted.master_in_container {
            let namespace = LinkUnspec::new_with_index(0)
                .setns_by_fd(container.descriptor())
                .build();
            message.attributes.extend(namespace.attributes);
        }
        below.make_link(message).map_err(|refusal| {
            refusal.when(format!("making macvlan {} on {}", wanted.name, master.name))
        })?;
        let made = finish(container, wanted)?;
        Ok(Performed::links([LinkFact {
            name: wanted.name.clone(),
            mac: wanted.mac,
            mtu: made.mtu,
            side: Side::Container,
        }]))
    }
}

/// The name of a macvlan until it has its own. Kernels before 6.13 look a new link's name up in the namespace of whoever
/// asks: a container's `eth0` could not be made while the host has one.
pub(super) fn provisional_name(mac: MacAddress) -> String {
    let mut name = String::from("mvl");
    for octet in mac.0 {
        name.push_str(&format!("{octet:02x}"));
    }
    name
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

/// The kernel would give it another address than the recorded one, by which it is found again.
fn check_address(wanted: &MacvlanDevice, master: &LinkState) -> Result<(), KernelError> {
    match master.mac {
        Some(found) if wanted.mode == MacvlanMode::Passthru && found != wanted.mac => {
            Err(KernelError::AddressOfMaster {
                name: wanted.name.clone(),
                wanted: wanted.mac,
                found,
            })
        }
        _ => Ok(()),
    }
}

fn device(wanted: &MacvlanDevice, master: &LinkState) -> LinkMessage {
    let mut message = LinkMessageBuilder::<LinkMacVlan>::new(&provisional_name(wanted.mac))
        .link(master.index)
        .mode(mode(wanted.mode))
        .address(wanted.mac.0.to_vec());
    if let Some(length) = wanted.broadcast_queue_length {
        message = message.append_info_data(InfoMacVlan::BcQueueLen(length));
    }
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    message.build()
}

pub(super) fn mode(mode: MacvlanMode) -> MacVlanMode {
    match mode {
        MacvlanMode::Bridge => MacVlanMode::Bridge,
        MacvlanMode::Private => MacVlanMode::Private,
        MacvlanMode::Vepa => MacVlanMode::Vepa,
        MacvlanMode::Passthru => MacVlanMode::Passthrough,
    }
}

/// Gives it its name and its alias in one message; takes it away again when the name is taken.
fn finish(container: &Netns, wanted: &MacvlanDevice) -> Result<LinkState, KernelError> {
    let made = find_required(
        container.route(),
        &provisional_name(wanted.mac),
        Place::Container,
    )?;
    let message = LinkUnspec::new_with_index(made.index)
        .name(&wanted.name)
        .alias(&wanted.alias)
        .build();
    let Err(refusal) = container.route().set_link(message) else {
        return Ok(made);
    };
    let removal = LinkUnspec::new_with_index(made.index).build();
    // What stays is found by its address when the step is undone.
    let _ = container.route().delete_link(removal);
    Err(match refusal.errno {
        Errno::EEXIST => KernelError::InterfaceExists {
            name: wanted.name.clone(),
            place: Place::Container,
        },
        _ => refusal.when(format!("naming macvlan {}", wanted.name)),
    })
}
