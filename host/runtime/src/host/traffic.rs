use std::net::{IpAddr, SocketAddr};

use kernel::Linux;
use plan::{
    ConnectionZone, Family, FlowDirection, FlowRule, FlowVerdict, Flows, ForwardTag,
    HostFirewallPass, IfbDevice, IsolatedAddresses, Isolation, MacAddress, PortForward,
    PortForwardChain, PortForwards, PortRange, Redirect, RoutingRule, RoutingRules, SourceNat,
    Step, TokenBucket, Transport, VrfMembership,
};

use super::features::{Feature, attempt};
use super::links::{BRIDGE, attachment};

const NETWORK: &str = "probe";
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 0, 2));
/// As the reference portmap's.
const MARK_BIT: u8 = 13;

/// Does what the built-in stages do, for the container of the first link.
pub(super) fn probe(kernel: &mut Linux) -> Vec<Feature> {
    [
        ("stage portmap", port_forwards(Transport::Tcp, None)),
        ("stage portmap for UDP", datagrams()),
        ("stage bandwidth", shaping()),
        ("stage firewall", firewall()),
        ("stage flow-policy", flows()),
        ("stage sbr", rules()),
        ("stage vrf", vrf()),
        // A key of firewall, and of flow-policy on a bridge.
        ("filtering between ports of one bridge", bridge_filter()),
    ]
    .into_iter()
    .map(|(name, steps)| attempt(name, kernel, &steps))
    .collect()
}

fn vrf() -> Vec<Step> {
    vec![Step::JoinVrf(VrfMembership {
        interface: attachment(0).interface_name,
        vrf: "probe-vrf".into(),
        table: None,
        mac: MacAddress::from_seed(NETWORK.as_bytes()),
        routes: Vec::new(),
    })]
}

fn port_forwards(transport: Transport, zone: Option<ConnectionZone>) -> Vec<Step> {
    let tag = ForwardTag::of(NETWORK, SourceNat::Local, MARK_BIT, &[]);
    let forward = PortForward {
        transport,
        host_address: None,
        host_port: 8080,
        target: SocketAddr::new(ADDRESS, 80),
        zone,
    };
    vec![
        Step::RouteLocalnet {
            link: BRIDGE.into(),
        },
        Step::PortForwardChain(PortForwardChain {
            tag,
            network: NETWORK.into(),
            subnets: Vec::new(),
            source_nat: SourceNat::Local,
            mark_bit: MARK_BIT,
            conditions: Vec::new(),
        }),
        Step::PortForwards(PortForwards {
            tag,
            forwards: vec![forward],
        }),
    ]
}

fn datagrams() -> Vec<Step> {
    let mut steps = vec![Step::ConnectionZones {}];
    let zone = ConnectionZone::of_group(0);
    steps.extend(port_forwards(Transport::Udp, Some(zone)));
    steps
}

/// Bits and bits a second, as the reference bandwidth's.
fn shaping() -> Vec<Step> {
    let bucket = |link: &str| {
        Step::TokenBucket(TokenBucket {
            link: link.into(),
            rate: 10_000_000,
            burst: 1_000_000,
        })
    };
    let port = attachment(0).host_interface_name();
    let ifb = "probeifb";
    vec![
        bucket(&port),
        Step::Ifb(IfbDevice {
            name: ifb.into(),
            mac: MacAddress([2, 0, 0, 0, 9, 0]),
            mtu: None,
            group: 1,
            alias: String::new(),
        }),
        Step::Redirect(Redirect {
            link: port,
            target: ifb.into(),
        }),
        bucket(ifb),
    ]
}

fn firewall() -> Vec<Step> {
    vec![
        Step::FlowTable {},
        Step::HostFirewallAccept {},
        Step::HostFirewallPass(HostFirewallPass {
            addresses: vec![ADDRESS],
        }),
        Step::Isolation(IsolatedAddresses {
            addresses: vec![ADDRESS],
            link: BRIDGE.into(),
            isolation: Isolation::OtherNetworks,
        }),
    ]
}

fn flows() -> Vec<Step> {
    let rule = FlowRule {
        direction: FlowDirection::Ingress,
        verdict: FlowVerdict::Accept,
        peer: None,
        protocol: Some(Transport::Tcp.number()),
        ports: Some(PortRange {
            first: 80,
            last: 90,
        }),
    };
    vec![
        Step::FlowTable {},
        Step::Flows(Flows {
            addresses: vec![ADDRESS],
            rules: vec![rule],
            deny_by_default: vec![FlowDirection::Ingress],
        }),
    ]
}

fn rules() -> Vec<Step> {
    vec![Step::RoutingRules(RoutingRules {
        rules: vec![RoutingRule {
            family: Family::Ipv4,
            priority: None,
            source: Some(ADDRESS.into()),
            destination: None,
            table: 100,
        }],
    })]
}

fn bridge_filter() -> Vec<Step> {
    vec![Step::BridgeFilter {
        bridge: BRIDGE.into(),
        ours: true,
    }]
}
