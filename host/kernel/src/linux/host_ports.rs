//! Ports of the host that lead to containers: what they need besides chains and maps.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkProtoInfoBridge};
use plan::{Mismatch, PortForwards};

use super::{Linux, ensured, find_required, set};
use crate::{KernelError, Performed, Place, Presence, Undone, sysctl};

/// `IFLA_BRPORT_MODE`: hairpin.
const BRPORT_MODE: u16 = 4;

impl Linux {
    /// Guards the loopback first: there is no moment in which others reach it.
    pub(super) fn route_localnet(&mut self, link: &str) -> Result<Performed, KernelError> {
        let base = self.nft()?.ensure_loopback_guard()?;
        sysctl::ensure(&localnet(link), "1")?;
        Ok(ensured(base))
    }

    pub(super) fn compare_route_localnet(
        &mut self,
        link: &str,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut mismatches = self.nft()?.verify_loopback_guard()?;
        if !sysctl::is(&localnet(link), "1")? {
            mismatches.push(mismatch(format!("route_localnet of {link}"), "on", "off"));
        }
        Ok(mismatches)
    }

    pub(super) fn hairpin(&self, port: &str) -> Result<(), KernelError> {
        let link = find_required(&self.host, port, Place::Host)?;
        if link.port.is_some_and(|port| port.hairpin) {
            return Ok(());
        }
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        message.header.index = link.index;
        let on = LinkProtoInfoBridge::Other(DefaultNla::new(BRPORT_MODE, vec![1]));
        message
            .attributes
            .push(LinkAttribute::ProtoInfoBridge(vec![on]));
        set(&self.host, message, || {
            format!("letting frames go back through {port}")
        })
    }

    pub(super) fn compare_hairpin(&self, port: &str) -> Result<Vec<Mismatch>, KernelError> {
        let object = format!("hairpin of port {port}");
        let found = match super::find(&self.host, port)?.map(|link| link.port) {
            Some(Some(port)) if port.hairpin => return Ok(Vec::new()),
            Some(Some(_)) => "off",
            Some(None) => "no port of a bridge",
            None => "missing",
        };
        Ok(vec![mismatch(object, "on", found)])
    }

    pub(super) fn forget_port_forwards(
        &mut self,
        unwanted: &PortForwards,
    ) -> Result<Undone, KernelError> {
        let forgotten = self.nft()?.forget_port_forwards(unwanted)?;
        Ok(if forgotten {
            Undone::Done
        } else {
            Undone::AlreadyGone
        })
    }

    pub(super) fn port_forwards_presence(
        &mut self,
        forwards: &PortForwards,
    ) -> Result<Presence, KernelError> {
        Ok(presence(self.nft()?.has_port_forwards(forwards)?))
    }
}

fn localnet(link: &str) -> String {
    sysctl::of_interface("ipv4", link, "route_localnet")
}

fn presence(present: bool) -> Presence {
    if present {
        Presence::Present
    } else {
        Presence::Gone
    }
}

fn mismatch(object: String, expected: &str, found: &str) -> Mismatch {
    Mismatch {
        object,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}
