use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;
use plan::VlanDevice;
use rtnetlink::LinkVlan;

use super::Linux;
use super::on_master::{Finish, performed, why_not_made};
use crate::netlink::LinkState;
use crate::{KernelError, Performed};

impl Linux {
    pub(super) fn make_vlan(&mut self, wanted: &VlanDevice) -> Result<Performed, KernelError> {
        let doing = || format!("making VLAN {} of {}", wanted.id, wanted.master);
        let below = self.below(Some(&wanted.master), wanted.master_in_container, doing)?;
        below.allows_mtu(wanted.mtu)?;
        below
            .make(device(wanted, &below.master))
            .map_err(|refusal| match refusal.errno {
                Errno::EEXIST => KernelError::VlanExists {
                    id: wanted.id,
                    master: wanted.master.clone(),
                },
                _ => why_not_made("vlan", "8021q", doing(), refusal),
            })?;
        let made = below.finish(Finish {
            provisional_name: &wanted.provisional_name,
            name: &wanted.name,
            alias: &wanted.alias,
            attributes: Vec::new(),
        })?;
        Ok(performed(&wanted.name, wanted.mac, &made))
    }
}

fn device(wanted: &VlanDevice, master: &LinkState) -> LinkMessage {
    let mut message = LinkVlan::new(&wanted.provisional_name, master.index, wanted.id);
    // Its own would have to be filtered by the master, which not every device can.
    if master.mac != Some(wanted.mac) {
        message = message.address(wanted.mac.0.to_vec());
    }
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    message.build()
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
    const IFLA_VLAN_ID: u16 = 1;

    fn wanted(id: u16, mac: MacAddress) -> VlanDevice {
        VlanDevice {
            name: "eth0".into(),
            provisional_name: "vln0123456789ab".into(),
            master: "eth1".into(),
            master_in_container: false,
            id,
            mac,
            mtu: Some(1400),
            alias: String::new(),
        }
    }

    #[test]
    fn the_message_says_master_and_vlan() {
        let mac = MacAddress::from_seed(b"master");
        for id in [0, 5, 4094] {
            let message = device(&wanted(id, mac), &master(mac));
            assert_eq!(kind(&message), "vlan");
            assert_eq!(attribute(&message, &[IFLA_IFNAME]), text("vln0123456789ab"));
            assert_eq!(attribute(&message, &[IFLA_LINK]), number(7));
            assert_eq!(attribute(&message, &[IFLA_MTU]), number(1400));
            let path = [IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_VLAN_ID];
            let value = id.to_ne_bytes().to_vec();
            assert_eq!(attribute(&message, &path), Some(value));
        }
    }

    #[test]
    fn only_an_address_that_is_not_the_masters_is_given() {
        let (own, other) = (
            MacAddress::from_seed(b"master"),
            MacAddress::from_seed(b"wish"),
        );
        let master = master(own);
        let plain = device(&wanted(5, own), &master);
        assert_eq!(attribute(&plain, &[IFLA_ADDRESS]), None);
        let wished = device(&wanted(5, other), &master);
        assert_eq!(attribute(&wished, &[IFLA_ADDRESS]), Some(other.0.to_vec()));
    }
}
