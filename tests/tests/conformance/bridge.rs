//! What the plugin `bridge` makes.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Responder, Transport, source_seen};

use crate::case::{Case, case, group};
use crate::judge::{
    add_fails, addresses, attached, attached_unchecked, check_notices, default_gateways, equal,
    has_flag, host_end, items, node_link, node_sysctl, same,
};
use crate::lists::{bridged, host_local, merged};

const FORWARDING: [&str; 2] = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![
        case!(result_tells_bridge_host_end_and_container),
        case!(pods_reach_each_other_and_their_gateway),
        case!(gateway_is_on_the_bridge_and_the_node_forwards),
        case!(without_gateway_the_node_is_left_alone),
        case!(default_gateway_adds_default_routes),
        case!(routes_of_the_config_are_in_the_container),
        // It looks for routes without gateway in the result as routes without gateway in the kernel.
        case!(routes_of_the_config_are_checked).reference_fails("not found in routing table"),
        case!(masquerade_hides_pods_from_the_outside_only),
        case!(without_masquerade_the_outside_sees_the_pod),
        case!(mtu_is_on_both_ends),
        case!(mtu_of_the_bridge_follows_the_config),
        case!(hairpin_is_set_on_the_port),
        case!(promiscuous_bridge),
        case!(hairpin_and_promiscuous_exclude_each_other),
        case!(a_bridge_with_another_address_is_refused),
        case!(force_address_replaces_the_bridges_address),
        case!(a_bridge_that_was_there_keeps_its_ports),
        case!(a_link_that_is_no_bridge_is_refused),
        case!(a_second_network_on_one_bridge),
        case!(dns_of_the_config_is_in_the_result),
        // It overwrites what IPAM said with its own empty object.
        case!(dns_of_ipam_is_in_the_result).reference_fails("nameservers"),
        case!(spoofed_senders_are_dropped),
        case!(layer_two_only),
        // It asks an IPAM plugin without name.
        case!(layer_two_only_is_checked).reference_fails("CHECK"),
        case!(interfaces_of_one_container_are_apart),
        case!(check_notices_a_missing_address),
        case!(check_notices_a_missing_route),
        case!(check_notices_a_missing_link),
        case!(check_notices_a_port_that_left_the_bridge),
        case!(check_allows_what_others_added),
        case!(a_long_container_id),
        case!(announces_its_address_and_skips_detection),
    ];
    for (title, from, arguments) in [
        (
            "mac_of_cni_args",
            json!({}),
            Some("IgnoreUnknown=1;MAC=02:00:5e:10:00:01"),
        ),
        (
            "mac_of_args",
            json!({"args": {"cni": {"mac": "02:00:5e:10:00:01"}}}),
            None,
        ),
        (
            "mac_of_args_wins_over_cni_args",
            json!({"args": {"cni": {"mac": "02:00:5e:10:00:01"}}}),
            Some("IgnoreUnknown=1;MAC=02:00:5e:10:00:99"),
        ),
    ] {
        all.push(Case::new(title, move |node| mac(node, &from, arguments)));
    }
    all.push(case!(mac_of_the_runtime_wins));
    group("bridge", &["host-local"], all)
}

fn names(result: &Value) -> Vec<&str> {
    items(&result["interfaces"])
        .filter_map(|interface| interface["name"].as_str())
        .collect()
}

fn result_tells_bridge_host_end_and_container(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({})), node, &pod, |result| {
        let host = host_end(result)?;
        ensure!(host.starts_with("veth"), "{host}");
        equal("interfaces", names(result), ["cni0", host.as_str(), "eth0"])?;
        let macs: Vec<_> = items(&result["interfaces"])
            .map(|interface| interface["mac"].clone())
            .collect();
        let links = [
            node_link(node, "cni0")?,
            node_link(node, &host)?,
            pod.link("eth0")?,
        ];
        for (told, link) in macs.iter().zip(&links) {
            equal("mac", told, &link["address"])?;
        }
        let sandboxes: Vec<_> = items(&result["interfaces"])
            .map(|interface| interface["sandbox"].as_str().unwrap_or_default())
            .collect();
        equal("sandbox", sandboxes, ["", "", pod.netns().as_str()])?;
        for (ip, gateway) in items(&result["ips"]).zip(["10.1.0.1", "fd00:1::1"]) {
            same("ips[].interface", &ip["interface"], 2)?;
            same("ips[].gateway", &ip["gateway"], gateway)?;
        }
        equal(
            "addresses",
            addresses(result),
            ["10.1.0.2/24", "fd00:1::2/64"],
        )?;
        equal(
            "addresses of eth0",
            pod.addresses("eth0")?,
            addresses(result),
        )?;
        same("master", &links[1]["master"], "cni0")
    })
}

fn pods_reach_each_other_and_their_gateway(node: &Node) -> Result<()> {
    let (first, second) = (node.pod("a")?, node.pod("b")?);
    let list = bridged(&json!({}));
    attached(&list, node, &first, |_| {
        attached(&list, node, &second, |result| {
            for address in addresses(result) {
                let address = address.split('/').next().unwrap_or_default().to_owned();
                ensure!(first.reaches(&address)?, "{address}");
            }
            for gateway in ["10.1.0.1", "fd00:1::1"] {
                ensure!(second.reaches(gateway)?, "{gateway}");
            }
            Ok(())
        })
    })
}

fn gateway_is_on_the_bridge_and_the_node_forwards(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({})), node, &pod, |_| {
        equal(
            "addresses of cni0",
            node.addresses("cni0")?,
            ["10.1.0.1/24", "fd00:1::1/64"],
        )?;
        for name in FORWARDING {
            equal(name, node_sysctl(node, name)?, "1")?;
        }
        equal(
            "default gateways",
            default_gateways(&pod)?,
            ["10.1.0.1", "fd00:1::1"],
        )
    })
}

fn without_gateway_the_node_is_left_alone(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({"isGateway": false}));
    attached(&list, node, &pod, |_| {
        equal("addresses of cni0", node.addresses("cni0")?, [""; 0])?;
        for name in FORWARDING {
            equal(name, node_sysctl(node, name)?, "0")?;
        }
        Ok(())
    })
}

fn default_gateway_adds_default_routes(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let keys = json!({"isGateway": false, "isDefaultGateway": true, "ipam": host_local(&["10.1.0.0/24", "fd00:1::/64"])});
    attached(&bridged(&keys), node, &pod, |result| {
        let expected = json!([
            {"dst": "0.0.0.0/0", "gw": "10.1.0.1"}, {"dst": "::/0", "gw": "fd00:1::1"},
        ]);
        same("routes", &result["routes"], expected)?;
        equal(
            "default gateways",
            default_gateways(&pod)?,
            ["10.1.0.1", "fd00:1::1"],
        )
    })
}

fn with_routes(routes: &Value) -> Conflist {
    let ipam = merged(&host_local(&["10.1.0.0/24"]), &json!({"routes": routes}));
    bridged(&json!({"ipam": ipam}))
}

fn routes_of_the_config_are_checked(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = with_routes(&json!([{"dst": "172.16.0.0/12"}]));
    attached(&list, node, &pod, |_| Ok(()))
}

fn routes_of_the_config_are_in_the_container(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let routes = json!([{"dst": "172.16.0.0/12"}, {"dst": "192.0.2.0/24", "gw": "10.1.0.7"}]);
    attached_unchecked(&with_routes(&routes), node, &pod, |result| {
        // A gateway that the route does not name may be told or not.
        let told = items(&result["routes"]).map(|route| &route["dst"]);
        equal(
            "routes",
            told.collect::<Vec<_>>(),
            ["172.16.0.0/12", "192.0.2.0/24"],
        )?;
        same("gateway", &result["routes"][1]["gw"], "10.1.0.7")?;
        let shown = pod.ok(&["ip", "route", "show"])?;
        for route in ["172.16.0.0/12 via 10.1.0.1 ", "192.0.2.0/24 via 10.1.0.7 "] {
            ensure!(shown.contains(route), "no {route}: {shown}");
        }
        ensure!(!shown.contains("default"), "{shown}");
        Ok(())
    })
}

fn seen_outside(node: &Node, keys: &Value) -> Result<[Option<IpAddr>; 3]> {
    let outside = Outside::connect(node)?;
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let list = bridged(keys);
    attached(&list, node, &pod, |_| {
        attached(&list, node, &neighbour, |_| {
            let _responder = Responder::start(&neighbour, Transport::Tcp, "[::]:80")?;
            Ok([
                outside.source_seen_from(&pod, Outside::IPV4)?,
                outside.source_seen_from(&pod, Outside::IPV6)?,
                source_seen(&pod, Transport::Tcp, "10.1.0.3:80")?,
            ])
        })
    })
}

fn masquerade_hides_pods_from_the_outside_only(node: &Node) -> Result<()> {
    let expected: [Option<IpAddr>; 3] = [
        Some(Outside::NODE_IPV4.parse()?),
        Some(Outside::NODE_IPV6.parse()?),
        Some("10.1.0.2".parse()?),
    ];
    equal(
        "sources",
        seen_outside(node, &json!({"ipMasq": true}))?,
        expected,
    )
}

fn without_masquerade_the_outside_sees_the_pod(node: &Node) -> Result<()> {
    let pod = Some("10.1.0.2".parse::<IpAddr>()?);
    let seen = seen_outside(node, &json!({}))?;
    equal("sources", seen, [pod, Some("fd00:1::2".parse()?), pod])
}

fn mtu_is_on_both_ends(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({"mtu": 1400})), node, &pod, |result| {
        same("MTU inside", &pod.link("eth0")?["mtu"], 1400)?;
        same(
            "MTU outside",
            &node_link(node, &host_end(result)?)?["mtu"],
            json!(1400),
        )
    })
}

fn mtu_of_the_bridge_follows_the_config(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({"mtu": 1400})), node, &pod, |_| {
        same("MTU", &node_link(node, "cni0")?["mtu"], 1400)
    })
}

fn hairpin_is_set_on_the_port(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    for (keys, expected) in [(json!({}), false), (json!({"hairpinMode": true}), true)] {
        attached(&bridged(&keys), node, &pod, |result| {
            let port = node_link(node, &host_end(result)?)?;
            same(
                "hairpin",
                &port["linkinfo"]["info_slave_data"]["hairpin"],
                expected,
            )
        })?;
    }
    Ok(())
}

fn promiscuous_bridge(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({"promiscMode": true})), node, &pod, |_| {
        let bridge = node_link(node, "cni0")?;
        ensure!(has_flag(&bridge, "PROMISC"), "{bridge}");
        Ok(())
    })
}

fn hairpin_and_promiscuous_exclude_each_other(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({"promiscMode": true, "hairpinMode": true}));
    add_fails(&list, node, &pod)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is there");
    Ok(())
}

fn bridge_with_address(node: &Node) -> Result<()> {
    node.ok(&["ip", "link", "add", "cni0", "type", "bridge"])?;
    node.ok(&["ip", "address", "add", "10.1.0.254/24", "dev", "cni0"])
        .map(drop)
}

fn a_bridge_with_another_address_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    bridge_with_address(node)?;
    add_fails(&bridged(&json!({})), node, &pod)?;
    equal(
        "addresses of cni0",
        node.addresses("cni0")?,
        ["10.1.0.254/24"],
    )
}

fn force_address_replaces_the_bridges_address(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    bridge_with_address(node)?;
    attached(&bridged(&json!({"forceAddress": true})), node, &pod, |_| {
        equal(
            "addresses of cni0",
            node.addresses("cni0")?,
            ["10.1.0.1/24", "fd00:1::1/64"],
        )?;
        ensure!(pod.reaches("10.1.0.1")?, "the gateway is not reached");
        Ok(())
    })
}

fn a_bridge_that_was_there_keeps_its_ports(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    node.ok(&["ip", "link", "add", "cni0", "type", "bridge"])?;
    // The names are those that the tests' search for leftovers knows as the tests' own.
    node.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ])?;
    node.ok(&["ip", "link", "set", "eth0", "master", "cni0"])?;
    attached(&bridged(&json!({})), node, &pod, |_| Ok(()))?;
    same("master", &node_link(node, "eth0")?["master"], "cni0")
}

fn a_link_that_is_no_bridge_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    node.ok(&[
        "ip", "link", "add", "cni0", "type", "veth", "peer", "name", "eth1",
    ])?;
    add_fails(&bridged(&json!({})), node, &pod).map(drop)
}

fn a_second_network_on_one_bridge(node: &Node) -> Result<()> {
    let (first, second) = (node.pod("a")?, node.pod("b")?);
    let routes = json!({"routes": [{"dst": "::/0"}]});
    let six = |subnet: &str| json!({"ipam": merged(&host_local(&[subnet]), &routes)});
    let other = bridged(&six("fd00:2::/64")).with("/name", "others");
    attached(&bridged(&six("fd00:1::/64")), node, &first, |_| {
        attached(&other, node, &second, |_| {
            equal("addresses of cni0", node.addresses("cni0")?.len(), 2_usize)?;
            ensure!(
                first.reaches("fd00:2::2")?,
                "the other network is not reached"
            );
            Ok(())
        })
    })
}

fn dns_of_the_config_is_in_the_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let dns = json!({
        "nameservers": ["192.0.2.53"], "domain": "example.org", "search": ["a.example.org"], "options": ["ndots:2"],
    });
    let result = bridged(&json!({"dns": dns})).add(node, &pod)?;
    equal("dns", &result["dns"], &dns)
}

fn dns_of_ipam_is_in_the_result(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    node.write(
        "/run/pods.resolv.conf",
        "nameserver 192.0.2.53\nsearch example.org\n",
    )?;
    let ipam = merged(
        &host_local(&["10.1.0.0/24"]),
        &json!({"resolvConf": "/run/pods.resolv.conf"}),
    );
    let result = bridged(&json!({"ipam": ipam})).add(node, &pod)?;
    same(
        "nameservers",
        &result["dns"]["nameservers"],
        json!(["192.0.2.53"]),
    )
}

fn spoofed_senders_are_dropped(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({"macspoofchk": true}));
    attached(&list, node, &pod, |result| {
        ensure!(pod.reaches("10.1.0.1")?, "the gateway is not reached");
        let own = pod.link("eth0")?["address"]
            .as_str()
            .context("no address")?
            .to_owned();
        pod.ok(&["ip", "link", "set", "eth0", "address", "02:00:5e:10:00:66"])?;
        ensure!(
            !pod.reaches("10.1.0.1")?,
            "a spoofed sender passes: {result}"
        );
        pod.ok(&["ip", "link", "set", "eth0", "address", &own])?;
        for route in ["10.1.0.1", "fd00:1::1"] {
            let family = if route.contains(':') { "-6" } else { "-4" };
            // The kernel drops routes of a link whose address changes while down; putting them back is no business of ours.
            pod.run(&["ip", family, "route", "replace", "default", "via", route])?;
        }
        Ok(())
    })
}

fn layer_two() -> Conflist {
    bridged(&json!({"isGateway": false, "ipam": {}}))
}

fn layer_two_only(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let result = layer_two().add(node, &pod)?;
    equal("ips", addresses(&result), [""; 0])?;
    equal("interfaces", items(&result["interfaces"]).count(), 3_usize)?;
    ensure!(has_flag(&pod.link("eth0")?, "UP"), "eth0 is down");
    layer_two().del(node, &pod, &result)?;
    ensure!(!pod.has_link("eth0")?, "eth0 is still there");
    Ok(())
}

fn layer_two_only_is_checked(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&layer_two(), node, &pod, |_| Ok(()))
}

fn interfaces_of_one_container_are_apart(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({}));
    let second = list.interface("eth1");
    let results = [list.add(node, &pod)?, second.add(node, &pod)?];
    ensure!(
        addresses(&results[0]) != addresses(&results[1]),
        "one address for two interfaces"
    );
    second.del(node, &pod, &results[1])?;
    ensure!(!pod.has_link("eth1")?, "eth1 is still there");
    equal(
        "addresses of eth0",
        pod.addresses("eth0")?,
        addresses(&results[0]),
    )?;
    list.check(node, &pod, &results[0])?;
    list.del(node, &pod, &results[0])
}

fn noticed(node: &Node, damage: &[&str]) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({}));
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

fn check_notices_a_missing_link(node: &Node) -> Result<()> {
    noticed(node, &["ip", "link", "delete", "eth0"])
}

fn check_notices_a_port_that_left_the_bridge(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({}));
    let result = list.add(node, &pod)?;
    let host = host_end(&result)?;
    check_notices(&list, node, &pod, &result, || {
        node.ok(&["ip", "link", "set", &host, "nomaster"]).map(drop)
    })
}

fn check_allows_what_others_added(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({})), node, &pod, |_| {
        pod.ok(&["ip", "address", "add", "198.51.100.9/32", "dev", "eth0"])?;
        pod.ok(&["ip", "route", "add", "198.51.100.128/25", "via", "10.1.0.1"])
            .map(drop)
    })
}

fn a_long_container_id(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let list = bridged(&json!({"ipMasq": true}));
    let id = "c".repeat(3000);
    let call = |verb: &str, previous: &Value| -> Result<Value> {
        list.entry(0, node, &pod, verb, previous)?
            .variable("CNI_CONTAINERID", &id)
            .succeed()
    };
    let result = call("ADD", &Value::Null)?;
    call("CHECK", &result)?;
    call("DEL", &result)?;
    crate::judge::nothing_left(node, &[result])
}

fn announces_its_address_and_skips_detection(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    attached(&bridged(&json!({})), node, &pod, |_| {
        equal(
            "accept_dad",
            pod.sysctl("net/ipv6/conf/eth0/accept_dad")?,
            "0",
        )?;
        let tentative = pod.ok(&["ip", "-6", "address", "show", "dev", "eth0", "tentative"])?;
        ensure!(!tentative.contains("fd00:1::2"), "{tentative}");
        Ok(())
    })
}

fn mac(node: &Node, keys: &Value, arguments: Option<&str>) -> Result<()> {
    let pod = node.pod("a")?;
    let mut list = bridged(keys);
    if let Some(arguments) = arguments {
        list = list.arguments(arguments);
    }
    attached(&list, node, &pod, |result| {
        same("mac", &pod.link("eth0")?["address"], "02:00:5e:10:00:01")?;
        same(
            "mac told",
            &result["interfaces"][2]["mac"],
            "02:00:5e:10:00:01",
        )
    })
}

fn mac_of_the_runtime_wins(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let keys =
        json!({"args": {"cni": {"mac": "02:00:5e:10:00:98"}}, "capabilities": {"mac": true}});
    let list = bridged(&keys)
        .arguments("IgnoreUnknown=1;MAC=02:00:5e:10:00:99")
        .capability("mac", "02:00:5e:10:00:01");
    attached(&list, node, &pod, |_| {
        same("mac", &pod.link("eth0")?["address"], "02:00:5e:10:00:01")
    })
}
