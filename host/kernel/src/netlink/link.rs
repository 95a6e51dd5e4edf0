use netlink_packet_core::{NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, Nla};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, InfoBridge, InfoBridgePort, InfoData, InfoIpVlan, InfoMacVlan,
    InfoPortData, InfoTun, InfoVlan, InfoVrf, IpVlanMode, LinkAttribute, LinkExtentMask, LinkFlags,
    LinkInfo, LinkMessage, MacVlanMode, State,
};
use nix::errno::Errno;
use plan::MacAddress;

use super::route::MAIN_TABLE;
use super::{Refusal, RouteSocket};

/// A link as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LinkState {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) promiscuous: bool,
    pub(crate) all_multicast: bool,
    /// `IFLA_OPERSTATE` is up: frames pass.
    pub(crate) operational: bool,
    /// `IFLA_INFO_KIND`; empty for physical devices and `lo`.
    pub(crate) kind: String,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) mtu: u32,
    /// In packets.
    pub(crate) transmit_queue_length: u32,
    /// `IFLA_GROUP`.
    pub(crate) group: u32,
    /// The bridge whose port it is, or the VRF that it is in (`IFLA_MASTER`).
    pub(crate) controller: Option<u32>,
    /// The peer of a veth, the master of a macvlan (`IFLA_LINK`).
    pub(crate) lower: Option<u32>,
    /// The namespace of [`LinkState::lower`] where it is another one.
    pub(crate) lower_nsid: Option<i32>,
    pub(crate) alias: Option<String>,
    pub(crate) vlan_filtering: bool,
    /// A bridge's frames pass the firewall: IPv4, IPv6 (`IFLA_BR_NF_CALL_IPTABLES`, `IFLA_BR_NF_CALL_IP6TABLES`).
    pub(crate) filters_bridged: (bool, bool),
    /// VLAN that a bridge gives to new ports.
    pub(crate) default_vlan: Option<u16>,
    pub(crate) port: Option<PortState>,
    pub(crate) macvlan_mode: Option<MacVlanMode>,
    pub(crate) ipvlan_mode: Option<IpVlanMode>,
    /// The VLAN that a link of kind `vlan` is of.
    pub(crate) vlan_id: Option<u16>,
    /// The table of the VRF that it is, or is in.
    pub(crate) vrf_table: Option<u32>,
    pub(crate) tun: TunState,
    pub(crate) ipv6: Option<Ipv6Settings>,
}

/// A tun or tap device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TunState {
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
    pub(crate) multi_queue: bool,
}

impl TunState {
    /// `linux/if_link.h`, `IFLA_TUN_*`.
    fn read(attributes: Vec<InfoTun>) -> Self {
        const OWNER: u16 = 1;
        const GROUP: u16 = 2;
        const MULTI_QUEUE: u16 = 7;
        let mut state = Self::default();
        for attribute in attributes {
            let InfoTun::Other(attribute) = attribute else {
                continue;
            };
            let mut value = vec![0; attribute.value_len()];
            attribute.emit_value(&mut value);
            let number = || {
                <[u8; 4]>::try_from(value.as_slice())
                    .ok()
                    .map(u32::from_ne_bytes)
            };
            match attribute.kind() {
                OWNER => state.owner = number(),
                GROUP => state.group = number(),
                MULTI_QUEUE => state.multi_queue = value.first() == Some(&1),
                _ => {}
            }
        }
        state
    }
}

/// A port of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PortState {
    pub(crate) hairpin: bool,
    pub(crate) isolated: bool,
}

/// Parameters under `/proc/sys/net/ipv6/conf`, as a link's description carries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ipv6Settings {
    pub(crate) disabled: bool,
    pub(crate) accept_ra: i32,
    pub(crate) accept_dad: i32,
    pub(crate) keep_addr_on_down: i32,
}

impl LinkState {
    /// Where routes through it are that name no table.
    pub(crate) fn main_table(&self) -> u32 {
        self.vrf_table.unwrap_or(MAIN_TABLE)
    }

    /// How an operator would tell it from another of the same name.
    pub(crate) fn description(&self) -> String {
        let kind = if self.kind.is_empty() {
            "device"
        } else {
            &self.kind
        };
        match self.mac {
            Some(mac) => format!("{kind} {} ({mac})", self.name),
            None => format!("{kind} {}", self.name),
        }
    }
}

impl From<LinkMessage> for LinkState {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            promiscuous: flags.contains(LinkFlags::Promisc),
            all_multicast: flags.contains(LinkFlags::Allmulti),
            ..Self::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::TxQueueLen(length) => link.transmit_queue_length = length,
                LinkAttribute::Group(group) => link.group = group,
                LinkAttribute::Address(octets) => {
                    link.mac = octets.try_into().ok().map(MacAddress);
                }
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::Link(index) => link.lower = Some(index),
                LinkAttribute::LinkNetNsId(nsid) => link.lower_nsid = Some(nsid),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
                LinkAttribute::OperState(state) => link.operational = state == State::Up,
                LinkAttribute::LinkInfo(infos) => {
                    infos.into_iter().for_each(|info| link.info(info))
                }
                LinkAttribute::AfSpecUnspec(specs) => link.ipv6 = ipv6_settings(specs),
                _ => {}
            }
        }
        link
    }
}

impl LinkState {
    fn info(&mut self, info: LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = kind.to_string(),
            LinkInfo::Data(InfoData::Bridge(data)) => {
                for each in data {
                    match each {
                        InfoBridge::VlanFiltering(on) => self.vlan_filtering = on,
                        InfoBridge::NfCallIpTables(on) => self.filters_bridged.0 = on,
                        InfoBridge::NfCallIp6Tables(on) => self.filters_bridged.1 = on,
                        InfoBridge::VlanDefaultPvid(vlan) => self.default_vlan = Some(vlan),
                        _ => {}
                    }
                }
            }
            LinkInfo::Data(InfoData::MacVlan(data)) => {
                self.macvlan_mode = data.into_iter().find_map(|each| match each {
                    InfoMacVlan::Mode(mode) => Some(mode),
                    _ => None,
                });
            }
            LinkInfo::Data(InfoData::IpVlan(data)) => {
                self.ipvlan_mode = data.into_iter().find_map(|each| match each {
                    InfoIpVlan::Mode(mode) => Some(mode),
                    _ => None,
                });
            }
            LinkInfo::Data(InfoData::Vlan(data)) => {
                self.vlan_id = data.into_iter().find_map(|each| match each {
                    InfoVlan::Id(id) => Some(id),
                    _ => None,
                });
            }
            LinkInfo::Data(InfoData::Vrf(data))
            | LinkInfo::PortData(InfoPortData::VrfPort(data)) => {
                self.vrf_table = data.into_iter().find_map(|each| match each {
                    InfoVrf::TableId(table) => Some(table),
                    _ => None,
                });
            }
            LinkInfo::Data(InfoData::Tun(data)) => self.tun = TunState::read(data),
            LinkInfo::PortData(InfoPortData::BridgePort(data)) => {
                let mut port = PortState::default();
                for each in data {
                    match each {
                        InfoBridgePort::HairpinMode(on) => port.hairpin = on,
                        InfoBridgePort::Isolated(on) => port.isolated = on,
                        _ => {}
                    }
                }
                self.port = Some(port);
            }
            _ => {}
        }
    }
}

fn ipv6_settings(specs: Vec<AfSpecUnspec>) -> Option<Ipv6Settings> {
    let inet6 = specs.into_iter().find_map(|spec| match spec {
        AfSpecUnspec::Inet6(inet6) => Some(inet6),
        _ => None,
    })?;
    inet6.into_iter().find_map(|each| match each {
        AfSpecInet6::DevConf(settings) => Some(Ipv6Settings {
            disabled: settings.disable_ipv6 != 0,
            accept_ra: settings.accept_ra,
            accept_dad: settings.accept_dad,
            keep_addr_on_down: settings.keep_addr_on_down,
        }),
        _ => None,
    })
}

fn links(answers: Vec<RouteNetlinkMessage>) -> impl Iterator<Item = LinkState> {
    answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewLink(link) => Some(link.into()),
        _ => None,
    })
}

fn query(nsid: Option<i32>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
        .attributes
        .extend(nsid.map(LinkAttribute::IfNetnsId));
    message
}

/// The links of the socket's namespace, or with an nsid those of the namespace that the socket's knows by it
/// (`IFLA_TARGET_NETNSID`; EINVAL when it knows none).
impl RouteSocket {
    /// None when there is no such link.
    pub(crate) fn link(&self, name: &str) -> Result<Option<LinkState>, Refusal> {
        let mut message = query(None);
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.get_link(message)
    }

    /// None when there is no such link.
    pub(crate) fn link_by_index(
        &self,
        index: u32,
        nsid: Option<i32>,
    ) -> Result<Option<LinkState>, Refusal> {
        let mut message = query(nsid);
        message.header.index = index;
        self.get_link(message)
    }

    fn get_link(&self, message: LinkMessage) -> Result<Option<LinkState>, Refusal> {
        match self.request(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(answers) => Ok(links(answers).next()),
            Err(refusal) if refusal.errno == Errno::ENODEV => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    pub(crate) fn links(&self, nsid: Option<i32>) -> Result<Vec<LinkState>, Refusal> {
        self.dump(&RouteNetlinkMessage::GetLink(query(nsid)))
            .map(|answers| links(answers).collect())
    }

    /// Makes a link that must not exist; tells how it is, where the kernel says so (Linux 6.2).
    pub(crate) fn create_link(&self, message: LinkMessage) -> Result<Option<LinkState>, Refusal> {
        self.request(
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO,
        )
        .map(|answers| links(answers).next())
    }

    /// Makes a link that must not exist, in whichever namespace the message names.
    pub(crate) fn make_link(&self, message: LinkMessage) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map(drop)
    }

    /// Changes flags, names, aliases and the like.
    pub(crate) fn set_link(&self, message: LinkMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::SetLink(message), 0)
            .map(drop)
    }

    /// Changes what belongs to the link's kind (`IFLA_LINKINFO`).
    pub(crate) fn change_link(&self, message: LinkMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::NewLink(message), 0)
            .map(drop)
    }

    /// Returns when the link is gone.
    pub(crate) fn delete_link(&self, message: LinkMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelLink(message), 0)
            .map(drop)
    }
}
