//! Rates that hold, measured where the bytes arrive.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Place, Pod, Transfer};

use crate::{addresses, assert_nothing_left, lists, node};

const MEGABIT: u32 = 1_000_000;
pub(crate) const RECEIVED: u32 = 16 * MEGABIT;
pub(crate) const SENT: u32 = 12 * MEGABIT;
const TOLERANCE: f64 = 0.15;

pub(crate) fn stage() -> Value {
    json!({
        "plugin": "bandwidth",
        "ingressRate": RECEIVED, "ingressBurst": RECEIVED / 10,
        "egressRate": SENT, "egressBurst": SENT / 10,
    })
}

pub(crate) fn holds(from: &dyn Place, to: &dyn Place, address: &str, rate: u32) -> Result<()> {
    let bytes = usize::try_from(rate / 8)?;
    let transfer = Transfer {
        target: &format!("{address}:5001"),
        measured: bytes * 3 / 2,
        // A burst, and what the kernel's buffers hold at the beginning.
        discounted: bytes / 4,
    };
    let share = transfer.rate(from, to)? / f64::from(rate);
    ensure!(
        (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&share),
        "to {address}: {share:.2} of {rate} bit/s"
    );
    Ok(())
}

/// Rates of a pod on this list, to and from a pod without any on the same bridge.
fn held_both_ways(node: &Node, list: &Conflist, plain: &Conflist) -> Result<()> {
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let result = list.add(node, &pod)?;
    let other = plain.add(node, &neighbour)?;
    let (own, its) = (&addresses(&result)[0], &addresses(&other)[0]);
    holds(&neighbour, &pod, own, RECEIVED)?;
    holds(&pod, &neighbour, its, SENT)?;
    list.check(node, &pod, &result)?;
    list.del(node, &pod, &result)?;
    plain.del(node, &neighbour, &other)?;
    assert_nothing_left(node, &[result, other])?;
    no_queues(node)
}

fn no_queues(node: &Node) -> Result<()> {
    let queues = node.ok(&["tc", "qdisc", "show"])?;
    ensure!(
        !queues.contains("tbf") && !queues.contains("ingress"),
        "{queues}"
    );
    Ok(())
}

#[test]
fn rates_of_a_chain_hold_both_ways() -> Result<()> {
    let node = node!();
    let link = || lists::bridge("cni0", &["10.1.0.0/24"]);
    let list = lists::chain("pods", link(), &[stage()]);
    held_both_ways(&node, &list, &Conflist::new("pods", &[link()]))
}

#[test]
fn rates_of_an_entry_by_itself_hold_behind_the_reference_bridge() -> Result<()> {
    let node = node!();
    node.drop_in("bandwidth")?;
    let link = || lists::reference_bridge("cni0", &["10.1.0.0/24"]);
    let list = lists::reference_entries("pods", link(), &[stage()]);
    held_both_ways(&node, &list, &Conflist::new("pods", &[link()]))
}

#[test]
fn rates_of_the_runtime_hold_towards_the_outside() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod: Pod<'_> = node.pod("a")?;
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    let list = lists::chain("pods", link, &[json!({"plugin": "bandwidth"})]);
    let rates = json!({"egressRate": SENT, "egressBurst": SENT / 10});
    let list = list.capability("bandwidth", rates);
    let result = list.add(&node, &pod)?;
    holds(&pod, &outside, Outside::IPV4, SENT)?;
    list.del(&node, &pod, &result)?;
    no_queues(&node)
}
