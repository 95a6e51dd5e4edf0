//! Which packets the plugin `portmap` leads to a container.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    Conflist, Node, Outside, Place, Responder, Transport, is_silent, source_seen,
};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, attached_unchecked, check_notices, equal, mapping, nothing_left, passed_through,
};
use crate::lists::{behind_bridge, bridge, host_local, pods};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "portmap",
        &["bridge", "host-local"],
        [
            case!(tcp_and_udp_from_outside_in_both_families),
            case!(the_node_reaches_the_port_by_all_its_addresses),
            case!(pods_reach_the_port),
            case!(only_the_host_address_of_the_mapping_answers),
            case!(conditions_choose_the_senders),
            case!(without_snat_the_loopback_address_does_not_answer),
            case!(another_mark_bit),
            case!(without_mappings_what_came_before_passes_through),
            case!(without_what_came_before_it_is_refused).with(&["portmap"]),
            case!(bad_ports_are_refused),
            case!(del_frees_the_port),
            // It returns at once when the call has no mappings.
            case!(del_without_mappings).reference_fails("still there"),
            case!(del_without_namespace_and_result),
            // Its chain is named by network and container, not by interface.
            case!(del_of_one_interface_keeps_the_ports_of_another)
                .reference_fails("192.0.2.1:8080 is silent"),
            // The first rule wins, and nobody hears of it.
            case!(a_port_that_another_has_is_refused).reference_fails("ADD succeeds"),
            // It looks for the rules of IPv4 among those of IPv6.
            case!(check_of_what_is_whole).reference_fails("could not check ipv6 dnat"),
            case!(check_notices_missing_rules).reference_fails("could not check ipv6 dnat"),
        ],
    )
}

fn entry(keys: &Value) -> Value {
    crate::lists::merged(
        &json!({"type": "portmap", "capabilities": {"portMappings": true}}),
        keys,
    )
}

fn forwarding(keys: &Value, mappings: &[Value]) -> Conflist {
    behind_bridge(&entry(keys)).capability("portMappings", mappings)
}

fn answer(from: &dyn Place, transport: Transport, target: &str) -> Result<IpAddr> {
    source_seen(from, transport, target)?.with_context(|| format!("{target} is silent"))
}

fn silent(from: &dyn Place, target: &str) -> Result<()> {
    ensure!(is_silent(from, Transport::Tcp, target)?, "{target} answers");
    Ok(())
}

fn both_transports() -> [Value; 2] {
    [mapping("tcp", 8080, 80), mapping("udp", 8080, 80)]
}

fn tcp_and_udp_from_outside_in_both_families(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    attached_unchecked(
        &forwarding(&json!({}), &both_transports()),
        node,
        &pod,
        |_| {
            for transport in [Transport::Tcp, Transport::Udp] {
                let _responder = Responder::start(&pod, transport, "[::]:80")?;
                for (target, source) in [
                    ("192.0.2.1:8080", Outside::IPV4),
                    ("[2001:db8::1]:8080", Outside::IPV6),
                ] {
                    // Who asks is not hidden from the container.
                    equal(
                        target,
                        answer(&outside, transport, target)?,
                        source.parse::<IpAddr>()?,
                    )?;
                }
            }
            silent(&outside, "192.0.2.1:80")
        },
    )?;
    silent(&outside, "192.0.2.1:8080")
}

fn the_node_reaches_the_port_by_all_its_addresses(node: &Node) -> Result<()> {
    let _outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    attached_unchecked(
        &forwarding(&json!({}), &both_transports()),
        node,
        &pod,
        |_| {
            for transport in [Transport::Tcp, Transport::Udp] {
                let _responder = Responder::start(&pod, transport, "[::]:80")?;
                for target in [
                    "127.0.0.1:8080",
                    "10.1.0.1:8080",
                    "192.0.2.1:8080",
                    "[2001:db8::1]:8080",
                    "[fd00:1::1]:8080",
                ] {
                    answer(node, transport, target)?;
                }
            }
            Ok(())
        },
    )
}

fn pods_reach_the_port(node: &Node) -> Result<()> {
    let _outside = Outside::connect(node)?;
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let list = forwarding(&json!({}), &both_transports()).with("/plugins/0/hairpinMode", true);
    attached_unchecked(&list, node, &pod, |_| {
        attached_unchecked(
            &list.capability("portMappings", json!([])),
            node,
            &neighbour,
            |_| {
                let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
                for place in [&pod, &neighbour] {
                    for target in ["192.0.2.1:8080", "[2001:db8::1]:8080", "10.1.0.1:8080"] {
                        answer(place, Transport::Tcp, target)
                            .with_context(|| place.name().to_owned())?;
                    }
                }
                Ok(())
            },
        )
    })
}

fn only_the_host_address_of_the_mapping_answers(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    node.ok(&["ip", "address", "add", "192.0.2.11/24", "dev", "uplink0"])?;
    let mut of_address = mapping("tcp", 8080, 80);
    of_address["hostIP"] = "192.0.2.11".into();
    attached_unchecked(&forwarding(&json!({}), &[of_address]), node, &pod, |_| {
        let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
        answer(&outside, Transport::Tcp, "192.0.2.11:8080")?;
        silent(&outside, "192.0.2.1:8080")?;
        silent(&outside, "[2001:db8::1]:8080")
    })
}

fn conditions_choose_the_senders(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    for (v4, v6, hears) in [
        (
            json!(["-s", "192.0.2.0/24"]),
            json!(["-s", "2001:db8::/64"]),
            true,
        ),
        (
            json!(["!", "-s", "192.0.2.0/24"]),
            json!(["!", "-s", "2001:db8::/64"]),
            false,
        ),
    ] {
        let keys = json!({"conditionsV4": v4, "conditionsV6": v6});
        attached_unchecked(
            &forwarding(&keys, &[mapping("tcp", 8080, 80)]),
            node,
            &pod,
            |_| {
                let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
                for target in ["192.0.2.1:8080", "[2001:db8::1]:8080"] {
                    if hears {
                        answer(&outside, Transport::Tcp, target)?;
                    } else {
                        silent(&outside, target)?;
                    }
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn without_snat_the_loopback_address_does_not_answer(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    attached_unchecked(
        &forwarding(&json!({"snat": false}), &[mapping("tcp", 8080, 80)]),
        node,
        &pod,
        |_| {
            let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
            answer(&outside, Transport::Tcp, "192.0.2.1:8080")?;
            silent(node, "127.0.0.1:8080")
        },
    )
}

fn another_mark_bit(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached_unchecked(
        &forwarding(&json!({"markMasqBit": 20}), &[mapping("tcp", 8080, 80)]),
        node,
        &pod,
        |_| {
            let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
            answer(node, Transport::Tcp, "127.0.0.1:8080").map(drop)
        },
    )?;
    for bad in [json!(32), json!(-1)] {
        add_fails(
            &forwarding(&json!({"markMasqBit": bad}), &[mapping("tcp", 8080, 80)]),
            node,
            &pod,
        )?;
        forwarding(&json!({}), &[]).del(node, &pod, &Value::Null)?;
    }
    Ok(())
}

fn without_mappings_what_came_before_passes_through(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = forwarding(&json!({}), &[]);
    let first = list.entry(0, node, &pod, "ADD", &Value::Null)?.succeed()?;
    let second = list.entry(1, node, &pod, "ADD", &first)?.succeed()?;
    passed_through(&second, &first)
}

fn without_what_came_before_it_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list =
        pods(&[entry(&json!({}))]).capability("portMappings", json!([mapping("tcp", 8080, 80)]));
    add_fails(&list, node, &pod).map(drop)
}

fn bad_ports_are_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let good = forwarding(&json!({}), &[]);
    for bad in [
        mapping("tcp", 0, 80),
        mapping("tcp", 8080, 0),
        json!({"hostPort": -1, "containerPort": 80, "protocol": "tcp"}),
    ] {
        add_fails(
            &forwarding(&json!({}), std::slice::from_ref(&bad)),
            node,
            &pod,
        )
        .with_context(|| bad.to_string())?;
        good.del(node, &pod, &Value::Null)?;
    }
    Ok(())
}

fn del_frees_the_port(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let list = forwarding(&json!({}), &[mapping("tcp", 8080, 80)]);
    for name in ["a", "b"] {
        let pod = node.pod(name)?;
        attached_unchecked(&list, node, &pod, |_| {
            let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
            answer(&outside, Transport::Tcp, "192.0.2.1:8080").map(drop)
        })?;
        silent(&outside, "192.0.2.1:8080")?;
    }
    Ok(())
}

fn del_without_mappings(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = forwarding(&json!({}), &[mapping("tcp", 8080, 80)]);
    let result = list.add(node, &pod)?;
    list.capability("portMappings", json!([]))
        .del(node, &pod, &result)?;
    nothing_left(node, &[result])
}

fn del_without_namespace_and_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = forwarding(&json!({}), &[mapping("tcp", 8080, 80)]);
    let result = list.add(node, &pod)?;
    list.entry(1, node, &pod, "DEL", &Value::Null)?
        .variable("CNI_NETNS", "")
        .succeed()?;
    list.entry(0, node, &pod, "DEL", &Value::Null)?.succeed()?;
    nothing_left(node, &[result])
}

fn del_of_one_interface_keeps_the_ports_of_another(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let pod = node.pod("a")?;
    let first = forwarding(&json!({}), &[mapping("tcp", 8080, 80)]);
    // The second interface is without default routes, so answers leave by the first.
    let second = first
        .with("/plugins/0/bridge", "cni1")
        .with("/plugins/0/ipam", host_local(&["10.2.0.0/24"]))
        .capability("portMappings", json!([mapping("tcp", 8081, 81)]))
        .interface("eth1");
    first.add(node, &pod)?;
    let other = second.add(node, &pod)?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    answer(&outside, Transport::Tcp, "192.0.2.1:8080").context("before DEL")?;
    second.del(node, &pod, &other)?;
    answer(&outside, Transport::Tcp, "192.0.2.1:8080").map(drop)
}

fn a_port_that_another_has_is_refused(node: &Node) -> Result<()> {
    let outside = Outside::connect(node)?;
    let (pod, other) = (node.pod("a")?, node.pod("b")?);
    let list = forwarding(&json!({}), &[mapping("tcp", 8080, 80)]);
    list.add(node, &pod)?;
    let error = add_fails(&list, node, &other)?;
    ensure!(error.text.contains("8080"), "{}", error.text);
    list.del(node, &other, &Value::Null)?;
    let _responder = Responder::start(&pod, Transport::Tcp, "[::]:80")?;
    answer(&outside, Transport::Tcp, "192.0.2.1:8080").map(drop)
}

fn check_of_what_is_whole(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = forwarding(&json!({}), &both_transports());
    let result = list.add(node, &pod)?;
    list.check(node, &pod, &result)
}

fn check_notices_missing_rules(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = pods(&[bridge(&json!({})), entry(&json!({}))])
        .capability("portMappings", json!([mapping("tcp", 8080, 80)]));
    let result = list.add(node, &pod)?;
    check_notices(&list, node, &pod, &result, || {
        node.ok(&["nft", "flush", "ruleset"]).map(drop)
    })
}
