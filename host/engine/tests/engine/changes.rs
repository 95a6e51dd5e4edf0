//! What a policy is shown and what it proposes arrives as it was meant.

use engine::Limits;
use plan::{
    Change, FlowDirection, Isolation, LinkFlag, PacketCondition, PacketMatch, PortForwarding,
    RouteSelector, SourceNat,
};

use crate::support::{Guest, amend, policy, proposal};

/// What `amend` proposes that does this with one interface; `function` has these parameters.
fn proposed(interface: &str, function: &str, parameters: &str, body: &str) -> Vec<Change> {
    let guest = proposing(interface, function, parameters, body);
    amend(&policy(&guest, &[interface], Limits::default())).unwrap()
}

fn proposing(interface: &str, function: &str, parameters: &str, body: &str) -> Guest {
    let interface = format!("wasm-cni:plugin/{interface}@0.1.0");
    let ty = format!("(param {parameters})");
    Guest::amending(body).import(&interface, function, &ty)
}

/// What comes back when the proposal's `part` is read to 2048 and proposed again by `body`. Of a list, the local 1 points to
/// the first entry.
fn echoed(
    part: &str,
    interface: &str,
    function: &str,
    parameters: &str,
    body: &str,
) -> Vec<Change> {
    let body = format!(
        "(local i32) (call ${part} (i32.const 2048)) (local.set 1 (i32.load (i32.const 2048))) {body}"
    );
    let guest = proposing(interface, function, parameters, &body).import(
        "wasm-cni:plugin/proposal@0.1.0",
        part,
        "(param i32)",
    );
    amend(&policy(&guest, &[interface], Limits::default())).unwrap()
}

/// The same for a list whose entries are handed over by their address.
fn echoed_entry(part: &str, interface: &str) -> Vec<Change> {
    echoed(part, interface, "add", "i32", "(call $add (local.get 1))")
}

/// Loads of single bytes behind local 1, from this offset on.
fn bytes(from: usize, count: usize) -> String {
    let load = |at| format!("(i32.load8_u offset={at} (local.get 1))");
    (from..from + count).map(load).collect()
}

/// Loads of words from this address on.
fn words(from: usize, count: usize) -> String {
    let load = |at| format!("(i32.load (i32.const {at}))");
    (0..count).map(|word| load(from + 4 * word)).collect()
}

#[test]
fn addresses_routes_and_rules_go_there_and_back() {
    let shown = proposal();
    let address = shown.addressing.addresses[0].clone();
    assert_eq!(
        echoed_entry("addresses", "address"),
        [Change::AddAddress(address)]
    );
    let route = shown.addressing.routes[0].clone();
    assert_eq!(echoed_entry("routes", "route"), [Change::AddRoute(route)]);
    let rule = shown.rules[0].clone();
    assert_eq!(echoed_entry("rules", "rule"), [Change::AddRule(rule)]);
}

#[test]
fn flow_rules_go_there_and_back() {
    let rule = proposal().flow_rules[0];
    assert_eq!(echoed_entry("flow-rules", "flow"), [Change::AddFlow(rule)]);
}

#[test]
fn neighbours_go_there_and_back() {
    // An IPv4 address: the case, four octets and what only IPv6 fills.
    let body = format!(
        "(call $add {} {} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) {})",
        bytes(0, 1),
        bytes(2, 4),
        bytes(18, 6)
    );
    let parameters = "i32 ".repeat(15);
    let echo = echoed("neighbours", "neighbour", "add", &parameters, &body);
    assert_eq!(echo, [Change::AddNeighbour(proposal().neighbours[0])]);
}

#[test]
fn resolver_settings_go_there_and_back() {
    let body = format!(
        "(call $set {} (i32.load8_u (i32.const 2056)) {})",
        words(2048, 2),
        words(2060, 6)
    );
    let echo = echoed("resolver", "dns", "set", &"i32 ".repeat(9), &body);
    assert_eq!(echo, [Change::SetDns(proposal().addressing.dns)]);
}

#[test]
fn mtu_and_ethernet_address_go_there_and_back() {
    let body = "(call $set (i32.load (i32.const 2052)))";
    let echo = echoed("mtu", "mtu", "set", "i32", body);
    assert_eq!(echo, [Change::SetMtu { mtu: 1450 }]);
    let body = format!("(local.set 1 (i32.const 2049)) (call $set {})", bytes(0, 6));
    let echo = echoed("mac", "mac", "set", &"i32 ".repeat(6), &body);
    let mac = proposal().mac.unwrap();
    assert_eq!(echo, [Change::SetMac { mac }]);
}

#[test]
fn sysctls_go_there_and_back() {
    let load = |offset| format!("(i32.load offset={offset} (local.get 1))");
    let body = format!("(call $set {})", [0, 4, 8, 12].map(load).concat());
    let echo = echoed("sysctls", "sysctl", "set", "i32 i32 i32 i32", &body);
    assert_eq!(echo, [Change::SetSysctl(proposal().sysctls[0].clone())]);
}

#[test]
fn rates_go_there_and_back() {
    let body = format!(
        "(call $limit {} (i64.load offset=8 (local.get 1)) (i64.load offset=16 (local.get 1)))",
        bytes(0, 1)
    );
    let echo = echoed(
        "bandwidth-limits",
        "bandwidth",
        "limit",
        "i32 i64 i64",
        &body,
    );
    let limit = proposal().bandwidth_limits[0];
    assert_eq!(echo, [Change::LimitBandwidth(limit)]);
}

#[test]
fn forwarded_ports_go_there_and_back_with_their_conditions() {
    // Two conditions: not from 10.0.0.0/8, and IPv6 with mark 1 under mask 3.
    let body = format!(
        "(i32.store8 (i32.const 3001) (i32.const 1))
         (i32.store8 (i32.const 3010) (i32.const 10))
         (i32.store8 (i32.const 3026) (i32.const 8))
         (i32.store8 (i32.const 3028) (i32.const 1))
         (i32.store8 (i32.const 3032) (i32.const 3))
         (i32.store (i32.const 3036) (i32.const 1))
         (i32.store (i32.const 3040) (i32.const 3))
         (call $forward {} (i32.const 1) (i32.const 13) (i32.const 3000) (i32.const 2))",
        words(2048, 2)
    );
    let parameters = "i32 ".repeat(6);
    let echo = echoed(
        "port-forwards",
        "port-forward",
        "forward",
        &parameters,
        &body,
    );
    let forwarding = PortForwarding {
        mappings: proposal().port_forwards,
        source_nat: SourceNat::Local,
        mark_bit: 13,
        conditions: vec![
            PacketCondition {
                family: plan::Family::Ipv4,
                negated: true,
                matches: PacketMatch::Source("10.0.0.0/8".parse().unwrap()),
            },
            PacketCondition {
                family: plan::Family::Ipv6,
                negated: false,
                matches: PacketMatch::Mark { value: 1, mask: 3 },
            },
        ],
    };
    assert_eq!(echo, [Change::ForwardPorts(forwarding)]);
}

#[test]
fn links_are_shown() {
    // Its name as the reason of a refusal.
    let body = "(call $refuse (i32.load (local.get 1)) (i32.load offset=4 (local.get 1)))";
    let echo = echoed("links", "deny", "refuse", "i32 i32", body);
    let reason = "cni0".to_owned();
    assert_eq!(echo, [Change::Deny { reason }]);
}

#[test]
fn what_is_removed_is_named() {
    let body = "(i32.const 0) (i32.const 10) (i32.const 1) (i32.const 0) (i32.const 5)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (call $remove)";
    let address = [10, 1, 0, 5].into();
    assert_eq!(
        proposed("address", "remove", &"i32 ".repeat(9), body),
        [Change::RemoveAddress { address }]
    );
    // 10.0.0.0/8 through whatever, in table 100.
    let body = "(i32.store8 (i32.const 2050) (i32.const 10))
        (i32.store8 (i32.const 2066) (i32.const 8))
        (i32.store8 (i32.const 2088) (i32.const 1))
        (i32.store (i32.const 2092) (i32.const 100))
        (call $remove (i32.const 2048))";
    let selector = RouteSelector {
        destination: "10.0.0.0/8".parse().unwrap(),
        gateway: None,
        table: Some(100),
    };
    assert_eq!(
        proposed("route", "remove", "i32", body),
        [Change::RemoveRoute(selector)]
    );
}

#[test]
fn flags_and_queue_arrive() {
    let switch = Change::SetLinkFlag {
        flag: LinkFlag::AllMulticast,
        on: true,
    };
    let body = "(call $set (i32.const 1) (i32.const 1))";
    assert_eq!(proposed("link-flag", "set", "i32 i32", body), [switch]);
    let function = "set-transmit-queue-length";
    let body = format!("(call ${function} (i32.const 500))");
    assert_eq!(
        proposed("link-flag", function, "i32", &body),
        [Change::SetTransmitQueueLength { packets: 500 }]
    );
}

#[test]
fn default_denial_isolation_and_passage_arrive() {
    let direction = FlowDirection::Egress;
    let body = "(call $deny-by-default (i32.const 1))";
    assert_eq!(
        proposed("flow", "deny-by-default", "i32", body),
        [Change::DenyFlowsByDefault { direction }]
    );
    let isolation = Isolation::EveryAttachment;
    let body = "(call $isolate (i32.const 1))";
    assert_eq!(
        proposed("flow", "isolate", "i32", body),
        [Change::Isolate { isolation }]
    );
    assert_eq!(
        proposed(
            "flow",
            "pass-host-firewall",
            "",
            "(call $pass-host-firewall)"
        ),
        [Change::PassHostFirewall {}]
    );
}

#[test]
fn a_vrf_arrives_with_its_table() {
    let body = "(i32.store (i32.const 2048) (i32.const 0x646572))
        (call $join (i32.const 2048) (i32.const 3) (i32.const 1) (i32.const 10))";
    let name = "red".to_owned();
    let table = Some(10);
    assert_eq!(
        proposed("vrf", "join", "i32 i32 i32 i32", body),
        [Change::JoinVrf { name, table }]
    );
}

#[test]
fn masquerade_arrives_with_what_it_excludes() {
    let body = "(i32.store8 (i32.const 2050) (i32.const 10))
        (i32.store8 (i32.const 2066) (i32.const 8))
        (call $enable (i32.const 2048) (i32.const 1))";
    let exclude = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(
        proposed("masquerade", "enable", "i32 i32", body),
        [Change::Masquerade { exclude }]
    );
}
