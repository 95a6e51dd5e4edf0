//! What a plugin proposes as the host's changes.
//!
//! What is checked here is what the host's types take for granted: prefixes, networks without host bits, ranges that are
//! none, texts that are safe to show, lists of bounded length. Whether a well-formed change makes sense (an MTU's range, a
//! rate of 0, families that fit) is judged with the whole chain at hand, by `plan::Merge`.

use plan::{
    BandwidthLimit, Change, Family, FlowDirection, FlowRule, FlowVerdict, Isolation, LinkFlag,
    MacAddress, Neighbour, PacketCondition, PacketMatch, PortForwarding, PortMapping, PortRange,
    RouteSelector, RoutingRule, SourceNat, Sysctl, Transport,
};

use super::{
    LONGEST_FAILURE, address, at_most, gateway, interface_address, without_host_bits, word,
};
use crate::bindings::types;
use crate::outcome::Malformed;
use crate::text;

const MOST_MAPPINGS: usize = 1024;
const MOST_CONDITIONS: usize = 64;
const MOST_EXCLUDED: usize = 256;
/// `IFNAMSIZ` less the zero.
const LONGEST_NAME: usize = 15;
/// A wildcard may follow.
const LONGEST_NAME_PATTERN: usize = LONGEST_NAME + 1;
/// More than any name below `/proc/sys/net` with an interface's name in it has.
const LONGEST_SYSCTL_NAME: usize = 256;
/// A page less a zero: what the kernel's handlers read of one write.
const LONGEST_SYSCTL_VALUE: usize = 4095;
/// The text is for people, so it is cut and made printable like a failure's.
pub(crate) fn refusal(reason: &str) -> Change {
    Change::Deny {
        reason: text::printable(text::head(reason, LONGEST_FAILURE)).into_owned(),
    }
}

pub(crate) fn add_address(given: types::InterfaceAddress) -> Result<Change, Malformed> {
    interface_address(given).map(Change::AddAddress)
}

pub(crate) fn remove_address(given: types::IpAddress) -> Change {
    Change::RemoveAddress {
        address: address(given),
    }
}

pub(crate) fn add_route(route: types::Route) -> Result<Change, Malformed> {
    super::route(route).map(Change::AddRoute)
}

pub(crate) fn remove_route(
    destination: types::IpNetwork,
    via: Option<types::IpAddress>,
    table: Option<u32>,
) -> Result<Change, Malformed> {
    let destination = without_host_bits(destination)?;
    Ok(Change::RemoveRoute(RouteSelector {
        destination,
        gateway: gateway(via, destination)?,
        table,
    }))
}

pub(crate) fn rule(rule: types::RoutingRule) -> Result<Change, Malformed> {
    Ok(Change::AddRule(RoutingRule {
        family: family(rule.family),
        priority: rule.priority,
        source: rule.source.map(without_host_bits).transpose()?,
        destination: rule.destination.map(without_host_bits).transpose()?,
        table: rule.table,
    }))
}

pub(crate) fn neighbour(entry: types::Neighbour) -> Change {
    Change::AddNeighbour(Neighbour {
        address: address(entry.address),
        mac: mac_address(entry.mac),
    })
}

pub(crate) fn mac(address: types::MacAddress) -> Change {
    Change::SetMac {
        mac: mac_address(address),
    }
}

pub(crate) fn dns(dns: types::Dns) -> Result<Change, Malformed> {
    super::dns(dns).map(Change::SetDns)
}

pub(crate) fn sysctl(sysctl: types::Sysctl) -> Result<Change, Malformed> {
    let name = word(sysctl.name, "a sysctl's name", LONGEST_SYSCTL_NAME)?;
    let (what, value) = ("a sysctl's value", sysctl.value);
    if value.len() > LONGEST_SYSCTL_VALUE {
        return Err(Malformed::TooLong {
            what,
            length: value.len(),
            limit: LONGEST_SYSCTL_VALUE,
        });
    }
    let is_safe = |character| character == '\t' || text::is_printable(character);
    if !value.chars().all(is_safe) {
        return Err(Malformed::Control { what, text: value });
    }
    Ok(Change::SetSysctl(Sysctl { name, value }))
}

pub(crate) fn link_flag(flag: types::LinkFlag, on: bool) -> Change {
    let flag = match flag {
        types::LinkFlag::Promiscuous => LinkFlag::Promiscuous,
        types::LinkFlag::AllMulticast => LinkFlag::AllMulticast,
    };
    Change::SetLinkFlag { flag, on }
}

pub(crate) fn port_forwarding(
    mappings: Vec<types::PortMapping>,
    source_nat: types::SourceNat,
    mark_bit: u8,
    conditions: Vec<types::PacketCondition>,
) -> Result<Change, Malformed> {
    at_most(mappings.len(), "port mappings", MOST_MAPPINGS)?;
    at_most(conditions.len(), "conditions", MOST_CONDITIONS)?;
    let conditions = conditions.into_iter().map(packet_condition);
    Ok(Change::ForwardPorts(PortForwarding {
        mappings: mappings.into_iter().map(port_mapping).collect(),
        source_nat: match source_nat {
            types::SourceNat::Never => SourceNat::Never,
            types::SourceNat::Local => SourceNat::Local,
            types::SourceNat::Always => SourceNat::Always,
        },
        mark_bit,
        conditions: conditions.collect::<Result<_, _>>()?,
    }))
}

pub(crate) fn bandwidth_limit(limit: types::BandwidthLimit) -> Change {
    Change::LimitBandwidth(BandwidthLimit {
        direction: direction(limit.direction),
        rate: limit.rate,
        burst: limit.burst,
    })
}

pub(crate) fn flow_rule(rule: types::FlowRule) -> Result<Change, Malformed> {
    Ok(Change::AddFlow(FlowRule {
        direction: direction(rule.direction),
        verdict: match rule.verdict {
            types::FlowVerdict::Accept => FlowVerdict::Accept,
            types::FlowVerdict::Drop => FlowVerdict::Drop,
        },
        peer: rule.peer.map(without_host_bits).transpose()?,
        protocol: rule.protocol,
        ports: rule.ports.map(port_range).transpose()?,
    }))
}

pub(crate) fn deny_by_default(given: types::FlowDirection) -> Change {
    Change::DenyFlowsByDefault {
        direction: direction(given),
    }
}

pub(crate) fn isolate(isolation: types::Isolation) -> Change {
    Change::Isolate {
        isolation: match isolation {
            types::Isolation::OtherNetworks => Isolation::OtherNetworks,
            types::Isolation::EveryAttachment => Isolation::EveryAttachment,
        },
    }
}

pub(crate) fn masquerade(exclude: Vec<types::IpNetwork>) -> Result<Change, Malformed> {
    at_most(exclude.len(), "excluded networks", MOST_EXCLUDED)?;
    let exclude = exclude.into_iter().map(without_host_bits);
    Ok(Change::Masquerade {
        exclude: exclude.collect::<Result<_, _>>()?,
    })
}

pub(crate) fn vrf(name: String, table: Option<u32>) -> Result<Change, Malformed> {
    Ok(Change::JoinVrf {
        name: word(name, "a VRF's name", LONGEST_NAME)?,
        table,
    })
}

fn port_mapping(mapping: types::PortMapping) -> PortMapping {
    PortMapping {
        transport: match mapping.transport {
            types::Transport::Tcp => Transport::Tcp,
            types::Transport::Udp => Transport::Udp,
            types::Transport::Sctp => Transport::Sctp,
        },
        host_address: mapping.host_address.map(address),
        host_port: mapping.host_port,
        container_port: mapping.container_port,
    }
}

fn packet_condition(condition: types::PacketCondition) -> Result<PacketCondition, Malformed> {
    Ok(PacketCondition {
        family: family(condition.family),
        negated: condition.negated,
        matches: match condition.matches {
            types::PacketMatch::Source(source) => PacketMatch::Source(without_host_bits(source)?),
            types::PacketMatch::Destination(to) => PacketMatch::Destination(without_host_bits(to)?),
            types::PacketMatch::InputInterface(name) => PacketMatch::InputInterface(word(
                name,
                "an interface's name",
                LONGEST_NAME_PATTERN,
            )?),
            types::PacketMatch::Mark(types::PacketMark { value, mask }) => {
                PacketMatch::Mark { value, mask }
            }
        },
    })
}

fn port_range(types::PortRange { first, last }: types::PortRange) -> Result<PortRange, Malformed> {
    if first > last {
        return Err(Malformed::PortRange { first, last });
    }
    Ok(PortRange { first, last })
}

fn mac_address((a, b, c, d, e, f): types::MacAddress) -> MacAddress {
    MacAddress([a, b, c, d, e, f])
}

fn family(family: types::IpFamily) -> Family {
    match family {
        types::IpFamily::Ipv4 => Family::Ipv4,
        types::IpFamily::Ipv6 => Family::Ipv6,
    }
}

fn direction(direction: types::FlowDirection) -> FlowDirection {
    match direction {
        types::FlowDirection::Ingress => FlowDirection::Ingress,
        types::FlowDirection::Egress => FlowDirection::Egress,
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
