use super::*;
use crate::testing::{Change, ProposalState};
use crate::{
    BandwidthLimit, Changes, FlowDirection, FlowRule, FlowVerdict, InterfaceAddress, IpFamily,
    Isolation, Link, LinkFlag, LinkKind, LinkSide, MacAddress, Neighbour, PacketCondition,
    PacketMatch, Policy, PolicyHost, PortMapping, Proposal, Route, RoutingRule, SourceNat, Sysctl,
    Transport,
};

/// Counts its attachments; the configuration is `"fail"`, `"deny"` or anything else.
struct Count(String);

impl Policy for Count {
    fn configure(config: &str) -> Result<Self, Failure> {
        Ok(Self(config.to_owned()))
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        host.set(Scope::Attachment, "seen", b"")?;
        host.set(Scope::Durable, "last", b"")?;
        host.set_mtu(u32::try_from(host.count(Scope::Attachment, "seen")?).unwrap());
        match self.0.as_str() {
            "fail" => Err(Failure::Other("as configured".to_owned())),
            "deny" => {
                host.deny("as configured");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        match host.set(Scope::Attachment, "checked", b"") {
            Err(StorageError::ReadOnly) => {}
            other => panic!("{other:?}"),
        }
        match host.get(Scope::Attachment, "seen")? {
            Some(_) if host.mtu().is_some() => Ok(()),
            _ => Err(Failure::Other("not as it was left".to_owned())),
        }
    }

    fn status(&self, host: &impl PolicyHost) -> Result<(), Failure> {
        host.log(Level::Info, &host.now().as_secs().to_string());
        match host.count(Scope::Attachment, "seen")? {
            0 => Ok(()),
            _ => Err(Failure::Exhausted("one is enough".to_owned())),
        }
    }
}

fn amend(node: &Node, config: &str, name: &str) -> Result<Vec<Change>, Failure> {
    node.amend::<Count>(config, &pod(name), &ProposalState::new())
}

#[test]
fn stages_count_over_attachments_until_these_are_released() {
    let node = Node::new();
    assert_eq!(amend(&node, "", "a"), Ok(vec![Change::SetMtu(1)]));
    assert_eq!(amend(&node, "", "b"), Ok(vec![Change::SetMtu(2)]));
    assert_eq!(amend(&node, "", "b"), Ok(vec![Change::SetMtu(2)]));
    node.release::<Count>("", &pod("a")).unwrap();
    assert_eq!(amend(&node, "", "c"), Ok(vec![Change::SetMtu(2)]));
}

#[test]
fn neither_a_failed_nor_a_refused_add_leaves_values_behind() {
    let node = Node::new();
    assert!(amend(&node, "fail", "a").is_err());
    assert_eq!(
        amend(&node, "deny", "a"),
        Ok(vec![
            Change::SetMtu(1),
            Change::Deny("as configured".to_owned())
        ])
    );
    let call = node.call(&pod("a"));
    assert_eq!(call.get(Scope::Attachment, "seen"), Ok(None));
    assert_eq!(call.get(Scope::Durable, "last"), Ok(None));
}

#[test]
fn check_reads_what_was_applied_and_status_the_whole_network() {
    let node = Node::new();
    node.set_time(Duration::from_secs(7));
    assert_eq!(node.status_policy::<Count>("", "pods"), Ok(()));
    assert_eq!(node.log(), [(Level::Info, "7".to_owned())]);
    let changes = amend(&node, "", "a").unwrap();
    let check = |name, proposal| node.check_policy::<Count>("", &pod(name), &proposal);
    assert_eq!(check("a", ProposalState::new().after(&changes)), Ok(()));
    assert!(check("a", ProposalState::new()).is_err());
    assert!(check("b", ProposalState::new().after(&changes)).is_err());
    assert!(node.status_policy::<Count>("", "pods").is_err());
    assert_eq!(node.status_policy::<Count>("", "others"), Ok(()));
}

fn net(text: &str) -> ipnet::IpNet {
    text.parse().unwrap()
}

fn route(destination: &str, gateway: &str, table: Option<u32>) -> Route {
    Route {
        destination: net(destination),
        gateway: Some(ip(gateway)),
        mtu: None,
        advmss: None,
        priority: None,
        table,
        scope: None,
    }
}

#[test]
fn every_change_is_recorded_in_its_order_and_shown_to_the_next_stage() {
    let node = Node::new();
    let host = node.policy_call(&pod("a"), &ProposalState::bridged());
    let address = InterfaceAddress::new(ip("10.2.0.2"), 16, None).unwrap();
    let rule = RoutingRule {
        family: IpFamily::Ipv4,
        priority: Some(5),
        source: Some(net("10.2.0.2/32")),
        destination: None,
        table: 100,
    };
    let mac = MacAddress([2, 0, 0, 0, 0, 9]);
    let neighbour = Neighbour {
        address: ip("10.2.0.1"),
        mac,
    };
    let dns = Dns {
        nameservers: vec!["10.2.0.1".to_owned()],
        ..Dns::default()
    };
    let mapping = PortMapping {
        transport: Transport::Tcp,
        host_address: None,
        host_port: 8080,
        container_port: 80,
    };
    let condition = PacketCondition {
        family: IpFamily::Ipv4,
        negated: true,
        matches: PacketMatch::Source(net("10.9.0.0/16")),
    };
    let limit = BandwidthLimit {
        direction: FlowDirection::Egress,
        rate: 1000,
        burst: 1000,
    };
    let flow = FlowRule {
        direction: FlowDirection::Ingress,
        verdict: FlowVerdict::Drop,
        peer: None,
        protocol: None,
        ports: None,
    };
    let sysctl = |value: &str| Sysctl {
        name: "net.core.somaxconn".to_owned(),
        value: value.to_owned(),
    };
    host.deny("no");
    host.add_address(address);
    host.remove_address(ip("10.1.0.2"));
    host.add_route(route("10.3.0.0/16", "10.2.0.1", None));
    host.remove_route(net("0.0.0.0/0"), None, None);
    host.add_rule(rule);
    host.add_neighbour(neighbour);
    host.set_mtu(1400);
    host.set_mac(mac);
    host.set_resolver(dns.clone());
    host.set_sysctl("net.core.somaxconn", "1");
    host.set_sysctl("net.core.somaxconn", "2");
    host.set_link_flag(LinkFlag::Promiscuous, true);
    host.set_transmit_queue_length(10);
    host.forward_ports(
        &[mapping],
        SourceNat::Local,
        13,
        std::slice::from_ref(&condition),
    );
    host.limit_bandwidth(limit);
    host.add_flow(flow);
    host.deny_flows_by_default(FlowDirection::Egress);
    host.isolate(Isolation::OtherNetworks);
    host.pass_host_firewall();
    host.masquerade(&[net("10.0.0.0/8")]);
    host.join_vrf("red", Some(10));
    let changes = host.changes();
    assert_eq!(
        changes,
        [
            Change::Deny("no".to_owned()),
            Change::AddAddress(address),
            Change::RemoveAddress(ip("10.1.0.2")),
            Change::AddRoute(route("10.3.0.0/16", "10.2.0.1", None)),
            Change::RemoveRoute {
                destination: net("0.0.0.0/0"),
                gateway: None,
                table: None
            },
            Change::AddRule(rule),
            Change::AddNeighbour(neighbour),
            Change::SetMtu(1400),
            Change::SetMac(mac),
            Change::SetResolver(dns.clone()),
            Change::SetSysctl(sysctl("1")),
            Change::SetSysctl(sysctl("2")),
            Change::SetLinkFlag(LinkFlag::Promiscuous, true),
            Change::SetTransmitQueueLength(10),
            Change::ForwardPorts {
                mappings: vec![mapping],
                source_nat: SourceNat::Local,
                mark_bit: 13,
                conditions: vec![condition],
            },
            Change::LimitBandwidth(limit),
            Change::AddFlow(flow),
            Change::DenyFlowsByDefault(FlowDirection::Egress),
            Change::Isolate(Isolation::OtherNetworks),
            Change::PassHostFirewall,
            Change::Masquerade(vec![net("10.0.0.0/8")]),
            Change::JoinVrf {
                name: "red".to_owned(),
                table: Some(10)
            },
        ]
    );

    let next = node.policy_call(&pod("a"), &ProposalState::bridged().after(&changes));
    assert_eq!(next.addresses(), [address]);
    assert_eq!(next.routes(), [route("10.3.0.0/16", "10.2.0.1", None)]);
    assert_eq!(next.resolver(), dns);
    assert_eq!((next.mtu(), next.mac()), (Some(1400), Some(mac)));
    assert_eq!(next.rules(), [rule]);
    assert_eq!(next.neighbours(), [neighbour]);
    assert_eq!(next.sysctls(), [sysctl("2")]);
    assert_eq!(next.port_forwards(), [mapping]);
    assert_eq!(next.bandwidth_limits(), [limit]);
    assert_eq!(next.flow_rules(), [flow]);
    assert_eq!(
        next.links().last(),
        Some(&Link {
            name: "eth0".to_owned(),
            side: LinkSide::Container,
            kind: LinkKind::Veth
        })
    );
}

#[test]
fn a_route_is_removed_by_destination_gateway_and_table() {
    let state = ProposalState {
        routes: vec![
            route("10.0.0.0/8", "10.1.0.1", None),
            route("10.0.0.0/8", "10.1.0.2", Some(254)),
            route("10.0.0.0/8", "10.1.0.1", Some(100)),
            route("10.0.0.0/9", "10.1.0.1", None),
        ],
        ..ProposalState::default()
    };
    let left = |gateway: Option<&str>, table| {
        let change = Change::RemoveRoute {
            destination: net("10.0.0.0/8"),
            gateway: gateway.map(ip),
            table,
        };
        state.clone().after(&[change]).routes.len()
    };
    assert_eq!(left(None, None), 2);
    assert_eq!(left(Some("10.1.0.1"), None), 3);
    assert_eq!(left(Some("10.1.0.1"), Some(254)), 3);
    assert_eq!(left(None, Some(100)), 3);
    assert_eq!(left(Some("10.1.0.9"), None), 4);
}
