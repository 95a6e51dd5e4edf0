use netlink_packet_route::link::{InfoMacVlan, LinkMessage, MacVlanMode};
use plan::{MacAddress, MacvlanDevice, MacvlanMode};
use rtnetlink::{LinkMacVlan, LinkMessageBuilder};

use super::Linux;
use super::on_master::{Finish, performed, why_not_made};
use crate::netlink::LinkState;
use crate::{KernelError, Performed};

impl Linux {
    pub(super) fn make_macvlan(
        &mut self,
        wanted: &MacvlanDevice,
    ) -> Result<Performed, KernelError> {
        let below = self.below(wanted.master.as_deref(), wanted.master_in_container, || {
            format!("making macvlan {}", wanted.name)
        })?;
        if wanted.mode == MacvlanMode::Passthru {
            let what = || format!("macvlan {} in mode passthru", wanted.name);
            below.shares_address(what, wanted.mac)?;
        }
        below.allows_mtu(wanted.mtu)?;
        let doing = || format!("making macvlan {} on {}", wanted.name, below.master.name);
        below
            .make(device(wanted, &below.master))
            .map_err(|refusal| why_not_made("macvlan", "macvlan", doing(), refusal))?;
        let made = below.finish(Finish {
            provisional_name: &provisional_name(wanted.mac),
            name: &wanted.name,
            alias: &wanted.alias,
            attributes: Vec::new(),
        })?;
        Ok(performed(&wanted.name, wanted.mac, &made))
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
