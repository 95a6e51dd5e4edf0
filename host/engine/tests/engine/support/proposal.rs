use plan::{
    Addressing, BandwidthLimit, Dns, Family, FlowDirection, FlowRule, FlowVerdict,
    InterfaceAddress, LinkSide, MacAddress, Neighbour, PortMapping, PortRange, Proposal,
    ProposedLink, ProposedLinkKind, Route, RoutingRule, Sysctl, Transport,
};

/// One of everything.
pub(crate) fn proposal() -> Proposal {
    Proposal {
        links: vec![ProposedLink {
            name: "cni0".to_owned(),
            side: LinkSide::Host,
            kind: ProposedLinkKind::Bridge,
        }],
        addressing: Addressing {
            addresses: vec![InterfaceAddress {
                address: "fd00::5/64".parse().unwrap(),
                gateway: Some("fd00::1".parse().unwrap()),
            }],
            routes: vec![Route {
                destination: "10.9.0.0/16".parse().unwrap(),
                gateway: Some("10.1.0.1".parse().unwrap()),
                mtu: Some(1400),
                advmss: Some(1360),
                priority: Some(7),
                table: Some(100),
                scope: Some(253),
            }],
            dns: Dns {
                nameservers: vec!["10.1.0.53".to_owned()],
                domain: Some("cluster.local".to_owned()),
                search: vec!["svc.cluster.local".to_owned(), "cluster.local".to_owned()],
                options: vec!["ndots:5".to_owned()],
            },
        },
        mtu: Some(1450),
        mac: Some(MacAddress([2, 0, 0x5e, 0x10, 0xff, 1])),
        rules: vec![RoutingRule {
            family: Family::Ipv6,
            priority: Some(1000),
            source: Some("fd00::5/128".parse().unwrap()),
            destination: Some("fd01::/32".parse().unwrap()),
            table: 100,
        }],
        neighbours: vec![Neighbour {
            address: "10.1.0.1".parse().unwrap(),
            mac: MacAddress([2, 0, 0, 0, 0, 0xee]),
        }],
        sysctls: vec![Sysctl {
            name: "net.ipv4.tcp_rmem".to_owned(),
            value: "4096\t131072 6291456".to_owned(),
        }],
        port_forwards: vec![PortMapping {
            transport: Transport::Sctp,
            host_address: Some("fd02::1".parse().unwrap()),
            host_port: 8080,
            container_port: 80,
        }],
        bandwidth_limits: vec![BandwidthLimit {
            direction: FlowDirection::Egress,
            rate: 10_000_000_000,
            burst: 34_000_000_000,
        }],
        flow_rules: vec![FlowRule {
            direction: FlowDirection::Egress,
            verdict: FlowVerdict::Drop,
            peer: Some("10.0.0.0/8".parse().unwrap()),
            protocol: Some(17),
            ports: Some(PortRange {
                first: 1,
                last: 65535,
            }),
        }],
    }
}
