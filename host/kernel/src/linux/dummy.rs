use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;
use plan::DummyDevice;
use rtnetlink::{LinkDummy, LinkUnspec};

use super::on_master::{performed, why_not_made};
use super::{Linux, find_required, set};
use crate::{KernelError, Performed, Place};

impl Linux {
    pub(super) fn make_dummy(&mut self, wanted: &DummyDevice) -> Result<Performed, KernelError> {
        let doing = || format!("making dummy {}", wanted.name);
        let container = self.container(doing)?;
        let route = container.route();
        route
            .make_link(device(wanted))
            .map_err(|refusal| match refusal.errno {
                Errno::EEXIST => KernelError::InterfaceExists {
                    name: wanted.name.clone(),
                    place: Place::Container,
                },
                _ => why_not_made("dummy", "dummy", doing(), refusal),
            })?;
        let made = find_required(route, &wanted.name, Place::Container)?;
        let alias = LinkUnspec::new_with_index(made.index).alias(&wanted.alias);
        set(route, alias.build(), doing)?;
        Ok(performed(&wanted.name, wanted.mac, &made))
    }
}

fn device(wanted: &DummyDevice) -> LinkMessage {
    let mut message = LinkDummy::new(&wanted.name).address(wanted.mac.0.to_vec());
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    message.build()
}

#[cfg(test)]
mod tests {
    use plan::MacAddress;

    use super::*;
    use crate::linux::wire::{IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, attribute, kind, number, text};

    #[test]
    fn the_message_says_name_address_and_mtu() {
        let mac = MacAddress::from_seed(b"dummy");
        let wanted = DummyDevice {
            name: "eth0".into(),
            mac,
            mtu: Some(1400),
            alias: String::new(),
        };
        let message = device(&wanted);
        assert_eq!(kind(&message), "dummy");
        assert_eq!(attribute(&message, &[IFLA_IFNAME]), text("eth0"));
        assert_eq!(attribute(&message, &[IFLA_MTU]), number(1400));
        assert_eq!(attribute(&message, &[IFLA_ADDRESS]), Some(mac.0.to_vec()));
    }
}
