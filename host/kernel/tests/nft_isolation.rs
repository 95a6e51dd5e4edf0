//! Isolation on a real kernel: what happens to packets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_flow_world;
mod nft_namespaces;

use kernel::{Presence, Undone};
use nft_flow_world::*;
use plan::{IsolatedAddresses, Isolation, Step};

fn isolation(node: Node<'_>, link: &str, isolation: Isolation) -> Step {
    Step::Isolation(IsolatedAddresses {
        addresses: node.addresses(),
        link: link.into(),
        isolation,
    })
}

#[test]
fn isolated_networks_reach_everything_but_each_other() {
    let Some(world) = World::new() else { return };
    let (a, b, c, outside) = (world.a(), world.b(), world.c(), world.outside());
    // What the bridge forwards passes the chain too.
    world.filter_all_bridges(true);
    world.perform(&Step::FlowTable {});
    let steps = [(a, "cni0"), (b, "cni0"), (c, "cni1")]
        .map(|(node, link)| isolation(node, link, Isolation::OtherNetworks));
    let [of_a, _, of_c] = &steps;
    world.perform(of_a);
    // One alone is kept from nobody.
    world.passes(a, c, Try::Echo);
    for step in &steps {
        world.perform(step);
        assert_eq!(world.verify(step), []);
    }
    for (from, to) in [(a, c), (c, a), (b, c)] {
        world.is_stopped(from, to, Try::Tcp(80));
        world.is_stopped(from, to, Try::Echo);
    }
    world.passes(a, b, Try::Tcp(80));
    world.passes(b, a, Try::Echo);
    world.passes(a, outside, Try::Udp(80));
    world.passes(outside, c, Try::Tcp(80));
    world.passes(world.gateway(), a, Try::Echo);
    world.passes(c, world.gateway(), Try::Echo);

    let undo = undo_of(of_c);
    assert_eq!(world.presence(&undo), Presence::Present);
    assert_eq!(world.undo(&undo), Undone::Done);
    assert_eq!(world.undo(&undo), Undone::AlreadyGone);
    assert_eq!(world.presence(&undo), Presence::Gone);
    assert_eq!(world.verify(of_c).len(), 4);
    assert_eq!(world.verify(of_a), []);
    world.passes(a, c, Try::Tcp(80));
}

#[test]
fn who_is_kept_from_every_other_reaches_none_of_its_own_bridge() {
    let Some(world) = World::new() else { return };
    let (a, b, outside) = (world.a(), world.b(), world.outside());
    world.perform(&Step::FlowTable {});
    let of_a = isolation(a, "cni0", Isolation::EveryAttachment);
    let of_b = isolation(b, "cni0", Isolation::EveryAttachment);
    world.perform(&of_a);
    world.perform(&of_b);
    // On the bridge itself, by its ports.
    let ports = [a, b].map(|node| Step::PortIsolation {
        port: node.name.into(),
    });
    world.passes(a, b, Try::Tcp(80));
    for port in &ports {
        assert_eq!(world.verify(port).len(), 1);
        world.perform(port);
        world.perform(port);
        assert_eq!(world.verify(port), []);
    }
    world.is_stopped(a, b, Try::Tcp(81));
    world.passes(a, outside, Try::Tcp(80));
    world.passes(world.gateway(), b, Try::Echo);
    // And where it is filtered, or routed, by the chain, even from one that has a network of its own.
    for port in [a, b] {
        world
            .host
            .bridge(&format!("link set dev {} isolated off", port.name));
    }
    world.filter_all_bridges(true);
    world.is_stopped(a, b, Try::Tcp(82));
    world.undo(&undo_of(&of_b));
    let of_b = isolation(b, "cni0", Isolation::OtherNetworks);
    world.perform(&of_b);
    world.is_stopped(a, b, Try::Tcp(83));
    world.is_stopped(b, a, Try::Tcp(83));
    world.undo(&undo_of(&of_a));
    world.perform(&isolation(a, "cni0", Isolation::OtherNetworks));
    world.passes(a, b, Try::Tcp(84));
}
