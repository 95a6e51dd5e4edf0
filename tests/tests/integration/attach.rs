//! ADD as the kernel sees it: every link, every mix of families.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, Outside, Pod, link_kind};

use crate::{addresses, assert_nothing_left, lan, node};

/// Attaches two pods, lets them reach each other in every family, and deletes them again.
fn two_pods(node: &Node, network: &Network) -> Result<()> {
    let name = network.config()["name"].as_str().unwrap_or_default();
    let pods = [
        node.pod(&format!("{name}-a"))?,
        node.pod(&format!("{name}-b"))?,
    ];
    let mut results = Vec::new();
    for pod in &pods {
        results.push(network.add(node, pod).succeed()?);
    }
    for (here, there) in [(0, 1), (1, 0)] {
        for address in addresses(&results[there]) {
            ensure!(
                pods[here].reaches(&address)?,
                "{} does not reach {address}",
                pods[here].name()
            );
        }
    }
    for (pod, result) in pods.iter().zip(&results) {
        in_kernel(pod, result)?;
        network.del(node, pod, result).succeed()?;
    }
    assert_nothing_left(node, &results)
}

/// Has the pod's `eth0` the addresses, and only these, that the result tells, and the MAC?
fn in_kernel(pod: &Pod<'_>, result: &Value) -> Result<()> {
    let mut told: Vec<_> = result["ips"].as_array().into_iter().flatten().collect();
    told.sort_by_key(|ip| ip["address"].as_str().map(|text| text.contains(':')));
    let told: Vec<_> = told
        .iter()
        .filter_map(|ip| ip["address"].as_str())
        .collect();
    ensure!(
        pod.addresses("eth0")? == told,
        "{:?}, told: {told:?}",
        pod.addresses("eth0")?
    );
    let interfaces = result["interfaces"].as_array().into_iter().flatten();
    let mine = interfaces.filter(|interface| interface["sandbox"] == pod.netns());
    let macs: Vec<_> = mine.map(|interface| interface["mac"].clone()).collect();
    ensure!(macs == [pod.link("eth0")?["address"].clone()], "{macs:?}");
    Ok(())
}

fn families(result: &Value) -> Vec<char> {
    let families = addresses(result).into_iter();
    families
        .map(|address| if address.contains(':') { '6' } else { '4' })
        .collect()
}

#[test]
fn three_networks_with_all_mixes_of_families_work_side_by_side() -> Result<()> {
    let node = node!();
    let networks = [
        ("four", "br4", vec!["10.4.0.0/24"]),
        ("six", "br6", vec!["fd00:6::/64"]),
        ("both", "br46", vec!["10.46.0.0/24", "fd00:46::/64"]),
        ("reverse", "br64", vec!["fd00:64::/64", "10.64.0.0/24"]),
    ];
    for (name, bridge, subnets) in networks {
        let network = Network::bridge(name, &subnets).with("/link/bridge", bridge);
        two_pods(&node, &network)?;
    }
    Ok(())
}

#[test]
fn the_primary_family_comes_first_in_the_result() -> Result<()> {
    let node = node!();
    let four = ("four", ["10.1.0.0/24", "fd00:1::/64"], ['4', '6']);
    let six = ("six", ["fd00:2::/64", "10.2.0.0/24"], ['6', '4']);
    for (name, subnets, expected) in [four, six] {
        let pod = node.pod(name)?;
        let bridge = format!("br{name}");
        let network = Network::bridge(name, &subnets).with("/link/bridge", bridge);
        assert_eq!(families(&network.add(&node, &pod).succeed()?), expected);
    }
    Ok(())
}

#[test]
fn a_bridge_has_the_gateway_and_pods_have_their_default_routes() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    let result = network.add(&node, &pod).succeed()?;
    assert_eq!(node.addresses("cni0")?, ["10.1.0.1/24", "fd00:1::1/64"]);
    for (family, gateway) in [("-4", "10.1.0.1"), ("-6", "fd00:1::1")] {
        let routes = pod.routes(family)?;
        let default = routes.iter().find(|route| route["dst"] == "default");
        assert_eq!(
            default.map(|route| &route["gateway"]),
            Some(&json!(gateway)),
            "{routes:?}"
        );
        assert!(pod.reaches(gateway)?);
    }
    let names: Vec<_> = result["interfaces"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(names[0]["name"], "cni0");
    assert_eq!(result["ips"][0]["interface"], 2);
    Ok(())
}

#[test]
fn masquerade_hides_pods_from_the_outside_and_from_nobody_else() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    network.add(&node, &a).succeed()?;
    network.add(&node, &b).succeed()?;
    let seen = |address| outside.source_seen_from(&a, address);
    assert_eq!(seen(Outside::IPV4)?, Some(Outside::NODE_IPV4.parse()?));
    assert_eq!(seen(Outside::IPV6)?, Some(Outside::NODE_IPV6.parse()?));
    assert!(a.reaches("10.1.0.3")? && a.reaches("fd00:1::3")?);
    Ok(())
}

#[test]
fn excluded_destinations_see_the_pods_own_address() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"]).with(
        "/link/masqExclude",
        json!([format!("{}/32", Outside::IPV4)]),
    );
    network.add(&node, &pod).succeed()?;
    assert_eq!(
        outside.source_seen_from(&pod, Outside::IPV4)?,
        Some("10.1.0.2".parse()?)
    );
    Ok(())
}

#[test]
fn ptp_pods_reach_each_other_through_the_host() -> Result<()> {
    let node = node!();
    let link = json!({"kind": "ptp", "ipMasq": true});
    let network = Network::of_link("direct", link, &["10.3.0.0/24", "fd00:3::/64"]).with(
        "/ipam/routes",
        json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]),
    );
    two_pods(&node, &network)
}

#[test]
fn macvlan_pods_reach_each_other_through_their_master() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    let link = json!({"kind": "macvlan", "master": "eth0"});
    let network = Network::of_link("flat", link, &["10.5.0.0/24", "fd00:5::/64"]);
    two_pods(&node, &network)
}

#[test]
fn loopback_is_up_after_add() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::new(
        "lo",
        json!({"type": "wasm-cni", "link": {"kind": "loopback"}}),
    );
    let call = |verb| {
        network
            .call(&node, verb)
            .attachment("a", &pod.netns(), "lo")
    };
    let result = call("ADD").succeed()?;
    assert_eq!(result["interfaces"][0]["name"], "lo");
    assert_eq!(addresses(&result), ["127.0.0.1", "::1"]);
    assert!(pod.reaches("127.0.0.1")? && pod.reaches("::1")?);
    call("DEL").succeed()?;
    Ok(())
}

#[test]
fn one_container_may_have_several_interfaces() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"]).with("/link/isDefaultGateway", false);
    let add = |name| {
        network
            .call(&node, "ADD")
            .attachment("a", &pod.netns(), name)
            .succeed()
    };
    let results = [add("eth0")?, add("eth1")?];
    assert_ne!(addresses(&results[0]), addresses(&results[1]));
    network
        .call(&node, "DEL")
        .attachment("a", &pod.netns(), "eth0")
        .succeed()?;
    assert!(!pod.has_link("eth0")? && pod.has_link("eth1")?);
    network
        .call(&node, "DEL")
        .attachment("a", &pod.netns(), "eth1")
        .succeed()?;
    assert_nothing_left(&node, &results)
}

#[test]
fn options_of_a_bridge_port_reach_the_kernel() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"])
        .with("/link/mtu", 1400)
        .with("/link/hairpinMode", true)
        .with("/link/portIsolation", true);
    network.add(&node, &pod).succeed()?;
    assert_eq!(pod.link("eth0")?["mtu"], 1400);
    let port = node.link_names("veth")?.remove(0);
    let shown = node.json(&["ip", "-j", "-d", "link", "show", "dev", &port])?;
    let data = &shown[0]["linkinfo"]["info_slave_data"];
    assert_eq!(
        (&data["hairpin"], &data["isolated"]),
        (&json!(true), &json!(true)),
        "{data}"
    );
    Ok(())
}

/// What the kernel would do for each port whenever one is added.
#[test]
fn a_bridge_spares_its_ports_link_local_addresses_and_multicast_snooping() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    let pods = [node.pod("a")?, node.pod("b")?];
    for pod in &pods {
        network.add(&node, pod).succeed()?;
    }
    for port in node.link_names("veth")? {
        let addresses = node.json(&["ip", "-j", "-6", "address", "show", "dev", &port])?;
        ensure!(addresses == json!([]), "{addresses}");
    }
    ensure!(pods[0].reaches("fd00:1::3")? && pods[0].reaches("fd00:1::1")?);

    let other = Network::of_link(
        "video",
        json!({"kind": "bridge", "bridge": "video0", "mcastSnooping": true}),
        &["10.2.0.0/24"],
    );
    other
        .call(&node, "ADD")
        .attachment("a", &pods[0].netns(), "eth1")
        .succeed()?;
    for (bridge, snooping) in [("cni0", 0), ("video0", 1)] {
        let shown = node.json(&["ip", "-j", "-d", "link", "show", "dev", bridge])?;
        assert_eq!(
            shown[0]["linkinfo"]["info_data"]["mcast_snooping"],
            snooping
        );
    }
    Ok(())
}

#[test]
fn vlans_of_one_bridge_are_separate() -> Result<()> {
    let node = node!();
    if !link_kind(&node, &["type", "bridge", "vlan_filtering", "1"])? {
        return Ok(());
    }
    let of_vlan = |name: &str, vlan: u16, subnet: &str| {
        let link = json!({"kind": "bridge", "bridge": "trunk0", "vlan": vlan});
        Network::of_link(name, link, &[subnet])
    };
    // The same subnet twice: only the VLAN keeps them apart.
    let (red, blue) = (
        of_vlan("red", 10, "10.9.0.0/25"),
        of_vlan("blue", 20, "10.9.0.0/24"),
    );
    let pods = [node.pod("a")?, node.pod("b")?, node.pod("c")?];
    red.add(&node, &pods[0]).succeed()?;
    red.add(&node, &pods[1]).succeed()?;
    let requested = blue.with("/args", json!({"cni": {"ips": ["10.9.0.9"]}}));
    requested.add(&node, &pods[2]).succeed()?;
    assert!(pods[0].reaches("10.9.0.3")?);
    assert!(
        !pods[0]
            .run(&["ping", "-n", "-c", "1", "-w", "1", "10.9.0.9"])?
            .success()
    );
    Ok(())
}

#[test]
fn a_requested_mac_and_address_are_given() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"])
        .with(
            "/runtimeConfig",
            json!({"mac": "02:11:22:33:44:55", "ips": ["10.1.0.77/24"]}),
        )
        .with("/capabilities", json!({"mac": true, "ips": true}));
    let result = network.add(&node, &pod).succeed()?;
    assert_eq!(addresses(&result), ["10.1.0.77"]);
    assert_eq!(pod.link("eth0")?["address"], "02:11:22:33:44:55");
    Ok(())
}

#[test]
fn a_neighbour_reaches_the_next_holder_of_an_address_at_once() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &["10.1.0.0/24", "fd00:1::/64"]);
    let (neighbour, first, second) = (node.pod("n")?, node.pod("a")?, node.pod("b")?);
    network.add(&node, &neighbour).succeed()?;
    let result = network.add(&node, &first).succeed()?;
    let held = addresses(&result);
    for address in &held {
        ensure!(neighbour.reaches(address)?);
    }
    network.del(&node, &first, &result).succeed()?;
    let same = network.with("/args", json!({"cni": {"ips": held}}));
    assert_eq!(addresses(&same.add(&node, &second).succeed()?), held);
    for address in &held {
        let known = neighbour.json(&["ip", "-j", "neigh", "show", address, "dev", "eth0"])?;
        assert_eq!(known[0]["lladdr"], second.link("eth0")?["address"]);
        // One packet: one that goes to a wrong Ethernet address is lost.
        neighbour.ok(&["ping", "-c1", "-W1", address])?;
    }
    Ok(())
}

#[test]
fn a_network_of_ipv4_alone_gives_no_link_local_address() -> Result<()> {
    let node = node!();
    let networks = [
        Network::bridge("four", &["10.4.0.0/24"]),
        Network::of_link("direct", json!({"kind": "ptp"}), &["10.5.0.0/24"]),
    ];
    for network in networks {
        let pod = node.pod(network.config()["name"].as_str().unwrap_or_default())?;
        network.add(&node, &pod).succeed()?;
        let local = pod.json(&["ip", "-j", "-6", "addr", "show", "dev", "eth0"])?;
        ensure!(local.as_array().is_some_and(Vec::is_empty), "{local}");
    }
    for end in node.link_names("veth")? {
        let local = node.json(&["ip", "-j", "-6", "addr", "show", "dev", &end])?;
        ensure!(local.as_array().is_some_and(Vec::is_empty), "{local}");
    }
    Ok(())
}
