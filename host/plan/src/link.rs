mod host_device;
mod ipvlan;
mod lenient;
mod tap;
mod vlan;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

pub use host_device::{DeviceSelector, HostDevice};
pub use ipvlan::{Ipvlan, IpvlanMode};
use lenient::empty_is_none;
pub use tap::Tap;
pub use vlan::Vlan;

use crate::MacAddress;

/// The `link` section of a network: which interface a container gets. Keys, meanings and defaults are those of the
/// reference plugins of the same names; `masqExclude` is new. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A veth pair whose host end is a port of a bridge.
    Bridge(Bridge),
    /// A veth pair with routes on the host.
    Ptp(PointToPoint),
    /// A macvlan on an interface of the host.
    Macvlan(Macvlan),
    /// An ipvlan on an interface of the host.
    Ipvlan(Ipvlan),
    /// A VLAN of an interface of the host.
    Vlan(Vlan),
    /// An interface of the host itself.
    HostDevice(HostDevice),
    /// An interface that leads nowhere.
    Dummy {},
    /// An interface whose other end is a file, for a virtual machine.
    Tap(Tap),
    /// The container's own `lo`.
    Loopback {},
}

/// A `link` section that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// `kind` is none of ours.
    #[error(
        "link.kind: there is no kind {kind:?}; the kinds are bridge, ptp, macvlan, ipvlan, vlan, host-device, dummy, tap and loopback"
    )]
    Kind {
        /// What was written.
        kind: String,
    },
    /// A key is not known, or its value is of the wrong form.
    #[error("link.{path}: {problem}")]
    Key {
        /// The key, with the way to it.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl Link {
    /// Reads a section: its `kind`, and all other keys.
    ///
    /// # Errors
    /// What can't be read, by key.
    pub fn read<'de, D>(kind: &str, keys: D) -> Result<Self, LinkError>
    where
        D: Deserializer<'de, Error: fmt::Display>,
    {
        match kind {
            "bridge" => section(keys).map(Self::Bridge),
            "ptp" => section(keys).map(Self::Ptp),
            "macvlan" => section(keys).map(Self::Macvlan),
            "ipvlan" => section(keys).map(Self::Ipvlan),
            "vlan" => section(keys).map(Self::Vlan),
            "host-device" => section(keys).map(Self::HostDevice),
            "dummy" => section(keys).map(|NoKeys {}| Self::Dummy {}),
            "tap" => section(keys).map(Self::Tap),
            "loopback" => section(keys).map(|NoKeys {}| Self::Loopback {}),
            other => Err(LinkError::Kind {
                kind: other.chars().take(64).collect(),
            }),
        }
    }

    /// The name that a configuration uses.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bridge(_) => "bridge",
            Self::Ptp(_) => "ptp",
            Self::Macvlan(_) => "macvlan",
            Self::Ipvlan(_) => "ipvlan",
            Self::Vlan(_) => "vlan",
            Self::HostDevice(_) => "host-device",
            Self::Dummy {} => "dummy",
            Self::Tap(_) => "tap",
            Self::Loopback {} => "loopback",
        }
    }

    /// The MTU that the operator wants, in bytes; None: the kernel's default.
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        match self {
            Self::Bridge(bridge) => mtu(bridge.mtu),
            Self::Ptp(ptp) => mtu(ptp.mtu),
            Self::Macvlan(macvlan) => mtu(macvlan.mtu),
            Self::Ipvlan(ipvlan) => mtu(ipvlan.mtu),
            Self::Vlan(vlan) => mtu(vlan.mtu),
            Self::Tap(tap) => mtu(tap.mtu),
            Self::HostDevice(_) | Self::Dummy {} | Self::Loopback {} => None,
        }
    }

    /// Does the container's interface get addresses, so that an `ipam` section makes sense?
    #[must_use]
    pub fn takes_addresses(&self) -> bool {
        match self {
            Self::Bridge(bridge) => !bridge.disable_container_interface,
            Self::Loopback {} => false,
            _ => true,
        }
    }

    /// Can it be made before its addresses are known? A point-to-point link consists of routes to them.
    #[must_use]
    pub fn stands_without_addresses(&self) -> bool {
        !matches!(self, Self::Ptp(_))
    }

    /// The addresses that masquerade must leave alone, where the network masquerades at all.
    #[must_use]
    pub fn masquerade_exclusions(&self) -> Option<&[IpNet]> {
        match self {
            Self::Bridge(bridge) if bridge.ip_masq => Some(&bridge.masq_exclude),
            Self::Ptp(ptp) if ptp.ip_masq => Some(&ptp.masq_exclude),
            _ => None,
        }
    }

    /// Everything that is wrong with the section, each with key and value.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Bridge(bridge) => bridge.problems(),
            Self::Ptp(ptp) => backend_problem(ptp.ip_masq_backend.as_deref())
                .into_iter()
                .collect(),
            Self::Macvlan(macvlan) => {
                let problem = ipvlan::master_problem(macvlan.master.as_deref());
                problem.into_iter().collect()
            }
            Self::Ipvlan(ipvlan) => ipvlan.problems(),
            Self::Vlan(vlan) => vlan.problems(),
            Self::HostDevice(device) => device.problems(),
            Self::Tap(tap) => tap.problems(),
            Self::Dummy {} | Self::Loopback {} => Vec::new(),
        }
    }
}

fn section<'de, D, T>(keys: D) -> Result<T, LinkError>
where
    D: Deserializer<'de, Error: fmt::Display>,
    T: Deserialize<'de>,
{
    serde_path_to_error::deserialize(keys).map_err(|error| LinkError::Key {
        path: error.path().to_string(),
        problem: error.inner().to_string(),
    })
}

/// `link.kind` = `dummy` and `loopback` have no other key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

fn default_bridge() -> String {
    "cni0".into()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    value == &T::default()
}

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

    fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = backend_problem(self.ip_masq_backend.as_deref())
            .into_iter()
            .collect();
        if !is_interface_name(&self.bridge) {
            problems.push(format!(
                "link.bridge: {:?} is not an interface name",
                self.bridge
            ));
        }
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

/// 0 stands for the kernel's default in configurations.
pub(crate) fn mtu(configured: u32) -> Option<u32> {
    (configured != 0).then_some(configured)
}

/// Is this a name that the kernel takes for an interface (`dev_valid_name`)?
#[must_use]
pub fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 15
        && name != "."
        && name != ".."
        && !name
            .chars()
            .any(|c| c == '/' || c == ':' || c.is_whitespace() || c.is_control())
}

fn backend_problem(backend: Option<&str>) -> Option<String> {
    match backend {
        None | Some("" | "nftables") => None,
        Some(other) => Some(format!(
            "link.ipMasqBackend: {other:?} is not offered; masquerade is done by nftables, remove the key or say \"nftables\""
        )),
    }
}

/// `link.kind` = `ptp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointToPoint {
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
}

/// `link.kind` = `macvlan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Macvlan {
    /// The interface below; None means the one of the default route.
    #[serde(
        default,
        deserialize_with = "empty_is_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub master: Option<String>,
    /// How frames between macvlans of one master go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: MacvlanMode,
    /// In bytes, at most the master's; 0 means the master's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mtu: u32,
    /// The interface's Ethernet address, unless the runtime asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The master is inside the container.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link_in_container: bool,
    /// Length of the queue for broadcast and multicast frames (`IFLA_MACVLAN_BC_QUEUE_LEN`).
    #[serde(
        default,
        rename = "bcqueuelen",
        skip_serializing_if = "Option::is_none"
    )]
    pub broadcast_queue_length: Option<u32>,
}

/// `link.mode` of a macvlan (`MACVLAN_MODE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MacvlanMode {
    /// Frames between macvlans stay on the host.
    #[default]
    #[serde(alias = "")]
    Bridge,
    /// No frames between macvlans.
    Private,
    /// Frames between macvlans go through the switch outside.
    Vepa,
    /// One macvlan takes the master over.
    Passthru,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(kind: &str, keys: serde_json::Value) -> Result<Link, LinkError> {
        Link::read(kind, keys)
    }

    #[test]
    fn defaults_are_the_reference_plugins() {
        let Link::Bridge(bridge) = parse("bridge", json!({})).unwrap() else {
            panic!()
        };
        assert_eq!(bridge.bridge, "cni0");
        assert!(!bridge.gateway() && !bridge.filters_vlans());
        let Link::Macvlan(macvlan) = parse("macvlan", json!({})).unwrap() else {
            panic!()
        };
        assert_eq!(macvlan.mode, MacvlanMode::Bridge);
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused_by_name() {
        for kind in [
            "bridge",
            "ptp",
            "macvlan",
            "ipvlan",
            "vlan",
            "host-device",
            "dummy",
            "tap",
            "loopback",
        ] {
            let error = parse(kind, json!({"isGatway": true})).unwrap_err();
            assert!(error.to_string().contains("isGatway"), "{kind}: {error}");
        }
        let error = parse("bond", json!({})).unwrap_err();
        assert!(error.to_string().contains("\"bond\""));
    }

    #[test]
    fn a_value_of_the_wrong_form_is_told_with_its_key() {
        let error = parse("bridge", json!({"masqExclude": ["10.0.0.0/99"]})).unwrap_err();
        assert!(
            error.to_string().starts_with("link.masqExclude[0]: "),
            "{error}"
        );
    }

    #[test]
    fn every_problem_of_a_bridge_is_told() {
        let keys = json!({
            "bridge": "a/b", "promiscMode": true, "hairpinMode": true, "vlan": 4095,
            "vlanTrunk": [{"minID": 9, "maxID": 3}], "ipMasqBackend": "iptables"
        });
        let problems = parse("bridge", keys).unwrap().problems();
        for key in [
            "link.bridge",
            "promiscMode",
            "link.vlan:",
            "vlanTrunk",
            "ipMasqBackend",
        ] {
            assert!(
                problems.iter().any(|problem| problem.contains(key)),
                "{key}: {problems:?}"
            );
        }
    }

    #[test]
    fn empty_texts_mean_the_defaults_as_with_the_reference_plugins() {
        for kind in ["macvlan", "ipvlan"] {
            let empty = parse(kind, json!({"master": "", "mode": ""})).unwrap();
            assert_eq!(empty, parse(kind, json!({})).unwrap(), "{kind}");
        }
    }

    #[test]
    fn what_a_link_can_not_do_without_is_asked_for() {
        for (kind, keys, key) in [
            ("vlan", json!({"vlanId": 5}), "link.master"),
            (
                "vlan",
                json!({"master": "eth1", "vlanId": 4095}),
                "link.vlanId",
            ),
            ("vlan", json!({"master": "a/b"}), "link.master"),
            ("ipvlan", json!({"master": "a/b"}), "link.master"),
            ("host-device", json!({}), "`pciBusID`"),
            ("host-device", json!({"device": ""}), "`device`"),
            ("host-device", json!({"device": "a b"}), "link.device"),
            ("host-device", json!({"hwaddr": "02"}), "link.hwaddr"),
            (
                "host-device",
                json!({"kernelpath": "/sys/devices/../../etc"}),
                "link.kernelpath",
            ),
            ("host-device", json!({"pciBusID": "../x"}), "link.pciBusID"),
            ("tap", json!({"bridge": "a/b"}), "link.bridge"),
            (
                "tap",
                json!({"selinuxContext": "system_u:object_r:tun_t:s0"}),
                "link.selinuxContext",
            ),
        ] {
            let problems = parse(kind, keys.clone()).unwrap().problems();
            assert!(
                problems.len() == 1 && problems[0].contains(key),
                "{kind} {keys}: {problems:?}"
            );
        }
    }

    #[test]
    fn the_runtimes_choice_of_a_device_comes_first() {
        let keys = json!({"device": "eth1", "pciBusID": "0000:00:05.0"});
        let Link::HostDevice(mut device) = parse("host-device", keys).unwrap() else {
            panic!()
        };
        let name = DeviceSelector::Name("eth1".into());
        assert_eq!(device.selector(), Some(name));
        device.device_id = Some("0000:00:06.0".into());
        assert_eq!(
            device.selector(),
            Some(DeviceSelector::Id("0000:00:06.0".into()))
        );
    }
}
