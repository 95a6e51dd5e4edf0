use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{backend_problem, is_default, name_problem};
use crate::MacAddress;

/// `link.kind` = `bridge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are the reference plugin's keys"
)]
pub struct Bridge {
    /// The bridge's name.
    #[serde(default = "default_bridge")]
    pub bridge: String,
    /// Put the gateway's address on the bridge.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_gateway: bool,
    /// As `isGateway`, and the container's default route goes through it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_default_gateway: bool,
    /// Replace addresses of the bridge that disagree.
    #[serde(default, skip_serializing_if = "is_default")]
    pub force_address: bool,
    /// Masquerade what leaves the network.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ip_masq: bool,
    /// `nftables` is the only backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_masq_backend: Option<String>,
    /// Destinations that are reached without masquerade, besides the network itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masq_exclude: Vec<IpNet>,
    /// Of the veth pair, in bytes; 0 means the kernel's default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// Let the bridge send frames back through the port that they came from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hairpin_mode: bool,
    /// Make the bridge promiscuous; excludes `hairpinMode`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub promisc_mode: bool,
    /// The port's untagged VLAN, 1–4094; 0 means none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vlan: u16,
    /// VLANs that the port carries tagged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vlan_trunk: Vec<VlanTrunk>,
    /// Keep the bridge's default VLAN on the port besides `vlan` or `vlanTrunk`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preserve_default_vlan: bool,
    /// Drop frames that do not carry the container's own Ethernet address.
    #[serde(default, skip_serializing_if = "is_default")]
    pub macspoofchk: bool,
    /// Keep IPv6 duplicate address detection.
    #[serde(default, skip_serializing_if = "is_default")]
    pub enabledad: bool,
    /// A link without addresses: the container's interface stays down and no IPAM plugin is asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub disable_container_interface: bool,
    /// Isolate the port: it reaches the bridge but no other isolated port.
    #[serde(default, skip_serializing_if = "is_default")]
    pub port_isolation: bool,
    /// Make the bridge with multicast snooping. Without a querier on the link it restricts nothing, and costs work for
    /// each port whenever one is added.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mcast_snooping: bool,
}

fn default_bridge() -> String {
    "cni0".into()
}

/// An entry of `vlanTrunk`: one `id`, or all from `minID` to `maxID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlanTrunk {
    /// First VLAN of a run.
    #[serde(default, rename = "minID", skip_serializing_if = "Option::is_none")]
    pub min_id: Option<u16>,
    /// Last VLAN of a run.
    #[serde(default, rename = "maxID", skip_serializing_if = "Option::is_none")]
    pub max_id: Option<u16>,
    /// A single VLAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
}

impl VlanTrunk {
    /// The first and last VLAN; None unless the entry is well formed and within 1–4094.
    #[must_use]
    pub fn bounds(&self) -> Option<(u16, u16)> {
        let (first, last) = match (self.min_id, self.max_id, self.id) {
            (None, None, Some(id)) => (id, id),
            (Some(min), Some(max), None) => (min, max),
            _ => return None,
        };
        (1 <= first && first <= last && last <= 4094).then_some((first, last))
    }
}

impl Bridge {
    /// Is the bridge given the gateway's address?
    #[must_use]
    pub fn gateway(&self) -> bool {
        self.is_gateway || self.is_default_gateway
    }

    /// The Ethernet address of whoever holds this address on the bridge: the same for each, one after the other.
    ///
    /// Then no neighbour has to be told of a new holder, which would wake every container on the bridge.
    #[must_use]
    pub fn mac_of_holder(&self, address: IpAddr) -> MacAddress {
        MacAddress::from_seed(format!("{} {address}", self.bridge).as_bytes())
    }

    /// Does a port need the bridge to filter VLANs?
    #[must_use]
    pub fn filters_vlans(&self) -> bool {
        self.vlan != 0 || !self.vlan_trunk.is_empty()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = backend_problem(self.ip_masq_backend.as_deref())
            .into_iter()
            .collect();
        problems.extend(name_problem("link.bridge", Some(&self.bridge)));
        if self.promisc_mode && self.hairpin_mode {
            problems.push(
                "link.promiscMode and link.hairpinMode exclude each other: set one of them".into(),
            );
        }
        if self.vlan > 4094 {
            problems.push(format!("link.vlan: {} is not within 0–4094", self.vlan));
        }
        for entry in &self.vlan_trunk {
            if entry.bounds().is_none() {
                problems.push(format!(
                    "link.vlanTrunk: give `id`, or `minID` and `maxID`, within 1–4094 and in order, not {entry:?}"
                ));
            }
        }
        problems
    }
}
