//! Ports of bridges: hairpin, isolation, VLANs. Messages of the bridge family (`RTM_SETLINK`, `AF_BRIDGE`).

use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkMessage,
    LinkProtoInfoBridge,
};
use nix::errno::Errno;
use plan::BridgePort;

use super::Linux;
use crate::KernelError;
use crate::netlink::LinkState;

/// `IFLA_BRPORT_MODE`: hairpin.
const BRPORT_MODE: u16 = 4;
/// `IFLA_BRPORT_ISOLATED`.
const BRPORT_ISOLATED: u16 = 33;

impl Linux {
    /// Sets what a new port of the bridge does not have by itself.
    pub(super) fn shape_port(
        &self,
        name: &str,
        index: u32,
        bridge: &LinkState,
        wanted: &BridgePort,
    ) -> Result<(), KernelError> {
        if let Some(message) = settings(index, wanted) {
            self.host.set_link(message).map_err(|refusal| {
                refusal.when(format!("setting port {name} of bridge {}", bridge.name))
            })?;
        }
        if let Some(message) = superfluous_vlan(index, bridge.default_vlan, wanted) {
            match self.host.delete_link(message) {
                Ok(()) => {}
                // It was taken away before.
                Err(refusal) if refusal.errno == Errno::ENOENT => {}
                Err(refusal) => {
                    return Err(refusal.when(format!(
                        "taking port {name} of bridge {} out of its default VLAN",
                        bridge.name
                    )));
                }
            }
        }
        Ok(())
    }
}

fn message(index: u32, attributes: impl IntoIterator<Item = LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = index;
    message.attributes.extend(attributes);
    message
}

fn settings(index: u32, wanted: &BridgePort) -> Option<LinkMessage> {
    let flag =
        |on: bool, kind| on.then(|| LinkProtoInfoBridge::Other(DefaultNla::new(kind, vec![1])));
    let port: Vec<_> = [
        flag(wanted.hairpin, BRPORT_MODE),
        flag(wanted.isolated, BRPORT_ISOLATED),
    ]
    .into_iter()
    .flatten()
    .collect();
    let vlans = vlans(wanted);
    let port = (!port.is_empty()).then_some(LinkAttribute::ProtoInfoBridge(port));
    let vlans = (!vlans.is_empty()).then_some(LinkAttribute::AfSpecBridge(vlans));
    (port.is_some() || vlans.is_some()).then(|| message(index, port.into_iter().chain(vlans)))
}

fn vlans(wanted: &BridgePort) -> Vec<AfSpecBridge> {
    let mut vlans = Vec::new();
    let mut add = |vid, flags| vlans.push(AfSpecBridge::VlanInfo(BridgeVlanInfo { flags, vid }));
    if let Some(vlan) = wanted.vlan {
        add(
            vlan,
            BridgeVlanInfoFlags::Pvid | BridgeVlanInfoFlags::Untagged,
        );
    }
    for &(first, last) in &wanted.trunk {
        // The kernel refuses a range of one.
        if first == last {
            add(first, BridgeVlanInfoFlags::empty());
        } else {
            add(first, BridgeVlanInfoFlags::RangeBegin);
            add(last, BridgeVlanInfoFlags::RangeEnd);
        }
    }
    vlans
}

/// The bridge put the port into its default VLAN, where a port with VLANs of its own has no business.
fn superfluous_vlan(index: u32, default: Option<u16>, wanted: &BridgePort) -> Option<LinkMessage> {
    let default = default.filter(|vlan| *vlan != 0)?;
    let has_vlans = wanted.vlan.is_some() || !wanted.trunk.is_empty();
    let in_trunk = wanted
        .trunk
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&default));
    let superfluous =
        has_vlans && !wanted.preserve_default_vlan && wanted.vlan != Some(default) && !in_trunk;
    let vlan = AfSpecBridge::VlanInfo(BridgeVlanInfo {
        flags: BridgeVlanInfoFlags::empty(),
        vid: default,
    });
    superfluous.then(|| message(index, [LinkAttribute::AfSpecBridge(vec![vlan])]))
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{Emitable, NLA_F_NESTED};

    use super::*;

    fn port() -> BridgePort {
        BridgePort {
            bridge: "cni0".into(),
            hairpin: false,
            isolated: false,
            vlan: None,
            trunk: Vec::new(),
            preserve_default_vlan: false,
        }
    }

    fn bytes(message: &LinkMessage) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    #[test]
    fn a_plain_port_needs_no_message() {
        assert_eq!(settings(7, &port()), None);
        assert_eq!(superfluous_vlan(7, Some(1), &port()), None);
    }

    /// `struct ifinfomsg`, then `IFLA_PROTINFO` with an `IFLA_BRPORT_…` of one byte for each.
    #[test]
    fn hairpin_and_isolation_are_nested_port_attributes() {
        let wanted = BridgePort {
            hairpin: true,
            isolated: true,
            ..port()
        };
        let mut expected = vec![7, 0, 0, 0];
        expected.extend(7_u32.to_ne_bytes());
        expected.extend([0; 8]);
        expected.extend(20_u16.to_ne_bytes());
        expected.extend((12 | NLA_F_NESTED).to_ne_bytes());
        for kind in [4_u16, 33] {
            expected.extend(5_u16.to_ne_bytes());
            expected.extend(kind.to_ne_bytes());
            expected.extend([1, 0, 0, 0]);
        }
        assert_eq!(bytes(&settings(7, &wanted).unwrap()), expected);
    }

    /// `struct bridge_vlan_info`: flags, then the VLAN.
    #[test]
    fn vlans_are_untagged_own_and_tagged_trunk() {
        let wanted = BridgePort {
            vlan: Some(100),
            trunk: vec![(5, 5), (10, 20)],
            ..port()
        };
        let pairs: Vec<_> = vlans(&wanted)
            .into_iter()
            .map(|each| match each {
                AfSpecBridge::VlanInfo(info) => (info.flags.bits(), info.vid),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pairs, [(0b110, 100), (0, 5), (0b1000, 10), (0b1_0000, 20)]);
        let written = bytes(&settings(7, &wanted).unwrap());
        assert_eq!(written[0], 7);
        assert_eq!(written[16..18], 36_u16.to_ne_bytes());
        assert_eq!(written[18] & 0x3f, 26);
    }

    #[test]
    fn the_default_vlan_is_left_unless_it_is_wanted() {
        let tagged = BridgePort {
            vlan: Some(100),
            ..port()
        };
        let deleted = superfluous_vlan(7, Some(1), &tagged).unwrap();
        assert_eq!(deleted.header.index, 7);
        for kept in [
            BridgePort {
                preserve_default_vlan: true,
                ..tagged.clone()
            },
            BridgePort {
                vlan: Some(1),
                ..port()
            },
            BridgePort {
                trunk: vec![(1, 9)],
                ..tagged.clone()
            },
        ] {
            assert_eq!(superfluous_vlan(7, Some(1), &kept), None, "{kept:?}");
        }
        assert_eq!(superfluous_vlan(7, Some(0), &tagged), None);
        assert_eq!(superfluous_vlan(7, None, &tagged), None);
    }
}
