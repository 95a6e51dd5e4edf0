use netlink_packet_route::link::{BridgeBooleanOptionFlags, InfoBridge, InfoData, InfoKind};
use nix::errno::Errno;
use plan::BridgeDevice;
use rtnetlink::{LinkBridge, LinkMessageBuilder, LinkUnspec};

use super::{Linux, find, find_required, router, set};
use crate::netlink::{LinkState, Refusal};
use crate::{KernelError, LinkFact, Performed, Place, Side};

/// `IFLA_INFO_KIND`
pub(super) const BRIDGE: &str = "bridge";

impl Linux {
    /// Any number of processes may do this at the same time: one makes the bridge, all see to the rest.
    pub(super) fn ensure_bridge(
        &mut self,
        wanted: &BridgeDevice,
    ) -> Result<Performed, KernelError> {
        let bridge = match find(&self.host, &wanted.name)? {
            Some(found) => found,
            None => self.make_bridge(wanted)?,
        };
        self.shape_bridge(&bridge, wanted)?;
        self.bridge = Some(bridge.clone());
        Ok(Performed::links([LinkFact {
            name: bridge.name,
            mac: Some(bridge.mac.unwrap_or(wanted.mac)),
            mtu: bridge.mtu,
            side: Side::Host,
            trace: None,
        }]))
    }

    fn make_bridge(&self, wanted: &BridgeDevice) -> Result<LinkState, KernelError> {
        // Frames to link-local groups (01:80:c2:00:00:0x) pass no hook where a forged source could be dropped, so
        // nothing is learned from them.
        let mut message = LinkMessageBuilder::<LinkBridge>::new(&wanted.name)
            .address(wanted.mac.0.to_vec())
            .mcast_snooping(wanted.mcast_snooping)
            .set_boolean_opt(BridgeBooleanOptionFlags::NoLinkLocalLearn, true);
        if let Some(mtu) = wanted.mtu {
            message = message.mtu(mtu);
        }
        if wanted.vlan_filtering {
            message = message.vlan_filtering(true);
        }
        let made = match self.host.create_link(message.build()) {
            Ok(_) => true,
            // Another process was faster.
            Err(refusal) if refusal.errno == Errno::EEXIST => false,
            Err(refusal) => return Err(refused(wanted, refusal, "making bridge")),
        };
        let bridge = find_required(&self.host, &wanted.name, Place::Host)?;
        if made && !wanted.alias.is_empty() {
            // The kernel takes no alias when it makes a link.
            let message = LinkUnspec::new_with_index(bridge.index).alias(&wanted.alias);
            set(&self.host, message.build(), || {
                format!("giving bridge {} its alias", wanted.name)
            })?;
        }
        Ok(bridge)
    }

    fn shape_bridge(&self, found: &LinkState, wanted: &BridgeDevice) -> Result<(), KernelError> {
        if found.kind != BRIDGE {
            return Err(KernelError::WrongKind {
                name: wanted.name.clone(),
                wanted: BRIDGE,
                found: found.description(),
            });
        }
        if wanted.vlan_filtering && !found.vlan_filtering {
            let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Bridge)
                .index(found.index)
                .set_info_data(InfoData::Bridge(vec![InfoBridge::VlanFiltering(true)]))
                .build();
            self.host
                .change_link(message)
                .map_err(|refusal| refused(wanted, refusal, "turning VLAN filtering on for"))?;
        }
        let mut message = LinkUnspec::new_with_index(found.index);
        let mut change = false;
        if wanted.promiscuous && !found.promiscuous {
            message = message.promiscuous(true);
            change = true;
        }
        if !found.up {
            // Whoever brings it up, not whoever made it: another process may do so in between.
            router::prepare(found)?;
            message = message.up();
            change = true;
        }
        if change {
            set(&self.host, message.build(), || {
                format!("setting bridge {} up", wanted.name)
            })?;
        }
        Ok(())
    }
}

fn refused(wanted: &BridgeDevice, refusal: Refusal, doing: &str) -> KernelError {
    let doing = format!("{doing} {}", wanted.name);
    if wanted.vlan_filtering && refusal.errno == Errno::EOPNOTSUPP {
        KernelError::Unsupported {
            doing,
            feature: "VLAN filtering in bridges",
            option: "CONFIG_BRIDGE_VLAN_FILTERING",
        }
    } else {
        refusal.when(doing)
    }
}
