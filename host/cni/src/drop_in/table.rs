//! The reference plugins with their keys: those of containernetworking/plugins v1.9.1, and ours beside them.

use super::keys::Key;
use super::keys::Shape::{List, Object, Value};

/// Which part a reference plugin plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It makes an interface.
    Link,
    /// It decides about addresses.
    Ipam,
    /// It works on an interface that is there.
    Stage,
}

/// A reference plugin.
pub(super) struct Plugin {
    pub(super) name: &'static str,
    pub(super) part: Part,
    pub(super) keys: &'static [Key],
}

const fn plugin(name: &'static str, part: Part, keys: &'static [Key]) -> Plugin {
    Plugin { name, part, keys }
}

pub(super) const PLUGINS: [Plugin; 17] = [
    plugin("bridge", Part::Link, BRIDGE),
    plugin("ptp", Part::Link, PTP),
    plugin("macvlan", Part::Link, MACVLAN),
    plugin("ipvlan", Part::Link, IPVLAN),
    plugin("vlan", Part::Link, VLAN),
    plugin("host-device", Part::Link, HOST_DEVICE),
    plugin("dummy", Part::Link, &[]),
    plugin("tap", Part::Link, TAP),
    plugin("loopback", Part::Link, &[]),
    plugin("host-local", Part::Ipam, HOST_LOCAL),
    plugin("static", Part::Ipam, STATIC),
    plugin("portmap", Part::Stage, PORTMAP),
    plugin("bandwidth", Part::Stage, BANDWIDTH),
    plugin("firewall", Part::Stage, FIREWALL),
    plugin("tuning", Part::Stage, TUNING),
    plugin("sbr", Part::Stage, SBR),
    plugin("vrf", Part::Stage, VRF),
];

const BRIDGE: &[Key] = &[
    ("bridge", Value),
    ("isGateway", Value),
    ("isDefaultGateway", Value),
    ("forceAddress", Value),
    ("ipMasq", Value),
    ("ipMasqBackend", Value),
    ("masqExclude", Value),
    ("mtu", Value),
    ("hairpinMode", Value),
    ("promiscMode", Value),
    ("vlan", Value),
    (
        "vlanTrunk",
        List(&Object(&[
            ("minID", Value),
            ("maxID", Value),
            ("id", Value),
        ])),
    ),
    ("preserveDefaultVlan", Value),
    ("macspoofchk", Value),
    ("enabledad", Value),
    ("disableContainerInterface", Value),
    ("portIsolation", Value),
];

const PTP: &[Key] = &[
    ("ipMasq", Value),
    ("ipMasqBackend", Value),
    ("masqExclude", Value),
    ("mtu", Value),
];

const MACVLAN: &[Key] = &[
    ("master", Value),
    ("mode", Value),
    ("mtu", Value),
    ("mac", Value),
    ("linkInContainer", Value),
    ("bcqueuelen", Value),
];

const IPVLAN: &[Key] = &[
    ("master", Value),
    ("mode", Value),
    ("mtu", Value),
    ("linkInContainer", Value),
];

const VLAN: &[Key] = &[
    ("master", Value),
    ("vlanId", Value),
    ("mtu", Value),
    ("linkInContainer", Value),
];

const HOST_DEVICE: &[Key] = &[
    ("device", Value),
    ("hwaddr", Value),
    ("kernelpath", Value),
    ("pciBusID", Value),
];

const TAP: &[Key] = &[
    ("multiQueue", Value),
    ("mtu", Value),
    ("mac", Value),
    ("owner", Value),
    ("group", Value),
    ("selinuxContext", Value),
    ("bridge", Value),
];

const ROUTE: &[Key] = &[
    ("dst", Value),
    ("gw", Value),
    ("mtu", Value),
    ("advmss", Value),
    ("priority", Value),
    ("table", Value),
    ("scope", Value),
];

const RANGE: &[Key] = &[
    ("subnet", Value),
    ("rangeStart", Value),
    ("rangeEnd", Value),
    ("gateway", Value),
    ("exclude", Value),
];

const HOST_LOCAL: &[Key] = &[
    ("subnet", Value),
    ("rangeStart", Value),
    ("rangeEnd", Value),
    ("gateway", Value),
    ("exclude", Value),
    ("ranges", List(&List(&Object(RANGE)))),
    ("routes", List(&Object(ROUTE))),
    ("dataDir", Value),
    ("resolvConf", Value),
    ("coolDownSeconds", Value),
    ("statusWhenExhausted", Value),
];

const STATIC: &[Key] = &[
    (
        "addresses",
        List(&Object(&[("address", Value), ("gateway", Value)])),
    ),
    ("routes", List(&Object(ROUTE))),
    (
        "dns",
        Object(&[
            ("nameservers", Value),
            ("domain", Value),
            ("search", Value),
            ("options", Value),
        ]),
    ),
    ("coolDownSeconds", Value),
];

const PORTMAP: &[Key] = &[
    ("backend", Value),
    ("snat", Value),
    ("masqAll", Value),
    ("conditionsV4", Value),
    ("conditionsV6", Value),
    ("markMasqBit", Value),
    ("externalSetMarkChain", Value),
];

const BANDWIDTH: &[Key] = &[
    ("ingressRate", Value),
    ("ingressBurst", Value),
    ("egressRate", Value),
    ("egressBurst", Value),
    ("shapedSubnets", Value),
    ("unshapedSubnets", Value),
];

const FIREWALL: &[Key] = &[
    ("backend", Value),
    ("iptablesAdminChainName", Value),
    ("firewalldZone", Value),
    ("ingressPolicy", Value),
];

const TUNING: &[Key] = &[
    ("sysctl", Value),
    ("mac", Value),
    ("promisc", Value),
    ("mtu", Value),
    ("allmulti", Value),
    ("txQLen", Value),
    ("dataDir", Value),
];

const SBR: &[Key] = &[
    ("table", Value),
    ("gateways", Value),
    ("addSourceHints", Value),
];

const VRF: &[Key] = &[("vrfname", Value), ("table", Value)];
