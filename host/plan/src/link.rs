mod bridge;
mod host_device;
mod ipvlan;
mod lenient;
mod macvlan;
mod ptp;
mod tap;
mod vlan;

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

pub use bridge::{Bridge, VlanTrunk};
pub use host_device::{DeviceSelector, HostDevice};
pub use ipvlan::{Ipvlan, IpvlanMode};
pub use macvlan::{Macvlan, MacvlanMode};
pub use ptp::PointToPoint;
pub use tap::Tap;
pub use vlan::Vlan;

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
            Self::Macvlan(Macvlan { master, .. }) | Self::Ipvlan(Ipvlan { master, .. }) => {
                name_problem("link.master", master.as_deref())
                    .into_iter()
                    .collect()
            }
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    value == &T::default()
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

fn name_problem(key: &str, name: Option<&str>) -> Option<String> {
    let name = name.filter(|name| !is_interface_name(name))?;
    Some(format!("{key}: {name:?} is not an interface name"))
}

fn backend_problem(backend: Option<&str>) -> Option<String> {
    match backend {
        None | Some("" | "nftables") => None,
        Some(other) => Some(format!(
            "link.ipMasqBackend: {other:?} is not offered; masquerade is done by nftables, remove the key or say \"nftables\""
        )),
    }
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
