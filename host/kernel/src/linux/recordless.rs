//! What attachments leave behind whose records are lost: found by the container's addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plan::{ForwardTag, PortForwards};

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

    /// The ways of forwarding on one network, by its name: which of [`Linux::forwarded_ports`] are its own.
    ///
    /// # Errors
    /// When nftables could not be asked.
    pub fn forward_tags(&mut self, network: &str) -> Result<Vec<ForwardTag>, KernelError> {
        Ok(self.nft()?.forward_tags(network)?)
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
}
