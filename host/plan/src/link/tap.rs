use serde::{Deserialize, Serialize};

use super::lenient::empty_is_none;
use super::{is_default, name_problem};
use crate::MacAddress;

/// `link.kind` = `tap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tap {
    /// Several queues, each with a descriptor of its own (`IFF_MULTI_QUEUE`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub multi_queue: bool,
    /// In bytes; 0 means the kernel's default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// The interface's Ethernet address, unless the runtime asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The user that may open the device without privileges (`TUNSETOWNER`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// The group that may open the device without privileges (`TUNSETGROUP`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// The device's `SELinux` context. Refused: it is always that of the process that makes the device.
    #[serde(
        default,
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub selinux_context: Option<String>,
    /// A bridge inside the container that the device becomes a port of.
    #[serde(
        default,
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub bridge: Option<String>,
}

impl Tap {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(name_problem("link.bridge", self.bridge.as_deref()));
        if let Some(context) = &self.selinux_context {
            problems.push(format!(
                "link.selinuxContext: {context:?} can't be given: a tap has the context of the process that makes it, which is that of wasm-cni; remove the key, or have the policy allow the runtime's own context"
            ));
        }
        problems
    }
}
