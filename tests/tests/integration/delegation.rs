//! Our IPAM under another vendor's link, another vendor's IPAM under our link, and chains of both.

use anyhow::Result;
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Background, Network, Node, View, wait_for};

use crate::{addresses, assert_nothing_left, node};

const RESERVATIONS: &str = "/var/lib/cni/networks/pods";

/// What the reference host-local has reserved.
fn reserved(node: &Node) -> Result<Vec<String>> {
    let names = node.run(&["ls", RESERVATIONS])?.stdout;
    let addresses = names
        .lines()
        .filter(|name| name.contains("10.1.") || name.contains("fd00:"));
    Ok(addresses.map(str::to_owned).collect())
}

fn two_pods(node: &Node, network: &Network) -> Result<()> {
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let results = [
        network.add(node, &a).succeed()?,
        network.add(node, &b).succeed()?,
    ];
    for address in addresses(&results[1]) {
        assert!(a.reaches(&address)?, "{address}");
    }
    network.del(node, &a, &results[0]).succeed()?;
    network.del(node, &b, &results[1]).succeed()?;
    network
        .del(node, &b, &Value::Null)
        .variable("CNI_NETNS", "")
        .succeed()?;
    assert_nothing_left(node, &results)
}

#[test]
fn the_reference_bridge_works_with_our_ipam() -> Result<()> {
    let node = node!();
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]);
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
    let plugin = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ipam});
    two_pods(&node, &Network::new("pods", plugin))
}

#[test]
fn our_link_works_with_the_reference_ipam() -> Result<()> {
    let node = node!();
    two_pods(&node, &with_reference_ipam())?;
    assert_eq!(reserved(&node)?, Vec::<String>::new());
    Ok(())
}

fn with_reference_ipam() -> Network {
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]);
    Network::bridge("pods", &[]).with("/ipam", json!({"type": "host-local", "ranges": ranges}))
}

#[test]
fn a_failed_add_gives_the_delegates_addresses_back() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    pod.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0",
    ])?;
    with_reference_ipam().add(&node, &pod).fail()?;
    assert_eq!(reserved(&node)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_delegates_error_is_told_with_its_name() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let ranges = json!([[{"subnet": "10.1.0.0/31"}]]);
    let network = with_reference_ipam().with("/ipam/ranges", ranges);
    let failure = network.add(&node, &pod).fail()?;
    assert!(
        failure.text.contains("host-local") && failure.text.contains("/31"),
        "{failure:?}"
    );
    let missing = with_reference_ipam().with("/ipam/type", "no-such-plugin");
    let failure = missing.add(&node, &pod).fail()?;
    assert!(failure.text.contains("no-such-plugin"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

#[test]
fn a_list_with_another_vendors_plugin_runs_by_hand() -> Result<()> {
    let node = node!();
    let ours = Network::bridge("pods", &["10.1.0.0/24"]).conflist();
    let mut list: Value = serde_json::from_str(&ours)?;
    if let Some(plugins) = list["plugins"].as_array_mut() {
        plugins.push(json!({"type": "tuning", "mtu": 1300}));
    }
    node.write("/etc/cni/net.d/10-pods.conflist", list.to_string())?;
    let pod = node.pod("a")?;
    node.ctl(&["net", "add", "pods", "a"])?;
    assert_eq!(pod.link("eth0")?["mtu"], 1300);
    assert!(pod.reaches("10.1.0.1")?);
    node.ctl(&["net", "check", "pods", "a"])?;
    node.ctl(&["net", "del", "pods", "a"])?;
    assert!(!pod.has_link("eth0")?);
    assert_nothing_left(&node, &[])
}

/// An IPAM executable of the test's own: it keeps what it is given, and on each call whether the interface is there.
fn write_ipam(node: &Node, add: &str) -> Result<()> {
    let script = format!(
        r#"#!/bin/sh
cat >"/run/asked.$CNI_COMMAND"
if nsenter --net="$CNI_NETNS" ip link show dev "$CNI_IFNAME" up 2>/dev/null | grep -q eth0; then
    echo "$CNI_COMMAND with the interface" >>/run/calls
else
    echo "$CNI_COMMAND without the interface" >>/run/calls
fi
case $CNI_COMMAND in
ADD) {add} ;;
DEL) ;;
*)
    echo '{{"code": 142, "msg": "not today", "details": "ask again tomorrow"}}'
    exit 1
    ;;
esac
"#
    );
    node.write(&format!("{BIN_DIR}/own-ipam"), script)?;
    node.ok(&["chmod", "755", &format!("{BIN_DIR}/own-ipam")])
        .map(drop)
}

fn calls(node: &Node) -> Result<Vec<String>> {
    Ok(node
        .ok(&["cat", "/run/calls"])?
        .lines()
        .map(str::to_owned)
        .collect())
}

const GIVE: &str = r#"echo '{"ips": [{"address": "10.1.0.7/24", "gateway": "10.1.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}'"#;

#[test]
fn a_delegate_is_asked_when_the_link_is_there_and_told_when_it_is_gone() -> Result<()> {
    let node = node!();
    write_ipam(&node, GIVE)?;
    let network = Network::bridge("pods", &[]).with("/ipam", json!({"type": "own-ipam"}));
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    assert_eq!(pod.addresses("eth0")?, ["10.1.0.7/24"]);
    assert_eq!(result["ips"][0]["interface"], 2);
    assert!(pod.reaches("10.1.0.1")?);
    network.del(&node, &pod, &result).succeed()?;
    assert_eq!(
        calls(&node)?,
        ["ADD with the interface", "DEL without the interface"]
    );
    // A point-to-point link is routes to its addresses, so there they come first.
    node.ok(&["rm", "/run/calls"])?;
    let network = network.with("/link", json!({"kind": "ptp"}));
    let result = network.add(&node, &pod).succeed()?;
    assert!(pod.reaches("10.1.0.1")?);
    network.del(&node, &pod, &result).succeed()?;
    assert_eq!(
        calls(&node)?,
        ["ADD without the interface", "DEL without the interface"]
    );
    assert_nothing_left(&node, &[result])
}

#[test]
fn the_chain_of_a_link_with_a_delegate_is_applied_whole() -> Result<()> {
    let node = node!();
    write_ipam(&node, GIVE)?;
    let network = Network::bridge("pods", &[])
        .with("/ipam", json!({"type": "own-ipam"}))
        .with("/chain", json!([{"plugin": "tuning", "mtu": 1380, "mac": "02:00:5e:10:00:01"}, {"plugin": "firewall"}]))
        .version("1.1.0");
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    let link = pod.link("eth0")?;
    assert_eq!(
        (&link["mtu"], &link["address"]),
        (&json!(1380), &json!("02:00:5e:10:00:01"))
    );
    let told = &result["interfaces"][2];
    assert_eq!(
        (&told["mtu"], &told["mac"]),
        (&json!(1380), &json!("02:00:5e:10:00:01"))
    );
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn what_was_made_before_a_delegate_fails_is_taken_back_before_it_is_told() -> Result<()> {
    let node = node!();
    let network = Network::bridge("pods", &[]).with("/ipam", json!({"type": "own-ipam"}));
    let pod = node.pod("a")?;
    for (add, expected) in [
        (
            r#"echo '{"code": 141, "msg": "no lease", "details": "nobody answers"}'; exit 1"#,
            vec!["no lease", "nobody answers"],
        ),
        ("echo nonsense; exit 7", vec!["nonsense"]),
        ("echo '{}'", vec!["no address"]),
        ("kill -9 $$", vec!["own-ipam"]),
        // The kernel refuses the second half.
        (
            r#"echo '{"ips": [{"address": "10.1.0.7/24"}], "routes": [{"dst": "192.0.2.0/24", "gw": "10.77.0.1"}]}'"#,
            vec!["192.0.2.0/24"],
        ),
    ] {
        write_ipam(&node, add)?;
        let failure = network.add(&node, &pod).fail()?;
        for word in expected {
            assert!(failure.text.contains(word), "{word}: {failure:?}");
        }
        assert!(!pod.has_link("eth0")?, "{add}");
        assert_eq!(
            calls(&node)?,
            ["ADD with the interface", "DEL without the interface"],
            "{add}"
        );
        assert_nothing_left(&node, &[])?;
        node.ok(&["rm", "/run/calls"])?;
    }
    Ok(())
}

#[test]
fn every_verb_reaches_the_delegate_with_the_configuration_as_it_came() -> Result<()> {
    let node = node!();
    write_ipam(&node, GIVE)?;
    node.drop_in("bridge")?;
    let network = Network::new(
        "pods",
        json!({"type": "bridge", "IsGateway": true, "unknown": [1], "ipam": {"type": "own-ipam", "Key": {"a": null}}}),
    )
    .version("1.1.0");
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    let with_result = network.with_previous(&result);
    let mut gc = network.config().clone();
    gc["cni.dev/valid-attachments"] = json!([{"containerID": "a", "ifname": "eth0"}]);
    let gc = Network::new("pods", gc);
    for call in [
        network.check(&node, &pod, &result),
        gc.call(&node, "GC"),
        network.call(&node, "STATUS"),
    ] {
        let failure = call.fail()?;
        assert_eq!(failure.code, 142, "{failure:?}");
        for word in ["own-ipam", "not today", "ask again tomorrow"] {
            assert!(failure.text.contains(word), "{word}: {failure:?}");
        }
    }
    network.del(&node, &pod, &result).succeed()?;
    for (verb, given) in [
        ("ADD", network.config()),
        ("CHECK", with_result.config()),
        ("GC", gc.config()),
        ("STATUS", network.config()),
    ] {
        let asked = node.json(&["cat", &format!("/run/asked.{verb}")])?;
        assert_eq!(&asked, given, "{verb}");
    }
    let asked = node.json(&["cat", "/run/asked.DEL"])?;
    assert_eq!(asked["ipam"], network.config()["ipam"]);
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_lease_of_the_reference_dhcp_daemon_is_had_and_given_back() -> Result<()> {
    let node = node!();
    node.drop_in("bridge")?;
    node.ok(&["ip", "link", "add", "cni0", "type", "bridge"])?;
    node.ok(&["ip", "address", "add", "10.1.0.1/24", "dev", "cni0"])?;
    node.ok(&["ip", "link", "set", "cni0", "up"])?;
    node.write(
        "/run/udhcpd.conf",
        "interface cni0\nstart 10.1.0.100\nend 10.1.0.110\noption subnet 255.255.255.0\noption router 10.1.0.1\noption lease 600\n\
         lease_file /run/udhcpd.leases\npidfile /run/udhcpd.pid\n",
    )?;
    node.write("/run/udhcpd.leases", "")?;
    let _server = Background::start(&node, &["busybox", "udhcpd", "-f", "/run/udhcpd.conf"])?;
    let _daemon = Background::start(&node, &[&format!("{BIN_DIR}/dhcp"), "daemon"])?;
    wait_for("DHCP server and client", || {
        let is_there = |path: &str| node.path(path).exists();
        Ok(is_there("/run/cni/dhcp.sock") && is_there("/run/udhcpd.pid"))
    })?;
    let bridge = json!({"type": "bridge", "bridge": "cni0", "ipam": {"type": "dhcp"}});
    let network = Network::new("pods", bridge);
    let pod = node.pod("a")?;
    let result = network.add(&node, &pod).succeed()?;
    let address = result["ips"][0]["address"].as_str().unwrap_or_default();
    assert_eq!(pod.addresses("eth0")?, [address]);
    assert!(
        address.starts_with("10.1.0.1") && pod.reaches("10.1.0.1")?,
        "{address}"
    );
    network.check(&node, &pod, &result).succeed()?;
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn our_host_local_under_the_reference_bridge_gives_what_the_reference_gives() -> Result<()> {
    let (reference, ours) = (node!(), node!());
    ours.drop_in("host-local")?;
    let ipam =
        json!({"type": "host-local", "subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]});
    let network = Network::new(
        "pods",
        json!({"type": "bridge", "isGateway": true, "ipam": ipam}),
    );
    let mut views = Vec::new();
    for node in [&reference, &ours] {
        let pod = node.pod("a")?;
        let result = network.add(node, &pod).succeed()?;
        views.push(View::of(node, &pod, &result)?);
        network.check(node, &pod, &result).succeed()?;
        network.del(node, &pod, &result).succeed()?;
        network
            .del(node, &pod, &Value::Null)
            .variable("CNI_NETNS", "")
            .succeed()?;
        assert_nothing_left(node, &[result])?;
    }
    views[1].assert_same(&views[0])
}
