//! Addresses that a stage adds or takes away: the host reserves and releases them.

use plan::{Addressing, InterfaceAddress};

use super::Attaching;
use crate::failure::Cause;
use crate::ipam::PluginIpam;

impl Attaching<'_> {
    /// Reserves what the chain has added to IPAM's addresses and releases what it has taken away.
    ///
    /// # Errors
    /// An address that the network does not have, that another attachment holds, or that can't be judged because another
    /// vendor's IPAM gives this network's addresses.
    pub(super) fn settle_addresses(
        &self,
        ipam: Option<&PluginIpam>,
        before: &Addressing,
        after: &Addressing,
    ) -> Result<(), Cause> {
        if before.addresses == after.addresses {
            return Ok(());
        }
        let Some(ipam) = ipam else {
            return Err(Cause::ForeignAddresses);
        };
        let is_new = |entry: &&InterfaceAddress| {
            !before
                .addresses
                .iter()
                .any(|known| known.address.addr() == entry.address.addr())
        };
        for entry in after.addresses.iter().filter(is_new) {
            let address = entry.address.addr();
            let requested = &self.request.addresses;
            ipam.reserve(self.node, self.store, self.attachment, requested, address)?;
        }
        ipam.accept(self.store, self.attachment, &self.request.addresses, after)
    }
}
