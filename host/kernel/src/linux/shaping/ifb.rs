use netlink_packet_route::link::{InfoKind, LinkMessage};
use nix::errno::Errno;
use plan::{IfbDevice, LinkKind, Mismatch};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::linux::verify::Differences;
use crate::linux::{Linux, find, find_required, set};
use crate::netlink::Refusal;
use crate::{KernelError, LinkFact, Performed, Place, Side};

impl Linux {
    pub(in crate::linux) fn make_ifb(
        &mut self,
        wanted: &IfbDevice,
    ) -> Result<Performed, KernelError> {
        let made = match self.host.create_link(device(wanted)) {
            Ok(Some(made)) => made,
            Ok(None) => find_required(&self.host, &wanted.name, Place::Host)?,
            Err(refusal) => return Err(why_not_made(wanted, refusal)),
        };
        // `IFLA_IFALIAS` is ignored when a link is made.
        let message = LinkUnspec::new_with_index(made.index)
            .alias(&wanted.alias)
            .up();
        set(&self.host, message.build(), || {
            format!("setting {} up", wanted.name)
        })?;
        Ok(Performed::links([LinkFact {
            name: wanted.name.clone(),
            mac: Some(wanted.mac),
            mtu: made.mtu,
            side: Side::Host,
            trace: None,
        }]))
    }

    pub(in crate::linux) fn compare_ifb(
        &self,
        wanted: &IfbDevice,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let object = format!("link {} {}", wanted.name, Place::Host);
        let Some(found) = find(&self.host, &wanted.name)? else {
            return Ok(differences.missing(object));
        };
        differences.identity(&found, LinkKind::Ifb.name(), wanted.mac);
        differences.unless(found.up, object, "up", "down");
        Ok(differences.found)
    }
}

fn device(wanted: &IfbDevice) -> LinkMessage {
    let mut message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Ifb)
        .name(&wanted.name)
        .address(wanted.mac.0.to_vec())
        .link_group(wanted.group);
    if let Some(mtu) = wanted.mtu {
        message = message.mtu(mtu);
    }
    message.build()
}

fn why_not_made(wanted: &IfbDevice, refusal: Refusal) -> KernelError {
    let doing = || format!("making ifb {}", wanted.name);
    match refusal.errno {
        Errno::EOPNOTSUPP => KernelError::Unsupported {
            doing: doing(),
            feature: "intermediate functional block",
            option: "CONFIG_IFB",
        },
        _ => refusal.when_naming(&wanted.name, Place::Host, doing()),
    }
}
