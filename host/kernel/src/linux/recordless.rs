//! What attachments leave behind whose records are lost: found by the container's addresses and the group of its links.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plan::{LinkAlias, LinkKind, PortForwards, Undo};

use super::Linux;
use super::tagged::is_link_local;
use crate::KernelError;

impl Linux {
    /// The addresses of every interface in every namespace that the host's has an id for: each container that a veth
    /// leads to, and each that got an id ([`Linux::assign_nsid`]). Reads all of them, so it is not for every call.
    ///
    /// # Errors
    /// When the namespaces' ids can't be read.
    pub fn container_addresses(&self) -> Result<BTreeSet<IpAddr>, KernelError> {
        let mut addresses = BTreeSet::new();
        let nsids = self.host.nsids();
        for nsid in nsids.map_err(|refusal| refusal.when("reading the namespaces' ids"))? {
            // A namespace that dies meanwhile has no addresses any more.
            let found = self.host.all_addresses(Some(nsid)).unwrap_or_default();
            let own = found.iter().map(|state| state.address.addr());
            addresses.extend(own.filter(|own| !own.is_loopback() && !is_link_local(*own)));
        }
        Ok(addresses)
    }

    /// All ports of the host that lead to containers. Reads every map.
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn forwarded_ports(&mut self) -> Result<Vec<PortForwards>, KernelError> {
        Ok(self.nft()?.forwarded_ports()?)
    }

    /// Removes all rules of the containers whose addresses these are; tells which had any. Reads every set.
    ///
    /// # Errors
    /// What nftables refused.
    pub fn forget_containers(
        &mut self,
        which: &dyn Fn(IpAddr) -> bool,
    ) -> Result<BTreeSet<IpAddr>, KernelError> {
        Ok(self.nft()?.forget_containers(which)?)
    }

    /// Deletes the ifbs of a group of links, as far as they carry our alias: what held a container's packets to a rate
    /// whose own link is gone.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn delete_ifbs(&mut self, group: u32) -> Result<(), KernelError> {
        let links = self.host.links(None);
        let links = links.map_err(|refusal| refusal.when("reading the host's links"))?;
        let ours = links.into_iter().filter(|link| {
            let alias = link.alias.as_deref().unwrap_or_default();
            link.group == group
                && link.kind == LinkKind::Ifb.name()
                && alias.parse::<LinkAlias>().is_ok()
        });
        for link in ours {
            if let Some(mac) = link.mac {
                self.take_back(&Undo::DeleteHostLink {
                    name: link.name,
                    kind: LinkKind::Ifb,
                    mac,
                    trace: None,
                })?;
            }
        }
        Ok(())
    }
}
