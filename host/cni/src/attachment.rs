//! The key of everything that we keep: one interface of one container on one network.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{ContainerId, InterfaceName, NetworkName};

/// One attachment. A runtime may add the same container to the same network again under another
/// interface name, so neither the container id alone nor the pair with the network is a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The network.
    pub network: NetworkName,
    /// The container.
    pub container_id: ContainerId,
    /// The interface inside the container.
    pub interface_name: InterfaceName,
}

impl fmt::Display for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}/{}",
            self.network, self.container_id, self.interface_name
        )
    }
}

/// One entry of a GC's `cni.dev/valid-attachments`. The network is the one of the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValidAttachment {
    /// The container.
    #[serde(rename = "containerID")]
    pub container_id: ContainerId,
    /// The interface inside the container.
    #[serde(rename = "ifname")]
    pub interface_name: InterfaceName,
}
