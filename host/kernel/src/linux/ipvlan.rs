use netlink_packet_route::link::{IpVlanMode, LinkMessage};
use plan::{IpvlanDevice, IpvlanMode};
use rtnetlink::LinkIpVlan;

use super::on_master::{Finish, performed, why_not_made};
use super::{Linux, announce};
use crate::netlink::LinkState;
use crate::{KernelError, Performed, sysctl};

impl Linux {
    pub(super) fn make_ipvlan(&mut self, wanted: &IpvlanDevice) -> Result<Performed, KernelError> {
        let below = self.below(wanted.master.as_deref(), wanted.master_in_container, || {
            format!("making ipvlan {}", wanted.name)
        })?;
        below.shares_address(|| format!("ipvlan {}", wanted.name), wanted.mac)?;
        below.allows_mtu(wanted.mtu)?;
        let doing = || format!("making ipvlan {} on {}", wanted.name, below.master.name);
        below
            .make(device(wanted, &below.master))
            .map_err(|refusal| why_not_made("ipvlan", "ipvlan", doing(), refusal))?;
        let made = below.finish(Finish {
            provisional_name: &wanted.provisional_name,
            name: &wanted.name,
            alias: &wanted.alias,
            // Its address can't be set, so it is made to speak when it comes up.
            attributes: vec![announce::arp_notify_attribute()],
        })?;
        if made.ipv6.is_some() {
            let parameter = sysctl::of_interface("ipv6", &wanted.name, "ndisc_notify");
            let container = self.container(doing)?;
            container.run(move || sysctl::ensure(&parameter, "1"))??;
        }
        Ok(performed(&wanted.name, wanted.mac, &made))
    }
}

fn device(wanted: &IpvlanDevice, master: &LinkState) -> LinkMessage {
    let mut message = LinkIpVlan::new(&wanted.provisional_name, master.index, mode(wanted.mode));
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    message.build()
}

pub(super) fn mode(mode: IpvlanMode) -> IpVlanMode {
    match mode {
        IpvlanMode::L2 => IpVlanMode::L2,
        IpvlanMode::L3 => IpVlanMode::L3,
        IpvlanMode::L3s => IpVlanMode::L3S,
    }
}

#[cfg(test)]
mod tests {
    use plan::MacAddress;

    use super::*;
    use crate::linux::wire::{
        IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_LINK, IFLA_LINKINFO, IFLA_MTU, attribute,
        kind, master, number, text,
    };

    /// `linux/if_link.h`.
    const IFLA_IPVLAN_MODE: u16 = 1;

    fn wanted(mode: IpvlanMode, mtu: Option<u32>) -> IpvlanDevice {
        IpvlanDevice {
            name: "eth0".into(),
            provisional_name: "ipv0123456789ab".into(),
            master: None,
            master_in_container: false,
            mode,
            mac: MacAddress::from_seed(b"master"),
            mtu,
            alias: String::new(),
        }
    }

    #[test]
    fn the_message_says_master_and_mode_and_leaves_the_address_to_the_kernel() {
        let master = master(MacAddress::from_seed(b"master"));
        for (mode, number_of_mode) in [
            (IpvlanMode::L2, 0_u16),
            (IpvlanMode::L3, 1),
            (IpvlanMode::L3s, 2),
        ] {
            let message = device(&wanted(mode, Some(1400)), &master);
            assert_eq!(kind(&message), "ipvlan");
            assert_eq!(attribute(&message, &[IFLA_IFNAME]), text("ipv0123456789ab"));
            assert_eq!(attribute(&message, &[IFLA_LINK]), number(7));
            assert_eq!(attribute(&message, &[IFLA_MTU]), number(1400));
            assert_eq!(attribute(&message, &[IFLA_ADDRESS]), None);
            let path = [IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_IPVLAN_MODE];
            let value = number_of_mode.to_ne_bytes().to_vec();
            assert_eq!(attribute(&message, &path), Some(value));
        }
    }

    #[test]
    fn without_an_mtu_the_masters_is_left_to_hold() {
        let master = master(MacAddress::from_seed(b"master"));
        let message = device(&wanted(IpvlanMode::L2, None), &master);
        assert_eq!(attribute(&message, &[IFLA_MTU]), None);
    }
}
