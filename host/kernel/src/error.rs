use std::fmt;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use nix::errno::Errno;
use plan::MacAddress;

use crate::{NetnsError, NftError};

/// What the kernel refused or lacked. Texts say what failed, why and what to do; they name the object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The name is taken.
    #[error(
        "an interface named {name} exists already {place}; it was left alone: choose another name or remove it"
    )]
    InterfaceExists {
        /// The name.
        name: String,
        /// Where it is taken.
        place: Place,
    },
    /// An interface that must be there is not.
    #[error("there is no interface named {name} {place}: was it removed?")]
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for.
        place: Place,
    },
    /// An interface of another kind has the name.
    #[error(
        "{name} is of kind {found} and not {wanted}: choose another name, or remove it if nothing needs it"
    )]
    WrongKind {
        /// The name.
        name: String,
        /// The kind that is needed (`IFLA_INFO_KIND`).
        wanted: &'static str,
        /// The kind that is there.
        found: String,
    },
    /// The kernel forbids it.
    #[error(
        "not permitted: {doing}; this needs root in the host's namespaces (CAP_NET_ADMIN and CAP_SYS_ADMIN)"
    )]
    Permission {
        /// What was tried.
        doing: String,
    },
    /// A link on top of another can't have the larger MTU.
    #[error("MTU {wanted} is larger than the {most} of {master}: configure {most} or less")]
    MtuTooLarge {
        /// In bytes.
        wanted: u32,
        /// In bytes.
        most: u32,
        /// The interface below.
        master: String,
    },
    /// The kernel was built without something.
    #[error("{doing}: this kernel has no {feature} ({option}): use one that has, or do without")]
    Unsupported {
        /// What was tried.
        doing: String,
        /// What is missing.
        feature: &'static str,
        /// The kernel's build option.
        option: &'static str,
    },
    /// The kernel has no links of this kind.
    #[error("{doing}: this kernel has no {kind} links: load module {module} (`modprobe {module}`)")]
    NoLinkKind {
        /// What was tried.
        doing: String,
        /// The kind (`IFLA_INFO_KIND`).
        kind: &'static str,
        /// The module that has it.
        module: &'static str,
    },
    /// A device of the host is not there, or can't be found.
    #[error("{device} is not on the host: {why}")]
    NoDevice {
        /// What was asked for.
        device: String,
        /// What was found out.
        why: String,
    },
    /// A device of the host belongs to a bridge or bond.
    #[error(
        "{device} is a port of {controller} and can't be given to a container: take it out first (`ip link set {device} nomaster`)"
    )]
    DeviceIsPort {
        /// The device.
        device: String,
        /// The bridge or bond.
        controller: String,
    },
    /// An interface can be a port of one bridge, bond or VRF.
    #[error(
        "{interface} is a port of {controller} already and can't be in VRF {vrf} as well: do without one of the two, or take it out of {controller} (`ip link set {interface} nomaster`)"
    )]
    InterfaceIsPort {
        /// The container's interface.
        interface: String,
        /// The bridge, bond or VRF.
        controller: String,
        /// The VRF that was asked for.
        vrf: String,
    },
    /// A VRF of this name is there, with another table.
    #[error(
        "VRF {vrf} is in the container already, with table {found} and not {wanted}: configure table {found} or none, or choose another VRF"
    )]
    VrfTable {
        /// The VRF.
        vrf: String,
        /// The table that was asked for.
        wanted: u32,
        /// The table that it has.
        found: u32,
    },
    /// A VLAN of an interface can be there once.
    #[error(
        "VLAN {id} of {master} has an interface already, on the host or in a container: use that one, remove it or choose another VLAN"
    )]
    VlanExists {
        /// The VLAN.
        id: u16,
        /// The interface below.
        master: String,
    },
    /// A device file can't be used.
    #[error("{doing}: {path}: {source}")]
    Device {
        /// What was tried.
        doing: String,
        /// The file.
        path: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// What a bridge forwards can't be filtered.
    #[error(
        "{doing}: module br_netfilter is not loaded, so what the bridge forwards passes no firewall: run `modprobe br_netfilter`, and name it in /etc/modules-load.d (CONFIG_BRIDGE_NETFILTER)"
    )]
    NoBridgeNetfilter {
        /// What was tried.
        doing: String,
    },
    /// An ipvlan, or a macvlan that takes its master over, has the master's Ethernet address and no other.
    #[error(
        "{link} has its master's Ethernet address {found} and can't have {wanted}: ask for no address, or use another kind of link"
    )]
    AddressOfMaster {
        /// The link.
        link: String,
        /// What was asked for.
        wanted: MacAddress,
        /// The master's.
        found: MacAddress,
    },
    /// No `master` is configured, and no default route names one.
    #[error("there is no default route {place} that names a master interface: configure `master`")]
    NoDefaultRoute {
        /// Where it was looked for.
        place: Place,
    },
    /// The gateway's link has an address that overlaps and differs.
    #[error(
        "{link} has address {found}, which overlaps the gateway {wanted}: remove it, or set `forceAddress` to replace it"
    )]
    GatewayConflict {
        /// The link.
        link: String,
        /// The gateway.
        wanted: IpNet,
        /// What is there.
        found: IpNet,
    },
    /// A different route to the destination is there.
    #[error("a different route is there already: wanted {wanted}, found {found}")]
    RouteExists {
        /// The route that was wanted.
        wanted: String,
        /// The route that is there.
        found: String,
    },
    /// Another's queueing discipline is in the place of ours.
    #[error(
        "{link} has another queueing discipline already, {found}, which was left alone: its rate can't be held; let one plugin alone shape it"
    )]
    QdiscExists {
        /// The link.
        link: String,
        /// What is there.
        found: String,
    },
    /// A different permanent neighbour entry is there.
    #[error(
        "{interface} has a permanent neighbour {address} with Ethernet address {found} and not {wanted}; it was left alone: remove it or configure {found}"
    )]
    NeighbourExists {
        /// The interface.
        interface: String,
        /// The neighbour.
        address: IpAddr,
        /// What was asked for.
        wanted: MacAddress,
        /// What is there.
        found: MacAddress,
    },
    /// A sysctl that does not belong to a network namespace, or whose path is not one.
    #[error(
        "sysctl {path:?} is not set: only parameters of the container's network can be, as net/ipv4/conf/eth0/arp_filter"
    )]
    SysctlPath {
        /// What was asked for.
        path: String,
    },
    /// Duplicate address detection met another holder (RFC 4862, 5.4).
    #[error(
        "another host on the link of {interface} uses {address} already (duplicate address detection failed)"
    )]
    DuplicateAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: IpAddr,
    },
    /// Duplicate address detection did not end in time.
    #[error(
        "duplicate address detection of {address} on {interface} was not finished after {seconds} s: is the link up?"
    )]
    DetectionTimeout {
        /// The interface.
        interface: String,
        /// The first address that is still tentative.
        address: IpAddr,
        /// How long was waited.
        seconds: u64,
    },
    /// A step inside the container was asked of a kernel that was opened without one.
    #[error("{doing} needs the container's network namespace, and none was given")]
    NoContainer {
        /// What was tried.
        doing: String,
    },
    /// A netlink request failed.
    #[error("{doing}: {errno}{}", detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
    Netlink {
        /// What was tried, with the object's name.
        doing: String,
        /// What the kernel answered.
        errno: Errno,
        /// The kernel's own words, where it gave any.
        detail: Option<String>,
    },
    /// A file under `/proc/sys` could not be read or written.
    #[error("{path} can't be read or set: {source}; {}", sysctl_remedy(.source))]
    Sysctl {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A bridge of somebody else forwards past every rule.
    #[error(
        "what bridge {bridge} forwards between its ports meets no rule, and its settings are not ours: set net.bridge.bridge-nf-call-iptables and net.bridge.bridge-nf-call-ip6tables to 1, or make the bridge by wasm-cni"
    )]
    Unfiltered {
        /// The bridge.
        bridge: String,
    },
    /// An answer of the kernel lacks something.
    #[error("{doing}: the kernel's answer lacks {lacks}")]
    Incomplete {
        /// What was asked.
        doing: String,
        /// What is missing.
        lacks: &'static str,
    },
    /// A socket could not be set up.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The container's network namespace can't be used.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// nftables.
    #[error(transparent)]
    Nft(#[from] NftError),
}

/// Which namespace an error speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The caller's.
    Host,
    /// The container's.
    Container,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "on the host",
            Self::Container => "in the container",
        })
    }
}

fn sysctl_remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT) => {
            "there is no such sysctl in this network namespace: look at its name, and whether its kernel module is loaded"
        }
        Some(libc::EINVAL | libc::ERANGE) => "the kernel does not take this value",
        _ => "is /proc/sys mounted and writable?",
    }
}
