//! How the plugin `sbr` routes by source address.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod};

use crate::case::{Case, case, group};
use crate::judge::{add_fails, addresses, attached_unchecked, equal, items, nothing_left};
use crate::lists::{bridge, host_local, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "sbr",
        &["bridge", "host-local"],
        [
            case!(answers_leave_by_the_interface_whose_address_they_carry),
            case!(both_families_have_tables),
            // It tells routes that it has taken away.
            case!(result_tells_the_routes_of_the_main_table)
                .reference_fails("172.16.0.0/12 is told"),
            case!(without_what_came_before_it_is_refused).with(&["sbr"]),
            case!(del_removes_the_rules),
            // It looks for the interface whose addresses would tell it its rules.
            case!(del_twice).reference_fails("Link not found"),
            // It makes an ordinary file of the namespace's name to lock it.
            case!(del_after_the_namespace_is_gone).reference_fails("unknown FS magic"),
            // The bridge misses the routes that sbr has taken away and tells all the same.
            case!(check_of_what_is_whole).reference_fails("Failed to find Gateway"),
            // Its CHECK does nothing.
            case!(check_notices_a_missing_rule).reference_fails("the call succeeded"),
        ],
    )
}

fn first() -> Conflist {
    pods(&[on_bridge("cni0", "10.1.0.0/24")])
}

/// A second interface behind the first, whose answers leave by itself.
fn second() -> Conflist {
    let list = pods(&[on_bridge("cni1", "10.2.0.0/24"), json!({"type": "sbr"})]);
    list.with("/name", "others").interface("eth1")
}

fn on_bridge(name: &str, subnet: &str) -> Value {
    let route = if name == "cni0" {
        "0.0.0.0/0"
    } else {
        "172.16.0.0/12"
    };
    let ipam = merged(&host_local(&[subnet]), &json!({"routes": [{"dst": route}]}));
    bridge(&json!({"bridge": name, "ipam": ipam}))
}

/// The routes that packets from this address look into.
fn routes_from(pod: &Pod<'_>, family: &str, address: &str) -> Result<String> {
    let rules = pod.ok(&["ip", family, "rule", "show"])?;
    let wanted = format!("from {address} ");
    let rule = rules
        .lines()
        .find(|line| line.contains(&wanted))
        .with_context(|| rules.clone())?;
    let words = rule.split_whitespace().skip_while(|word| *word != "lookup");
    let table = words.into_iter().nth(1).context("no table")?;
    pod.ok(&["ip", family, "route", "show", "table", table])
}

fn answers_leave_by_the_interface_whose_address_they_carry(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached_unchecked(&first(), node, &pod, |_| {
        attached_unchecked(&second(), node, &pod, |_| {
            let routes = routes_from(&pod, "-4", "10.2.0.2")?;
            for route in [
                "default via 10.2.0.1",
                "172.16.0.0/12 via 10.2.0.1",
                "10.2.0.0/24",
            ] {
                ensure!(routes.contains(route), "no {route}: {routes}");
            }
            let main = pod.ok(&["ip", "route", "show"])?;
            ensure!(
                main.contains("default via 10.1.0.1") && !main.contains("10.2.0.1"),
                "{main}"
            );
            let chosen = pod.ok(&["ip", "route", "get", "198.51.100.1", "from", "10.2.0.2"])?;
            ensure!(chosen.contains("dev eth1"), "{chosen}");
            let usual = pod.ok(&["ip", "route", "get", "198.51.100.1"])?;
            ensure!(usual.contains("dev eth0"), "{usual}");
            Ok(())
        })
    })
}

fn both_families_have_tables(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = pods(&[bridge(&json!({})), json!({"type": "sbr"})]);
    attached_unchecked(&list, node, &pod, |_| {
        for (family, address, gateway) in [
            ("-4", "10.1.0.2", "10.1.0.1"),
            ("-6", "fd00:1::2", "fd00:1::1"),
        ] {
            let routes = routes_from(&pod, family, address)?;
            ensure!(
                routes.contains(&format!("default via {gateway} ")),
                "{routes}"
            );
        }
        Ok(())
    })
}

fn result_tells_the_routes_of_the_main_table(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    equal("addresses", addresses(&result), ["10.2.0.2/24"])?;
    let main = pod.ok(&["ip", "route", "show"])?;
    for route in items(&result["routes"]) {
        let destination = route["dst"].as_str().context("no dst")?;
        let shown = destination.replace("0.0.0.0/0", "default");
        ensure!(
            main.lines().any(|line| line.starts_with(&shown)),
            "{destination} is told and not there: {main}"
        );
    }
    Ok(())
}

fn without_what_came_before_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    add_fails(&pods(&[json!({"type": "sbr"})]), node, &pod).map(drop)
}

fn del_removes_the_rules(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    second().del_entry(1, node, &pod, &result)?;
    let rules = pod.ok(&["ip", "rule", "show"])?;
    ensure!(!rules.contains("10.2.0.2"), "{rules}");
    second().del_entry(0, node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn del_twice(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    second().del(node, &pod, &result)?;
    second().del(node, &pod, &Value::Null)
}

fn del_after_the_namespace_is_gone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    pod.delete()?;
    let outcome = second().del_entry(1, node, &pod, &result);
    ensure!(
        !node.path(&pod.netns()).exists(),
        "a file in the namespace's place; {outcome:?}"
    );
    outcome
}

fn check_of_what_is_whole(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    second().check(node, &pod, &result)
}

fn check_notices_a_missing_rule(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = second().add(node, &pod)?;
    pod.ok(&["ip", "rule", "delete", "from", "10.2.0.2"])?;
    let check = second().entry(1, node, &pod, "CHECK", &result)?;
    check.run()?.error().map(drop)
}
