use plan::{LinkKind, MacAddress};

use super::{Linux, find};
use crate::netlink::LinkState;
use crate::{KernelError, Netns};

/// An interface of the container, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInterface {
    /// Its index inside the container.
    pub index: u32,
    /// Its kind (`IFLA_INFO_KIND`); empty for physical devices and `lo`.
    pub kind: String,
    /// Its Ethernet address; None for links that have none.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
    /// The other end of a veth, where that is on the host.
    pub peer: Option<HostPeer>,
}

/// The end on the host of a veth whose other end is in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPeer {
    /// Its index on the host.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
    /// The bridge whose port it is.
    pub bridge: Option<HostBridge>,
}

/// A bridge of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBridge {
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
}

impl Linux {
    /// What a later plugin of a chain needs to know of an interface that another has made; None when there is none of
    /// this name.
    ///
    /// # Errors
    /// When there is no container, or the kernel can't be asked.
    pub fn container_interface(
        &self,
        name: &str,
    ) -> Result<Option<ContainerInterface>, KernelError> {
        let container = self.container(|| format!("looking for {name}"))?;
        let Some(link) = find(container.route(), name)? else {
            return Ok(None);
        };
        let peer = match self.peer_on_host(container, &link)? {
            Some(peer) => Some(self.host_peer(peer)?),
            None => None,
        };
        Ok(Some(ContainerInterface {
            index: link.index,
            mac: link.mac,
            mtu: link.mtu,
            peer,
            kind: link.kind,
        }))
    }

    /// Indexes are unique only inside a namespace: the host's link with the index must be a veth too, and its other end
    /// be this one, in this namespace.
    fn peer_on_host(
        &self,
        container: &Netns,
        link: &LinkState,
    ) -> Result<Option<LinkState>, KernelError> {
        let veth = LinkKind::Veth.name();
        let (true, Some(index), Some(_)) = (link.kind == veth, link.lower, link.lower_nsid) else {
            return Ok(None);
        };
        let doing = || format!("looking for the host's end of {}", link.name);
        let found = self.host.link_by_index(index, None);
        let found = found.map_err(|refusal| refusal.when(doing()))?;
        let Some(found) =
            found.filter(|found| found.kind == veth && found.lower == Some(link.index))
        else {
            return Ok(None);
        };
        let nsid = self.host.nsid(container.descriptor());
        let nsid = nsid.map_err(|refusal| refusal.when(doing()))?;
        Ok(Some(found).filter(|found| nsid.is_some() && found.lower_nsid == nsid))
    }

    fn host_peer(&self, peer: LinkState) -> Result<HostPeer, KernelError> {
        let controller = match peer.controller {
            Some(index) => self
                .host
                .link_by_index(index, None)
                .map_err(|refusal| refusal.when(format!("reading the bridge of {}", peer.name)))?,
            None => None,
        };
        let bridge = controller.filter(|each| each.kind == "bridge");
        Ok(HostPeer {
            index: peer.index,
            name: peer.name,
            mac: peer.mac,
            mtu: peer.mtu,
            bridge: bridge.map(|bridge| HostBridge {
                name: bridge.name,
                mac: bridge.mac,
                mtu: bridge.mtu,
            }),
        })
    }
}
