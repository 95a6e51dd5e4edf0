//! The IPAM delegate of another vendor's interface plugin.

use kernel::{KernelError, Linux, Netns};
use plan::NetnsIdentity;

use super::{Attaching, MOST_TRIES, contended};
use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::ipam::Ipam;
use crate::plugin_host;
use crate::{record, result};

impl Attaching<'_, Option<Netns>> {
    /// Addresses alone. Without a namespace nothing will prove that they are free: then only DEL and GC release them.
    pub(crate) fn ipam_only(&self) -> Result<cni::result::CniResult, Cause> {
        let config = &self.request.call.config;
        let ipam = Ipam::of_call(self.node, &self.request.call)?;
        let Some(Ipam::Plugin(plugin)) = &ipam else {
            return Err(Cause::IpamSection(
                "the ipam section names no plugin of ours".into(),
            ));
        };
        let netns = self.netns.as_ref().map(marked).transpose()?;
        for _ in 0..MOST_TRIES {
            let overlay = self.overlay();
            let allocated = plugin.allocate(self.node, self.attachment, self.request, &overlay)?;
            let storage = plugin_host::changes(self.store, self.attachment, &overlay);
            let part = record::ipam_part(plugin.name(), config, &allocated);
            let group = self.store.next_group()?;
            let now = unix_seconds(self.node.now);
            let record = record::pending(self.attachment, netns.clone(), group, now, vec![part]);
            if let Some(recorded) = self.put(record, Vec::new(), storage)? {
                let result = result::of_addressing(&allocated.addressing);
                self.finish(recorded, &result, &[])?;
                return Ok(result);
            }
            self.release_reserved(None)?;
        }
        Err(contended(plugin.name()))
    }
}

fn marked(netns: &Netns) -> Result<NetnsIdentity, KernelError> {
    Linux::with_container(netns)?.mark_netns(netns)
}
