//! Passage through the host's own firewall on a real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_flow_world;
mod nft_namespaces;

use kernel::{Linux, Presence, Undone};
use nft_flow_world::*;
use plan::{HostFirewallPass, Step};

const SHOWN: &str =
    "-A FORWARD -m mark --mark 0x1000/0x1000 -m comment --comment wasm-cni -j ACCEPT";

fn pass(node: Node<'_>) -> Step {
    Step::HostFirewallPass(HostFirewallPass {
        addresses: node.addresses(),
    })
}

/// `iptables -P FORWARD DROP`, as Docker does it.
fn drop_what_is_forwarded(world: &World) {
    for tool in ["iptables-nft", "ip6tables-nft"] {
        world.host.tool(tool, &["-P", "FORWARD", "DROP"]);
    }
}

fn shown(world: &World, tool: &str) -> Vec<String> {
    let listed = world.host.tool(tool, &["-S"]);
    listed.lines().map(str::to_owned).collect()
}

fn count(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains("0x1000")).count()
}

#[test]
fn who_has_passage_gets_through_where_the_host_drops_what_it_forwards() {
    let Some(world) = World::new() else { return };
    let (a, b, c, outside) = (world.a(), world.b(), world.c(), world.outside());
    drop_what_is_forwarded(&world);
    world.is_stopped(a, outside, Try::Tcp(80));
    world.perform(&Step::HostFirewallAccept {});
    assert_eq!(world.verify(&Step::HostFirewallAccept {}), []);
    world.is_stopped(a, outside, Try::Tcp(80));
    let step = pass(a);
    world.perform(&step);
    assert_eq!(world.verify(&step), []);
    for what in [Try::Tcp(80), Try::Udp(80), Try::Echo] {
        world.passes(a, outside, what);
        world.passes(outside, a, what);
        world.passes(a, c, what);
        world.is_stopped(b, outside, what);
        world.is_stopped(outside, b, what);
    }
    // A rule beats the passage.
    let rules = world.set_rules(a, &[], &[ports(rule(EGRESS, DROP), TCP, 90, 90)]);
    world.is_stopped(a, outside, Try::Tcp(90));
    world.passes(a, outside, Try::Tcp(91));
    world.undo(&undo_of(&rules));

    world.perform(&pass(b));
    let undo = undo_of(&step);
    assert_eq!(world.presence(&undo), Presence::Present);
    assert_eq!(world.undo(&undo), Undone::Done);
    assert_eq!(world.undo(&undo), Undone::AlreadyGone);
    assert_eq!(world.presence(&undo), Presence::Gone);
    world.is_stopped(a, outside, Try::Tcp(80));
    world.passes(b, outside, Try::Tcp(80));
}

#[test]
fn containers_of_one_bridge_pass_where_the_host_filters_its_bridges() {
    let Some(world) = World::new() else { return };
    let (a, b) = (world.a(), world.b());
    drop_what_is_forwarded(&world);
    world.filter_all_bridges(true);
    world.is_stopped(a, b, Try::Tcp(80));
    world.perform(&Step::HostFirewallAccept {});
    world.perform(&pass(a));
    world.passes(a, b, Try::Tcp(80));
    world.passes(b, a, Try::Echo);
}

#[test]
fn the_rule_is_there_once_and_iptables_can_save_and_restore_it() {
    let Some(world) = World::new() else { return };
    let (a, outside) = (world.a(), world.outside());
    let step = Step::HostFirewallAccept {};
    world.perform(&step);
    world.perform(&pass(a));
    // Without a foreign chain there is nothing to pass.
    assert_eq!(world.verify(&step), []);
    drop_what_is_forwarded(&world);
    for tool in ["iptables-nft", "ip6tables-nft"] {
        world.host.tool(tool, &["-N", "DOCKER-USER"]);
        world
            .host
            .tool(tool, &["-A", "FORWARD", "-j", "DOCKER-USER"]);
    }
    // In FORWARD and DOCKER-USER of both families.
    let missing = world.verify(&step);
    assert_eq!(missing.len(), 4, "{missing:?}");
    world.perform(&step);
    for tool in ["iptables-nft", "ip6tables-nft"] {
        let listed = shown(&world, tool);
        let rules: Vec<_> = listed
            .iter()
            .filter(|line| line.starts_with("-A FORWARD"))
            .collect();
        assert_eq!(rules, [SHOWN, "-A FORWARD -j DOCKER-USER"], "{tool}");
        assert_eq!(count(&listed), 2, "{tool}: {listed:?}");
        // Restored by iptables it means the same, and is known again.
        let saved = world.host.tool(&format!("{tool}-save"), &[]);
        world.host.tool(tool, &["-F"]);
        world.host.restore(&format!("{tool}-restore"), &[], &saved);
        assert_eq!(shown(&world, tool), listed, "{tool}");
        // In iptables' own words too.
        let ours = ["-m", "mark", "--mark", "0x1000/0x1000", "-j", "ACCEPT"];
        world.host.tool(tool, &["-F", "FORWARD"]);
        world
            .host
            .tool(tool, &[&["-A", "FORWARD"], &ours[..]].concat());
    }
    world.passes(a, outside, Try::Tcp(80));
    assert_eq!(world.verify(&step), []);
    world.perform(&step);
    assert_eq!(count(&shown(&world, "iptables-nft")), 2);

    let purged = || {
        world
            .host
            .run(|| Linux::host().unwrap().purge_firewall().unwrap())
    };
    assert!(purged());
    assert_eq!(count(&shown(&world, "iptables-nft")), 0);
    assert_eq!(count(&shown(&world, "ip6tables-nft")), 0);
    assert!(!purged());
}

#[test]
fn many_at_once_put_the_rule_there_once() {
    let Some(world) = World::new() else { return };
    drop_what_is_forwarded(&world);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| world.perform(&Step::HostFirewallAccept {}));
        }
    });
    assert_eq!(count(&shown(&world, "iptables-nft")), 1);
    assert_eq!(count(&shown(&world, "ip6tables-nft")), 1);
}

#[test]
fn a_rule_that_only_looks_like_ours_does_not_count() {
    let Some(world) = World::new() else { return };
    drop_what_is_forwarded(&world);
    for other in [
        "-A FORWARD -m mark ! --mark 0x1000/0x1000 -j ACCEPT",
        "-A FORWARD -i uplink -m mark --mark 0x1000/0x1000 -j ACCEPT",
        "-A FORWARD -m mark --mark 0x1000 -j ACCEPT",
        "-A FORWARD -m mark --mark 0x1000/0x1000 -j RETURN",
    ] {
        let words: Vec<_> = other.split(' ').collect();
        world.host.tool("iptables-nft", &words);
    }
    let missing = world.verify(&Step::HostFirewallAccept {});
    assert!(
        missing
            .iter()
            .any(|each| each.object.contains("chain ip filter FORWARD")),
        "{missing:?}"
    );
}

#[test]
fn firewalls_that_know_no_mark_are_named() {
    let Some(world) = World::new() else { return };
    drop_what_is_forwarded(&world);
    world.perform(&Step::FlowTable {});
    let named = || {
        world
            .host
            .run(|| Linux::host().unwrap().impassable_firewalls().unwrap())
    };
    assert!(named().is_empty());
    world.host.nft(
        "add table inet filter
         add chain inet filter forward { type filter hook forward priority filter; policy drop; }
         add chain inet filter input { type filter hook input priority filter; policy drop; }
         add table inet firewalld
         add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }
         add table inet other
         add chain inet other forward { type filter hook forward priority 10; policy accept; }",
    );
    let mut names = named();
    names.sort();
    let wanted = [
        "chain inet filter forward",
        "chain inet firewalld filter_FORWARD",
    ];
    assert_eq!(names, wanted);
}
