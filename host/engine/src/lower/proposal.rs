//! What was proposed so far.

use plan::{Family, FlowDirection, FlowVerdict, LinkSide, MacAddress, ProposedLinkKind, Transport};

use super::{address, network};
use crate::bindings::types;

pub(crate) fn mac(MacAddress([a, b, c, d, e, f]): MacAddress) -> types::MacAddress {
    (a, b, c, d, e, f)
}

pub(crate) fn link(link: &plan::ProposedLink) -> types::Link {
    types::Link {
        name: link.name.clone(),
        side: match link.side {
            LinkSide::Host => types::LinkSide::Host,
            LinkSide::Container => types::LinkSide::Container,
        },
        kind: match link.kind {
            ProposedLinkKind::Bridge => types::LinkKind::Bridge,
            ProposedLinkKind::Veth => types::LinkKind::Veth,
            ProposedLinkKind::Macvlan => types::LinkKind::Macvlan,
            ProposedLinkKind::Loopback => types::LinkKind::Loopback,
            ProposedLinkKind::Other => types::LinkKind::Other,
        },
    }
}

pub(crate) fn rule(rule: &plan::RoutingRule) -> types::RoutingRule {
    types::RoutingRule {
        family: family(rule.family),
        priority: rule.priority,
        source: rule.source.map(network),
        destination: rule.destination.map(network),
        table: rule.table,
    }
}

pub(crate) fn neighbour(entry: &plan::Neighbour) -> types::Neighbour {
    types::Neighbour {
        address: address(entry.address),
        mac: mac(entry.mac),
    }
}

pub(crate) fn sysctl(sysctl: &plan::Sysctl) -> types::Sysctl {
    types::Sysctl {
        name: sysctl.name.clone(),
        value: sysctl.value.clone(),
    }
}

pub(crate) fn port_mapping(mapping: &plan::PortMapping) -> types::PortMapping {
    types::PortMapping {
        transport: match mapping.transport {
            Transport::Tcp => types::Transport::Tcp,
            Transport::Udp => types::Transport::Udp,
            Transport::Sctp => types::Transport::Sctp,
        },
        host_address: mapping.host_address.map(address),
        host_port: mapping.host_port,
        container_port: mapping.container_port,
    }
}

pub(crate) fn bandwidth_limit(limit: &plan::BandwidthLimit) -> types::BandwidthLimit {
    types::BandwidthLimit {
        direction: direction(limit.direction),
        rate: limit.rate,
        burst: limit.burst,
    }
}

pub(crate) fn flow_rule(rule: &plan::FlowRule) -> types::FlowRule {
    types::FlowRule {
        direction: direction(rule.direction),
        verdict: match rule.verdict {
            FlowVerdict::Accept => types::FlowVerdict::Accept,
            FlowVerdict::Drop => types::FlowVerdict::Drop,
        },
        peer: rule.peer.map(network),
        protocol: rule.protocol,
        ports: rule.ports.map(|ports| types::PortRange {
            first: ports.first,
            last: ports.last,
        }),
    }
}

fn family(family: Family) -> types::IpFamily {
    match family {
        Family::Ipv4 => types::IpFamily::Ipv4,
        Family::Ipv6 => types::IpFamily::Ipv6,
    }
}

fn direction(direction: FlowDirection) -> types::FlowDirection {
    match direction {
        FlowDirection::Ingress => types::FlowDirection::Ingress,
        FlowDirection::Egress => types::FlowDirection::Egress,
    }
}
