use std::net::IpAddr;

use plan::{LinkKind, MacAddress};

use super::Linux;
use super::loopback::LOOPBACK;
use super::tagged::is_link_local;
use crate::KernelError;
use crate::netlink::LinkState;

/// A link into another namespace that carries no alias of ours: made by another vendor's plugin, or by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedLink {
    /// The addresses of the interface in the other namespace, none of which is link-local.
    pub addresses: Vec<IpAddr>,
    /// The link's name, on the host for a veth, else in the other namespace.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// Its kind; None for a device of the host.
    pub kind: Option<LinkKind>,
    /// The namespace that it is in, as the host's knows it; None: the host's own.
    pub nsid: Option<i32>,
}

impl Linux {
    /// Every veth of the host whose other end is in another namespace, and every link without an end on the host in a
    /// namespace that has an nsid, as far as they carry no alias of ours and have addresses. As [`Linux::tagged_links`],
    /// not for every call.
    ///
    /// # Errors
    /// When a table can't be read.
    pub fn untagged_links(&self) -> Result<Vec<UntaggedLink>, KernelError> {
        let mut found = Vec::new();
        let host = self.host.links(None);
        for link in host.map_err(|refusal| refusal.when("reading the host's links"))? {
            if let ("veth", Some(peer), Some(nsid)) =
                (link.kind.as_str(), link.lower, link.lower_nsid)
            {
                found.extend(self.untagged(link, Some(LinkKind::Veth), None, (peer, nsid)));
            }
        }
        let nsids = self.host.nsids();
        for nsid in nsids.map_err(|refusal| refusal.when("reading the namespaces' ids"))? {
            // A namespace that dies meanwhile has no links any more.
            for link in self.host.links(Some(nsid)).unwrap_or_default() {
                let kind = LinkKind::of_container(&link.kind);
                // A device of the host is of no kind; `lo` is another's.
                let device = link.kind.is_empty() && link.index != LOOPBACK;
                if device || kind.is_some_and(|kind| kind != LinkKind::Veth) {
                    let place = (link.index, nsid);
                    found.extend(self.untagged(link, kind, Some(nsid), place));
                }
            }
        }
        Ok(found)
    }

    fn untagged(
        &self,
        link: LinkState,
        kind: Option<LinkKind>,
        nsid: Option<i32>,
        (interface, of): (u32, i32),
    ) -> Option<UntaggedLink> {
        let ours = link
            .alias
            .as_deref()
            .is_some_and(|alias| alias.parse::<plan::LinkAlias>().is_ok());
        if ours {
            return None;
        }
        let states = self.host.addresses(interface, Some(of)).ok()?;
        let addresses: Vec<IpAddr> = states
            .iter()
            .map(|state| state.address.addr())
            .filter(|address| !is_link_local(*address))
            .collect();
        let mac = link.mac.filter(|_| !addresses.is_empty())?;
        Some(UntaggedLink {
            addresses,
            name: link.name,
            mac,
            kind,
            nsid,
        })
    }
}
