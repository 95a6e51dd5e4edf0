use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkProtoInfoBridge};
use nix::errno::Errno;
use plan::Step;

use super::{Linux, find_required};
use crate::{KernelError, Place};

/// `IFLA_BRPORT_ISOLATED`.
const BRPORT_ISOLATED: u16 = 33;

impl Linux {
    /// Of a port that is there already.
    pub(super) fn isolate_port(&self, name: &str) -> Result<(), KernelError> {
        let link = find_required(&self.host, name, Place::Host)?;
        let Some(port) = link.port else {
            return Err(KernelError::WrongKind {
                name: name.to_owned(),
                wanted: "port of a bridge",
                found: link.description(),
            });
        };
        if port.isolated {
            return Ok(());
        }
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        message.header.index = link.index;
        let isolated = LinkProtoInfoBridge::Other(DefaultNla::new(BRPORT_ISOLATED, vec![1]));
        message
            .attributes
            .push(LinkAttribute::ProtoInfoBridge(vec![isolated]));
        let step = Step::PortIsolation {
            port: name.to_owned(),
        };
        self.host.set_link(message).map_err(|refusal| {
            if refusal.errno == Errno::ENODEV {
                KernelError::NotFound {
                    name: name.to_owned(),
                    place: Place::Host,
                }
            } else {
                refusal.when(step.to_string())
            }
        })
    }
}
