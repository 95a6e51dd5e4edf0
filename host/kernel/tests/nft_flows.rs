//! Flow rules on a real kernel: what happens to packets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_flow_world;
mod nft_namespaces;

use kernel::KernelError;
use kernel::{Kernel, Linux};
use nft_flow_world::*;
use plan::{FlowRule, Step};

const OUTSIDE: [&str; 2] = ["192.0.2.0/24", "2001:db8::/64"];
const SECOND_NETWORK: [&str; 2] = ["10.2.0.0/24", "fd00:2::/64"];
const GATEWAY: [&str; 2] = ["10.1.0.1/32", "fd00:1::1/128"];

#[test]
fn what_is_dropped_does_not_pass_and_everything_else_does() {
    let Some(world) = World::new() else { return };
    let (a, c, outside) = (world.a(), world.c(), world.outside());
    world.passes(a, outside, Try::Udp(5000));
    world.passes(a, c, Try::Echo);
    let echo = |protocol| FlowRule {
        protocol: Some(protocol),
        ..rule(EGRESS, DROP)
    };
    let rules = [
        peers(ports(rule(EGRESS, DROP), UDP, 5000, 5001), OUTSIDE).to_vec(),
        // An accept beside it is of no use.
        peers(ports(rule(EGRESS, ACCEPT), UDP, 5000, 5001), OUTSIDE).to_vec(),
        vec![ports(rule(EGRESS, DROP), TCP, 5000, 5000)],
        peers(echo(1), SECOND_NETWORK).to_vec(),
        peers(echo(58), SECOND_NETWORK).to_vec(),
        peers(ports(rule(INGRESS, DROP), TCP, 6000, u16::MAX), OUTSIDE).to_vec(),
    ];
    let step = world.set_rules(a, &[], &rules.concat());
    assert_eq!(world.verify(&step), []);
    // UDP of the same peers and ports was tracked before, and goes on: another port has no past.
    world.is_stopped(a, outside, Try::Udp(5001));
    world.passes(a, outside, Try::Udp(5002));
    world.is_stopped(a, outside, Try::Tcp(5000));
    world.is_stopped(a, c, Try::Tcp(5000));
    world.passes(a, outside, Try::Tcp(5001));
    world.is_stopped(a, c, Try::Echo);
    world.passes(a, outside, Try::Echo);
    // Answers are no flow of their own.
    world.passes(c, a, Try::Echo);
    world.is_stopped(outside, a, Try::Tcp(6000));
    world.passes(outside, a, Try::Tcp(5999));
    world.passes(c, a, Try::Tcp(6000));
    // To the host itself, by hook input.
    world.is_stopped(a, world.gateway(), Try::Tcp(5000));
    world.passes(a, world.gateway(), Try::Tcp(5001));
    // Another container has no rules.
    world.passes(world.b(), outside, Try::Tcp(5000));
    world.passes(world.b(), c, Try::Echo);
}

#[test]
fn where_all_is_denied_only_what_is_accepted_passes() {
    let Some(world) = World::new() else { return };
    let (a, c, outside, host) = (world.a(), world.c(), world.outside(), world.gateway());
    let rules = [
        peers(ports(rule(EGRESS, ACCEPT), TCP, 80, 80), OUTSIDE).to_vec(),
        peers(ports(rule(EGRESS, ACCEPT), UDP, 53, 53), GATEWAY).to_vec(),
        vec![ports(rule(INGRESS, ACCEPT), UDP, 53, 60)],
        peers(ports(rule(INGRESS, DROP), UDP, 53, 53), SECOND_NETWORK).to_vec(),
        peers(ports(rule(INGRESS, DROP), TCP, 9000, 9000), GATEWAY).to_vec(),
    ];
    let step = world.set_rules(a, &[INGRESS, EGRESS], &rules.concat());
    assert_eq!(world.verify(&step), []);
    world.passes(a, outside, Try::Tcp(80));
    world.is_stopped(a, outside, Try::Tcp(81));
    world.is_stopped(a, outside, Try::Udp(80));
    world.is_stopped(a, outside, Try::Echo);
    world.is_stopped(a, c, Try::Tcp(80));
    world.passes(outside, a, Try::Udp(53));
    world.is_stopped(outside, a, Try::Udp(61));
    world.is_stopped(outside, a, Try::Tcp(53));
    world.is_stopped(outside, a, Try::Echo);
    world.passes(c, a, Try::Udp(54));
    world.is_stopped(c, a, Try::Udp(53));
    // Towards the host.
    world.passes(a, host, Try::Udp(53));
    world.is_stopped(a, host, Try::Tcp(80));
    world.is_stopped(a, host, Try::Echo);
    // From the host: all but what a rule drops.
    world.passes(host, a, Try::Tcp(8080));
    world.passes(host, a, Try::Echo);
    world.is_stopped(host, a, Try::Tcp(9000));
}

#[test]
fn protocols_without_ports_are_judged_by_rules_without_ports_alone() {
    let Some(world) = World::new() else { return };
    let a = world.a();
    // The last two bytes lie where TCP has its port: 5000.
    let looks_like_a_port = [0, 0, 0x13, 0x88];
    let arrived = |port_rule: FlowRule, payload: &[u8]| {
        let step = world.set_rules(a, &[], &[port_rule]);
        let count = world.count_packets(a, world.outside(), payload);
        world.undo(&undo_of(&step));
        count
    };
    let of_ports = ports(rule(EGRESS, DROP), UDP, 5000, 5000);
    let of_any_protocol = FlowRule {
        protocol: None,
        ..of_ports
    };
    for rule in [of_ports, of_any_protocol] {
        assert_eq!(arrived(rule, &looks_like_a_port), 2, "{rule}");
    }
    let of_protocol = FlowRule {
        protocol: Some(PRM),
        ..rule(EGRESS, DROP)
    };
    for rule in [rule(EGRESS, DROP), of_protocol] {
        assert_eq!(arrived(rule, &looks_like_a_port), 0, "{rule}");
        // Too short to be looked up.
        assert_eq!(arrived(rule, &[7]), 0, "{rule}");
    }
    assert_eq!(world.count_packets(a, world.outside(), &[7]), 2);
}

#[test]
fn rules_see_the_port_that_a_forwarded_one_leads_to() {
    let Some(world) = World::new() else { return };
    let (a, outside) = (world.a(), world.outside());
    world.host.nft(
        "add table ip forwards
         add chain ip forwards prerouting { type nat hook prerouting priority dstnat; }
         add rule ip forwards prerouting iifname uplink tcp dport 8080 dnat to 10.1.0.2:80
         add rule ip forwards prerouting iifname uplink tcp dport 8081 dnat to 10.1.0.2:81",
    );
    world.set_rules(a, &[INGRESS], &[ports(rule(INGRESS, ACCEPT), TCP, 80, 80)]);
    assert!(world.forwarded(outside, "192.0.2.1:8080", a, "10.1.0.2:80"));
    assert!(!world.forwarded(outside, "192.0.2.1:8081", a, "10.1.0.2:81"));
}

#[test]
fn containers_of_one_bridge_are_filtered_whatever_holds_for_all_bridges() {
    let Some(world) = World::new() else { return };
    let (a, b) = (world.a(), world.b());
    let filter = Step::BridgeFilter {
        bridge: "cni0".into(),
        ours: true,
    };
    let rules = [
        ports(rule(INGRESS, ACCEPT), TCP, 80, 80),
        ports(rule(INGRESS, ACCEPT), UDP, 53, 53),
    ];
    world.set_rules(b, &[INGRESS, EGRESS], &rules);
    // Nothing that a bridge forwards passes these hooks by itself.
    world.passes(a, b, Try::Tcp(81));
    let mismatches = world.verify(&filter);
    assert_eq!(mismatches.len(), 2, "{mismatches:?}");
    for all_bridges in [false, true] {
        world.perform(&filter);
        world.filter_all_bridges(all_bridges);
        assert_eq!(world.verify(&filter), []);
        // Neighbours must be found anew, which no rule speaks of.
        for node in [a, b] {
            node.forget_neighbours();
        }
        world.passes(a, b, Try::Tcp(80));
        world.passes(a, b, Try::Udp(53));
        world.is_stopped(a, b, Try::Tcp(81));
        world.is_stopped(a, b, Try::Echo);
        world.is_stopped(b, a, Try::Tcp(80));
        world.is_stopped(b, a, Try::Echo);
        world.passes(world.gateway(), b, Try::Tcp(81));
        // The sysctl alone does it as well.
        world
            .host
            .ip("link set cni0 type bridge nf_call_iptables 0 nf_call_ip6tables 0");
        if all_bridges {
            world.is_stopped(a, b, Try::Tcp(81));
        } else {
            world.passes(a, b, Try::Tcp(82));
        }
    }
}

#[test]
fn what_is_no_bridge_is_refused() {
    let Some(world) = World::new() else { return };
    let refused = |step: Step| {
        let perform = || Linux::host().unwrap().perform(&step).unwrap_err();
        world.host.run(perform)
    };
    let filter = |bridge: &str| Step::BridgeFilter {
        bridge: bridge.into(),
        ours: true,
    };
    let isolation = |port: &str| Step::PortIsolation { port: port.into() };
    assert!(matches!(
        refused(filter("uplink")),
        KernelError::WrongKind { .. }
    ));
    assert!(matches!(
        refused(filter("cni9")),
        KernelError::NotFound { .. }
    ));
    assert!(matches!(
        refused(isolation("uplink")),
        KernelError::WrongKind { .. }
    ));
    assert!(matches!(
        refused(isolation("cni9")),
        KernelError::NotFound { .. }
    ));
}
