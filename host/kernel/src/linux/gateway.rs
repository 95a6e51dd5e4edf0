use ipnet::IpNet;
use netlink_packet_route::address::AddressFlags;
use nix::errno::Errno;
use plan::{BridgePort, GatewayAddresses, VlanGateway};
use rtnetlink::{LinkUnspec, LinkVeth};

use super::{Linux, find_required, router, set};
use crate::netlink::address_message;
use crate::{KernelError, LinkFact, Performed, Place, Side};

impl Linux {
    pub(super) fn ensure_vlan_gateway(
        &mut self,
        wanted: &VlanGateway,
    ) -> Result<Performed, KernelError> {
        let message = LinkVeth::new(&wanted.name, &wanted.port_name).build();
        match self.host.create_link(message) {
            Ok(_) => {}
            // Made before, or by another process just now. Which of both names it was is seen below.
            Err(refusal) if refusal.errno == Errno::EEXIST => {}
            Err(refusal) => {
                return Err(refusal.when(format!("making gateway veth {}", wanted.name)));
            }
        }
        let gateway = find_required(&self.host, &wanted.name, Place::Host)?;
        let port = find_required(&self.host, &wanted.port_name, Place::Host)?;
        if gateway.kind != "veth" || gateway.lower != Some(port.index) {
            return Err(KernelError::WrongKind {
                name: wanted.name.clone(),
                wanted: "veth with its peer on the bridge",
                found: gateway.description(),
            });
        }
        let bridge = find_required(&self.host, &wanted.bridge, Place::Host)?;
        if port.controller != Some(bridge.index) || !port.up {
            let message = LinkUnspec::new_with_index(port.index)
                .controller(bridge.index)
                .up();
            set(&self.host, message.build(), || {
                format!("making {} a port of {}", port.name, bridge.name)
            })?;
        }
        self.shape_port(
            &port.name,
            port.index,
            &bridge,
            &BridgePort {
                bridge: wanted.bridge.clone(),
                hairpin: false,
                isolated: false,
                vlan: Some(wanted.vlan),
                trunk: Vec::new(),
                preserve_default_vlan: false,
            },
        )?;
        if !gateway.up {
            router::prepare(&gateway)?;
            let message = LinkUnspec::new_with_index(gateway.index).up();
            set(&self.host, message.build(), || {
                format!("setting {} up", gateway.name)
            })?;
        }
        Ok(Performed::links(gateway.mac.map_or_else(Vec::new, |mac| {
            vec![LinkFact {
                name: gateway.name,
                mac: Some(mac),
                mtu: gateway.mtu,
                side: Side::Host,
                trace: None,
            }]
        })))
    }

    /// As the reference plugin's `ensureAddr`: the same address is fine, one that overlaps and differs is not.
    pub(super) fn ensure_gateway_addresses(
        &mut self,
        wanted: &GatewayAddresses,
    ) -> Result<(), KernelError> {
        let link = self.host_link(&wanted.link)?;
        let found = self
            .host
            .addresses(link.index, None)
            .map_err(|refusal| refusal.when(format!("reading the addresses of {}", wanted.link)))?;
        for address in &wanted.addresses {
            if found.iter().any(|each| each.address == *address) {
                continue;
            }
            for conflict in found.iter().filter(|each| overlap(each.address, *address)) {
                if !wanted.replace {
                    return Err(KernelError::GatewayConflict {
                        link: wanted.link.clone(),
                        wanted: *address,
                        found: conflict.address,
                    });
                }
                self.remove_conflict(&wanted.link, link.index, conflict.address)?;
            }
            self.add_host_address(&wanted.link, link.index, *address)?;
        }
        Ok(())
    }

    fn remove_conflict(&self, link: &str, index: u32, address: IpNet) -> Result<(), KernelError> {
        let message = address_message(index, address, AddressFlags::empty());
        match self.host.remove_address(message) {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.errno == Errno::EADDRNOTAVAIL => Ok(()),
            Err(refusal) => Err(refusal.when(format!("removing {address} from {link}"))),
        }
    }

    /// Addresses of the host are chosen by the operator and used at once, so no detection delays them.
    pub(super) fn add_host_address(
        &self,
        link: &str,
        index: u32,
        address: IpNet,
    ) -> Result<(), KernelError> {
        let flags = match address {
            IpNet::V4(_) => AddressFlags::empty(),
            IpNet::V6(_) => AddressFlags::Nodad,
        };
        match self
            .host
            .add_address(address_message(index, address, flags))
        {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.errno == Errno::EEXIST => Ok(()),
            Err(refusal) => Err(refusal.when(format!("adding {address} to {link}"))),
        }
    }
}

fn overlap(found: IpNet, wanted: IpNet) -> bool {
    let same_family = matches!(
        (found, wanted),
        (IpNet::V4(_), IpNet::V4(_)) | (IpNet::V6(_), IpNet::V6(_))
    );
    let (found, wanted) = (found.trunc(), wanted.trunc());
    same_family && (found.contains(&wanted) || wanted.contains(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nets_of_one_family_overlap() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        assert!(overlap(net("10.1.0.1/16"), net("10.1.2.1/24")));
        assert!(overlap(net("10.1.2.1/24"), net("10.1.2.2/24")));
        assert!(!overlap(net("10.1.2.1/24"), net("10.1.3.1/24")));
        assert!(!overlap(net("0.0.0.0/0"), net("::/0")));
    }
}
