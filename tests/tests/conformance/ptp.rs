//! What the plugin `ptp` makes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, addresses, attached, check_notices, default_gateways, del_by_name, equal, host_end,
    items, node_link, node_sysctl, nothing_left, same,
};
use crate::lists::{host_local, link, merged, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "ptp",
        &["host-local"],
        [
            case!(result_tells_host_end_and_container),
            case!(everything_goes_by_the_gateway),
            case!(host_end_has_the_gateway_and_a_route),
            case!(pods_reach_each_other_over_the_node),
            case!(masquerade_hides_pods_from_the_outside),
            case!(mtu_is_on_both_ends),
            case!(dns_of_the_config_wins_over_that_of_ipam),
            case!(del_twice),
            // It frees the address and leaves the link that carries it.
            case!(del_without_namespace_removes_the_link).reference_fails("still there"),
            // Its masquerade is found by the addresses of a link, which is gone.
            case!(del_after_the_link_is_gone_removes_masquerade).reference_fails("still there"),
            case!(a_failed_add_leaves_nothing),
            case!(check_notices_a_missing_address),
            case!(check_notices_a_missing_route),
        ],
    )
}

fn ptp(keys: &Value) -> Conflist {
    pods(&[link("ptp", keys)])
}

fn result_tells_host_end_and_container(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&ptp(&json!({})), node, &pod, |result| {
        let host = host_end(result)?;
        let names: Vec<_> = items(&result["interfaces"])
            .filter_map(|told| told["name"].as_str())
            .collect();
        equal("interfaces", names, [host.as_str(), "eth0"])?;
        equal(
            "host mac",
            &result["interfaces"][0]["mac"],
            &node_link(node, &host)?["address"],
        )?;
        equal(
            "mac",
            &result["interfaces"][1]["mac"],
            &pod.link("eth0")?["address"],
        )?;
        same("sandbox", &result["interfaces"][1]["sandbox"], pod.netns())?;
        for ip in items(&result["ips"]) {
            same("ips[].interface", &ip["interface"], 1)?;
        }
        equal(
            "addresses of eth0",
            pod.addresses("eth0")?,
            addresses(result),
        )
    })
}

fn everything_goes_by_the_gateway(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&ptp(&json!({})), node, &pod, |_| {
        equal(
            "default gateways",
            default_gateways(&pod)?,
            ["10.1.0.1", "fd00:1::1"],
        )?;
        for neighbour in ["10.1.0.77", "fd00:1::77"] {
            let way = pod.ok(&["ip", "route", "get", neighbour])?;
            ensure!(
                way.contains("via 10.1.0.1 ") || way.contains("via fd00:1::1 "),
                "{way}"
            );
        }
        Ok(())
    })
}

fn host_end_has_the_gateway_and_a_route(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&ptp(&json!({})), node, &pod, |result| {
        let host = host_end(result)?;
        equal(
            "addresses",
            node.addresses(&host)?,
            ["10.1.0.1/32", "fd00:1::1/128"],
        )?;
        for (family, address) in [("-4", "10.1.0.2"), ("-6", "fd00:1::2")] {
            let routes = node.ok(&["ip", family, "route", "show", "dev", &host])?;
            ensure!(
                routes.lines().any(|line| line.starts_with(address)),
                "{routes}"
            );
        }
        for name in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            equal(name, node_sysctl(node, name)?, "1")?;
        }
        Ok(())
    })
}

fn pods_reach_each_other_over_the_node(node: &Node) -> Result<()> {
    let (first, second) = (node.pod("a")?, node.pod("b")?);
    let list = ptp(&json!({}));
    attached(&list, node, &first, |_| {
        attached(&list, node, &second, |_| {
            for address in ["10.1.0.3", "fd00:1::3", "10.1.0.1", "fd00:1::1"] {
                ensure!(first.reaches(address)?, "{address}");
            }
            Ok(())
        })
    })
}

fn masquerade_hides_pods_from_the_outside(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    attached(&ptp(&json!({"ipMasq": true})), node, &pod, |_| {
        for (address, source) in [
            (Outside::IPV4, Outside::NODE_IPV4),
            (Outside::IPV6, Outside::NODE_IPV6),
        ] {
            let seen = outside.source_seen_from(&pod, address)?;
            equal("source", seen, Some(source.parse()?))?;
        }
        Ok(())
    })
}

fn mtu_is_on_both_ends(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&ptp(&json!({"mtu": 1400})), node, &pod, |result| {
        same("MTU inside", &pod.link("eth0")?["mtu"], 1400)?;
        same(
            "MTU outside",
            &node_link(node, &host_end(result)?)?["mtu"],
            json!(1400),
        )
    })
}

fn dns_of_the_config_wins_over_that_of_ipam(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    node.write("/run/pods.resolv.conf", "nameserver 192.0.2.53\n")?;
    let ipam = merged(
        &host_local(&["10.1.0.0/24"]),
        &json!({"resolvConf": "/run/pods.resolv.conf"}),
    );
    for (dns, expected) in [
        (json!({}), "192.0.2.53"),
        (json!({"nameservers": ["192.0.2.54"]}), "192.0.2.54"),
    ] {
        attached(
            &ptp(&json!({"ipam": ipam, "dns": dns})),
            node,
            &pod,
            |result| {
                same(
                    "nameservers",
                    &result["dns"]["nameservers"],
                    json!([expected]),
                )
            },
        )?;
    }
    Ok(())
}

fn del_twice(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = ptp(&json!({"ipMasq": true}));
    let result = list.add(node, &pod)?;
    for previous in [&result, &Value::Null] {
        list.del(node, &pod, previous)?;
        nothing_left(node, std::slice::from_ref(&result))?;
    }
    del_by_name(&list, node, &pod)
}

fn del_without_namespace_removes_the_link(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = ptp(&json!({}));
    let result = list.add(node, &pod)?;
    del_by_name(&list, node, &pod)?;
    nothing_left(node, &[result])
}

fn del_after_the_link_is_gone_removes_masquerade(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = ptp(&json!({"ipMasq": true}));
    let result = list.add(node, &pod)?;
    pod.ok(&["ip", "link", "delete", "eth0"])?;
    list.del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn a_failed_add_leaves_nothing(node: &Node) -> Result<()> {
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9",
    ])?;
    let list = ptp(&json!({"ipam": host_local(&["10.1.0.0/30"])}));
    add_fails(&list, node, &pod)?;
    nothing_left(node, &[])?;
    list.add(node, &other)
        .context("the address was lost")
        .map(drop)
}

fn noticed(node: &Node, damage: &[&str]) -> Result<()> {
    let pod = node.pod("a")?;
    let list = ptp(&json!({}));
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || pod.ok(damage).map(drop))
}

fn check_notices_a_missing_address(node: &Node) -> Result<()> {
    noticed(
        node,
        &["ip", "address", "delete", "fd00:1::2/64", "dev", "eth0"],
    )
}

fn check_notices_a_missing_route(node: &Node) -> Result<()> {
    noticed(node, &["ip", "route", "delete", "default"])
}
