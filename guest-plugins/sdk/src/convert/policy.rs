//! The types that only policy plugins use.

use ipnet::IpNet;

use crate::bindings::wasm_cni::plugin::types;
use crate::{
    BandwidthLimit, Failure, FlowDirection, FlowRule, FlowVerdict, IpFamily, Isolation, Link,
    LinkFlag, LinkKind, LinkSide, MacAddress, Neighbour, PacketCondition, PacketMatch, PortMapping,
    PortRange, RoutingRule, SourceNat, Sysctl, Transport,
};

/// Both ways between enums of the same cases.
macro_rules! same_cases {
    ($name:ident: $($case:ident),+) => {
        impl From<types::$name> for $name {
            fn from(value: types::$name) -> Self {
                match value {
                    $(types::$name::$case => Self::$case,)+
                }
            }
        }

        impl From<$name> for types::$name {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$case => Self::$case,)+
                }
            }
        }
    };
}

same_cases!(LinkSide: Host, Container);
same_cases!(LinkKind: Bridge, Veth, Macvlan, Loopback, Other);
same_cases!(LinkFlag: Promiscuous, AllMulticast);
same_cases!(IpFamily: Ipv4, Ipv6);
same_cases!(Transport: Tcp, Udp, Sctp);
same_cases!(SourceNat: Never, Local, Always);
same_cases!(FlowDirection: Ingress, Egress);
same_cases!(FlowVerdict: Accept, Drop);
same_cases!(Isolation: OtherNetworks, EveryAttachment);

fn network(network: Option<types::IpNetwork>) -> Result<Option<IpNet>, Failure> {
    network.map(IpNet::try_from).transpose()
}

impl From<MacAddress> for types::MacAddress {
    fn from(address: MacAddress) -> Self {
        address.0.into()
    }
}

impl From<types::MacAddress> for MacAddress {
    fn from(octets: types::MacAddress) -> Self {
        Self(octets.into())
    }
}

impl From<types::Link> for Link {
    fn from(link: types::Link) -> Self {
        Self {
            name: link.name,
            side: link.side.into(),
            kind: link.kind.into(),
        }
    }
}

impl From<RoutingRule> for types::RoutingRule {
    fn from(rule: RoutingRule) -> Self {
        Self {
            family: rule.family.into(),
            priority: rule.priority,
            source: rule.source.map(Into::into),
            destination: rule.destination.map(Into::into),
            table: rule.table,
        }
    }
}

impl TryFrom<types::RoutingRule> for RoutingRule {
    type Error = Failure;

    fn try_from(rule: types::RoutingRule) -> Result<Self, Failure> {
        Ok(Self {
            family: rule.family.into(),
            priority: rule.priority,
            source: network(rule.source)?,
            destination: network(rule.destination)?,
            table: rule.table,
        })
    }
}

impl From<Neighbour> for types::Neighbour {
    fn from(neighbour: Neighbour) -> Self {
        Self {
            address: neighbour.address.into(),
            mac: neighbour.mac.into(),
        }
    }
}

impl From<types::Neighbour> for Neighbour {
    fn from(neighbour: types::Neighbour) -> Self {
        Self {
            address: neighbour.address.into(),
            mac: neighbour.mac.into(),
        }
    }
}

impl From<types::Sysctl> for Sysctl {
    fn from(sysctl: types::Sysctl) -> Self {
        Self {
            name: sysctl.name,
            value: sysctl.value,
        }
    }
}

impl From<PortMapping> for types::PortMapping {
    fn from(mapping: PortMapping) -> Self {
        Self {
            transport: mapping.transport.into(),
            host_address: mapping.host_address.map(Into::into),
            host_port: mapping.host_port,
            container_port: mapping.container_port,
        }
    }
}

impl From<types::PortMapping> for PortMapping {
    fn from(mapping: types::PortMapping) -> Self {
        Self {
            transport: mapping.transport.into(),
            host_address: mapping.host_address.map(Into::into),
            host_port: mapping.host_port,
            container_port: mapping.container_port,
        }
    }
}

impl From<PacketCondition> for types::PacketCondition {
    fn from(condition: PacketCondition) -> Self {
        Self {
            family: condition.family.into(),
            negated: condition.negated,
            matches: match condition.matches {
                PacketMatch::Source(network) => types::PacketMatch::Source(network.into()),
                PacketMatch::Destination(network) => {
                    types::PacketMatch::Destination(network.into())
                }
                PacketMatch::InputInterface(name) => types::PacketMatch::InputInterface(name),
                PacketMatch::Mark(mark) => types::PacketMatch::Mark(types::PacketMark {
                    value: mark.value,
                    mask: mark.mask,
                }),
            },
        }
    }
}

impl From<BandwidthLimit> for types::BandwidthLimit {
    fn from(limit: BandwidthLimit) -> Self {
        Self {
            direction: limit.direction.into(),
            rate: limit.rate,
            burst: limit.burst,
        }
    }
}

impl From<types::BandwidthLimit> for BandwidthLimit {
    fn from(limit: types::BandwidthLimit) -> Self {
        Self {
            direction: limit.direction.into(),
            rate: limit.rate,
            burst: limit.burst,
        }
    }
}

impl From<FlowRule> for types::FlowRule {
    fn from(rule: FlowRule) -> Self {
        Self {
            direction: rule.direction.into(),
            verdict: rule.verdict.into(),
            peer: rule.peer.map(Into::into),
            protocol: rule.protocol,
            ports: rule.ports.map(|ports| types::PortRange {
                first: ports.first,
                last: ports.last,
            }),
        }
    }
}

impl TryFrom<types::FlowRule> for FlowRule {
    type Error = Failure;

    fn try_from(rule: types::FlowRule) -> Result<Self, Failure> {
        Ok(Self {
            direction: rule.direction.into(),
            verdict: rule.verdict.into(),
            peer: network(rule.peer)?,
            protocol: rule.protocol,
            ports: rule.ports.map(|ports| PortRange {
                first: ports.first,
                last: ports.last,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PacketMark;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn what_goes_both_ways_survives_the_way_there_and_back() {
        let rule = RoutingRule {
            family: IpFamily::Ipv6,
            priority: Some(5),
            source: Some(net("fd00::2/128")),
            destination: None,
            table: 100,
        };
        assert_eq!(types::RoutingRule::from(rule).try_into(), Ok(rule));
        let neighbour = Neighbour {
            address: net("10.1.0.1/32").addr(),
            mac: MacAddress([2, 0, 0x5e, 0x10, 0, 1]),
        };
        assert_eq!(
            Neighbour::from(types::Neighbour::from(neighbour)),
            neighbour
        );
        let mapping = PortMapping {
            transport: Transport::Sctp,
            host_address: Some(net("::1/128").addr()),
            host_port: 8080,
            container_port: 80,
        };
        assert_eq!(
            PortMapping::from(types::PortMapping::from(mapping)),
            mapping
        );
        let limit = BandwidthLimit {
            direction: FlowDirection::Egress,
            rate: 1,
            burst: 2,
        };
        assert_eq!(
            BandwidthLimit::from(types::BandwidthLimit::from(limit)),
            limit
        );
        let flow = FlowRule {
            direction: FlowDirection::Ingress,
            verdict: FlowVerdict::Drop,
            peer: Some(net("10.0.0.0/8")),
            protocol: Some(6),
            ports: Some(PortRange {
                first: 80,
                last: 443,
            }),
        };
        assert_eq!(types::FlowRule::from(flow).try_into(), Ok(flow));
    }

    #[test]
    fn conditions_keep_what_they_look_for() {
        let lower = |matches| {
            types::PacketCondition::from(crate::PacketCondition {
                family: IpFamily::Ipv4,
                negated: true,
                matches,
            })
        };
        let network = lower(PacketMatch::Destination(net("10.0.0.0/8")));
        assert!(network.negated);
        assert!(matches!(
            network.matches,
            types::PacketMatch::Destination(types::IpNetwork {
                address: types::IpAddress::Ipv4((10, 0, 0, 0)),
                prefix_length: 8
            })
        ));
        let source = lower(PacketMatch::Source(net("10.0.0.0/8")));
        assert!(matches!(source.matches, types::PacketMatch::Source(_)));
        let input = lower(PacketMatch::InputInterface("eth+".to_owned()));
        assert!(
            matches!(input.matches, types::PacketMatch::InputInterface(name) if name == "eth+")
        );
        let mark = lower(PacketMatch::Mark(PacketMark { value: 1, mask: 3 }));
        assert!(matches!(
            mark.matches,
            types::PacketMatch::Mark(types::PacketMark { value: 1, mask: 3 })
        ));
    }

    #[test]
    fn an_impossible_prefix_from_the_host_is_an_error() {
        let impossible = types::IpNetwork {
            address: types::IpAddress::Ipv4((10, 0, 0, 1)),
            prefix_length: 33,
        };
        assert!(matches!(
            FlowRule::try_from(types::FlowRule {
                direction: types::FlowDirection::Ingress,
                verdict: types::FlowVerdict::Accept,
                peer: Some(impossible),
                protocol: None,
                ports: None,
            }),
            Err(Failure::Other(_))
        ));
    }
}
