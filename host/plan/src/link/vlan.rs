use serde::{Deserialize, Serialize};

use super::{is_default, name_problem};

/// `link.kind` = `vlan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vlan {
    /// The interface below.
    #[serde(default)]
    pub master: String,
    /// The VLAN that the interface sends and receives tagged, 0–4094 (802.1Q).
    #[serde(default, skip_serializing_if = "is_default")]
    pub vlan_id: u16,
    /// In bytes, at most the master's; 0 means the master's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// The master is inside the container.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link_in_container: bool,
}

impl Vlan {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.master.is_empty() {
            problems.push(
                "link.master: a vlan needs the name of the interface below, such as \"eth1\""
                    .into(),
            );
        } else {
            problems.extend(name_problem("link.master", Some(&self.master)));
        }
        if self.vlan_id > 4094 {
            problems.push(format!(
                "link.vlanId: {} is not within 0–4094",
                self.vlan_id
            ));
        }
        problems
    }
}
