use std::net::IpAddr;

use plan::{LinkAlias, MacAddress};

use super::Linux;
use super::bridge::BRIDGE;
use crate::KernelError;
use crate::netlink::LinkState;

/// A link that carries our alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedLink {
    /// Network and addresses; read from the container's interface where the alias had no room for all of them.
    pub alias: LinkAlias,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// `IFLA_INFO_KIND`.
    pub kind: String,
    /// The namespace that it is in, as the host's knows it; None: the host's own.
    pub nsid: Option<i32>,
}

impl Linux {
    /// Every link of an attachment with our alias, on the host and in each namespace that has an nsid: for a store that
    /// lost its state while containers live. Reads all links, so it is not for every call.
    ///
    /// # Errors
    /// When a table can't be read.
    pub fn tagged_links(&self) -> Result<Vec<TaggedLink>, KernelError> {
        let mut tagged = Vec::new();
        let host = self.host.links(None);
        self.collect(
            &mut tagged,
            host.map_err(|refusal| refusal.when("reading the host's links"))?,
            None,
        );
        let nsids = self.host.nsids();
        for nsid in nsids.map_err(|refusal| refusal.when("reading the namespaces' ids"))? {
            // A namespace that dies meanwhile has no links any more.
            if let Ok(links) = self.host.links(Some(nsid)) {
                self.collect(&mut tagged, links, Some(nsid));
            }
        }
        Ok(tagged)
    }

    fn collect(&self, tagged: &mut Vec<TaggedLink>, links: Vec<LinkState>, nsid: Option<i32>) {
        for link in links {
            let alias = link.alias.as_deref().and_then(|text| text.parse().ok());
            let (Some(mut alias), Some(mac)) = (alias, link.mac) else {
                continue;
            };
            // A network's, not an attachment's.
            if link.kind == BRIDGE {
                continue;
            }
            self.complete(&mut alias, &link, nsid);
            tagged.push(TaggedLink {
                alias,
                name: link.name,
                mac,
                kind: link.kind,
                nsid,
            });
        }
    }

    /// Reads the addresses of the container's interface: the link itself, or a veth's other end. Where that can't be
    /// reached, the alias stays marked as incomplete.
    fn complete(&self, alias: &mut LinkAlias, link: &LinkState, nsid: Option<i32>) {
        if alias.complete {
            return;
        }
        let interface = match nsid {
            Some(_) => Some((link.index, nsid)),
            None => link.lower.zip(link.lower_nsid.map(Some)),
        };
        let Some((index, nsid)) = interface else {
            return;
        };
        let Ok(states) = self.host.addresses(index, nsid) else {
            return;
        };
        for state in states {
            let address = state.address.addr();
            if is_link_local(address) {
                continue;
            }
            if !alias.addresses.contains(&address) {
                alias.addresses.push(address);
            }
        }
        alias.complete = true;
    }
}

/// Each interface makes one for itself; nobody leases it.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
