//! Which rates the plugin `bandwidth` sets.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod, Transfer};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, attached, check_notices, equal, host_end, items, nothing_left, passed_through,
};
use crate::lists::{behind_bridge, merged};

const INGRESS: u32 = 16_000_000;
const EGRESS: u32 = 12_000_000;
const TOLERANCE: f64 = 0.15;

pub(crate) fn cases() -> Vec<Case> {
    group(
        "bandwidth",
        &["bridge", "host-local"],
        [
            case!(rates_hold_both_ways),
            case!(one_way_alone),
            case!(rates_of_the_runtime),
            case!(rates_of_the_config_win),
            case!(result_tells_the_shaping_link),
            case!(without_rates_what_came_before_passes_through),
            // It looks into rates that are not there.
            case!(check_without_rates).reference_fails("CHECK"),
            case!(a_rate_without_burst_is_refused),
            case!(del_takes_everything_with_it),
            case!(del_without_namespace_and_result),
            // The name of its link is made of network and container, not of the interface.
            case!(two_interfaces_of_one_container).reference_fails("file exists"),
            case!(check_notices_a_missing_rate),
        ],
    )
}

fn shaped(keys: &Value) -> Conflist {
    behind_bridge(&merged(
        &json!({"type": "bandwidth", "capabilities": {"bandwidth": true}}),
        keys,
    ))
}

fn both_ways() -> Value {
    json!({
        "ingressRate": INGRESS, "ingressBurst": INGRESS / 10, "egressRate": EGRESS, "egressBurst": EGRESS / 10,
    })
}

fn holds(from: &Pod<'_>, to: &Pod<'_>, address: &str, rate: u32) -> Result<()> {
    let bytes = usize::try_from(rate / 8)?;
    let transfer = Transfer {
        target: &format!("{address}:5001"),
        measured: bytes,
        // A burst, and what the kernel's buffers hold at the beginning.
        discounted: bytes / 4,
    };
    let share = transfer.rate(from, to)? / f64::from(rate);
    ensure!(
        (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&share),
        "{share:.2} of {rate} bit/s"
    );
    Ok(())
}

/// Rates of token buckets on the node's links, in bits per second, sorted.
fn rates(node: &Node) -> Result<Vec<u64>> {
    let queues = node.json(&["tc", "-j", "qdisc", "show"])?;
    let buckets = items(&queues).filter(|queue| queue["kind"] == "tbf");
    let mut found: Vec<_> = buckets
        .filter_map(|queue| queue["options"]["rate"].as_u64())
        .map(|bytes| bytes * 8)
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn rates_hold_both_ways(node: &Node) -> Result<()> {
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let plain = shaped(&json!({}));
    attached(&shaped(&both_ways()), node, &pod, |_| {
        plain.add(node, &neighbour)?;
        holds(&neighbour, &pod, "10.1.0.2", INGRESS).context("towards the container")?;
        holds(&pod, &neighbour, "10.1.0.3", EGRESS).context("from the container")?;
        plain.del(node, &neighbour, &Value::Null)
    })
}

fn one_way_alone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    for (keys, rate) in [
        (
            json!({"ingressRate": INGRESS, "ingressBurst": INGRESS}),
            INGRESS,
        ),
        (json!({"egressRate": EGRESS, "egressBurst": EGRESS}), EGRESS),
    ] {
        attached(&shaped(&keys), node, &pod, |_| {
            equal("rates", rates(node)?, [u64::from(rate)])
        })?;
    }
    Ok(())
}

fn rates_of_the_runtime(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&json!({})).capability("bandwidth", both_ways());
    attached(&list, node, &pod, |_| {
        equal(
            "rates",
            rates(node)?,
            [u64::from(EGRESS), u64::from(INGRESS)],
        )
    })
}

fn rates_of_the_config_win(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let other = json!({"ingressRate": 1_000_000, "ingressBurst": 1_000_000});
    let list = shaped(&both_ways()).capability("bandwidth", other);
    attached(&list, node, &pod, |_| {
        equal(
            "rates",
            rates(node)?,
            [u64::from(EGRESS), u64::from(INGRESS)],
        )
    })
}

fn result_tells_the_shaping_link(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&shaped(&both_ways()), node, &pod, |result| {
        let ifb = node.link_names("ifb")?;
        let told: Vec<_> = items(&result["interfaces"])
            .filter_map(|interface| interface["name"].as_str())
            .collect();
        equal("interfaces", told.len(), 4_usize)?;
        equal("shaping link", &told[3..], ifb)
    })
}

fn without_rates_what_came_before_passes_through(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&json!({}));
    let first = list.entry(0, node, &pod, "ADD", &Value::Null)?.succeed()?;
    passed_through(
        &list.entry(1, node, &pod, "ADD", &first)?.succeed()?,
        &first,
    )
}

fn check_without_rates(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&shaped(&json!({})), node, &pod, |_| Ok(()))
}

fn a_rate_without_burst_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    for bad in [
        json!({"ingressRate": INGRESS}),
        json!({"egressBurst": EGRESS}),
    ] {
        add_fails(&shaped(&bad), node, &pod).with_context(|| bad.to_string())?;
        shaped(&json!({})).del(node, &pod, &Value::Null)?;
    }
    Ok(())
}

fn del_takes_everything_with_it(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&both_ways());
    let result = list.add(node, &pod)?;
    for previous in [&result, &Value::Null] {
        list.del(node, &pod, previous)?;
        equal("rates", rates(node)?, [0_u64; 0])?;
        nothing_left(node, std::slice::from_ref(&result))?;
    }
    Ok(())
}

fn del_without_namespace_and_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&both_ways());
    let result = list.add(node, &pod)?;
    list.entry(1, node, &pod, "DEL", &Value::Null)?
        .variable("CNI_NETNS", "")
        .succeed()?;
    equal("shaping links", node.link_names("ifb")?, [""; 0])?;
    list.entry(0, node, &pod, "DEL", &Value::Null)?.succeed()?;
    nothing_left(node, &[result])
}

fn two_interfaces_of_one_container(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&both_ways());
    let second = list.interface("eth1");
    let results = [list.add(node, &pod)?, second.add(node, &pod)?];
    second.del(node, &pod, &results[1])?;
    equal(
        "rates",
        rates(node)?,
        [u64::from(EGRESS), u64::from(INGRESS)],
    )?;
    list.check(node, &pod, &results[0])?;
    list.del(node, &pod, &results[0])?;
    nothing_left(node, &results)
}

fn check_notices_a_missing_rate(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = shaped(&both_ways());
    let result = list.add(node, &pod)?;
    let ifb = node.link_names("ifb")?;
    let ifb = ifb.first().context("no shaping link")?;
    ensure!(host_end(&result)? != *ifb, "{result}");
    check_notices(&list, node, &pod, &result, || {
        node.ok(&["ip", "link", "delete", ifb]).map(drop)
    })
}
