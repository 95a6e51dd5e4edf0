//! Under the reference plugins' names, with their flat configurations: what callers of these expect.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    BIN_DIR, Conflist, Containerd, Network, Node, Outside, Podman, Responder, Transport, View,
    comparable_result, is_silent, link_kind, source_seen, workspace,
};

use crate::{assert_nothing_left, lan, node};

const ATTACHMENT_BUSY: u64 = 112;

const PLUGINS: [&str; 17] = [
    "bridge",
    "ptp",
    "macvlan",
    "ipvlan",
    "vlan",
    "host-device",
    "loopback",
    "host-local",
    "static",
    "portmap",
    "bandwidth",
    "firewall",
    "tuning",
    "sbr",
    "vrf",
    "dummy",
    "tap",
];

fn drop_in_all(node: &Node) -> Result<()> {
    PLUGINS.iter().try_for_each(|name| node.drop_in(name))
}

/// Attaches a pod by the same list on a node with the reference plugins and on one with ours, and compares.
fn same_as_reference(list: &Conflist, prepare: fn(&Node) -> Result<()>) -> Result<()> {
    let (reference, ours) = (node!(), node!());
    drop_in_all(&ours)?;
    let mut views = Vec::new();
    for node in [&reference, &ours] {
        prepare(node)?;
        let pod = node.pod("a")?;
        let result = list.add(node, &pod)?;
        views.push(View::of(node, &pod, &result)?);
        list.check(node, &pod, &result)?;
        list.del(node, &pod, &result)?;
        assert!(!pod.has_link("eth0")?);
        assert_nothing_left(node, &[result])?;
    }
    views[1].assert_same(&views[0])
}

fn nothing(_: &Node) -> Result<()> {
    Ok(())
}

fn dual_stack() -> Value {
    json!({
        "type": "host-local",
        "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "192.0.2.0/24", "gw": "10.1.0.1"}],
        "dataDir": "/run/ipam"
    })
}

#[test]
fn a_bridge_gives_what_the_reference_gives() -> Result<()> {
    let flat = json!({"type": "host-local", "subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9"});
    let cases = [
        json!({"isGateway": true, "ipam": dual_stack(), "dns": {"nameservers": ["10.1.0.1"]}}),
        json!({"bridge": "br7", "isDefaultGateway": true, "ipMasq": true, "mtu": 1400, "ipam": flat}),
        json!({"hairpinMode": true, "ISGATEWAY": true, "ipam": flat, "comment": "unknown keys are passed over"}),
        json!({"promiscMode": true, "ipam": {}}),
        json!({"isGateway": true, "ipam": {
            "type": "static", "routes": [{"dst": "0.0.0.0/0"}],
            "addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "fd00:1::5/64"}]
        }}),
    ];
    for mut case in cases {
        case["type"] = "bridge".into();
        for version in ["1.0.0", "0.3.1"] {
            let mut list = Conflist::new("pods", &[case.clone()]).with("/cniVersion", version);
            // Before 0.4.0 there is no CHECK, and the reference's fails where there is no IPAM.
            if version != "1.0.0" || case["ipam"] == json!({}) {
                list = list.unchecked();
            }
            same_as_reference(&list, nothing).with_context(|| format!("{version} {case}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_point_to_point_link_gives_what_the_reference_gives() -> Result<()> {
    let flat =
        json!({"type": "host-local", "subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]});
    for mut case in [
        json!({"ipam": dual_stack()}),
        json!({"ipMasq": true, "mtu": 1400, "ipam": flat, "dns": {"search": ["a.test"]}}),
    ] {
        case["type"] = "ptp".into();
        let list = Conflist::new("pods", &[case.clone()]);
        same_as_reference(&list, nothing).with_context(|| case.to_string())?;
    }
    Ok(())
}

#[test]
fn a_macvlan_gives_what_the_reference_gives() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    for mut case in [
        json!({"master": "eth0", "mode": "", "ipam": dual_stack()}),
        json!({"master": "eth0", "mode": "private", "mtu": 1400, "ipam": {}}),
    ] {
        case["type"] = "macvlan".into();
        let list = Conflist::new("pods", &[case.clone()]);
        same_as_reference(&list, lan).with_context(|| case.to_string())?;
    }
    Ok(())
}

#[test]
fn a_device_of_the_host_gives_what_the_reference_gives() -> Result<()> {
    for mut case in [
        json!({"device": "eth0", "ipam": dual_stack()}),
        json!({"device": "eth0", "pciBusID": "", "ipam": {}}),
    ] {
        case["type"] = "host-device".into();
        let list = Conflist::new("pods", &[case.clone()]);
        same_as_reference(&list, lan).with_context(|| case.to_string())?;
    }
    Ok(())
}

#[test]
fn a_vlan_and_an_ipvlan_give_what_the_reference_gives() -> Result<()> {
    let node = node!();
    lan(&node)?;
    let vlan =
        json!({"type": "vlan", "master": "eth0", "vlanId": 7, "mtu": 1400, "ipam": dual_stack()});
    let ipvlan = json!({"type": "ipvlan", "master": "eth0", "mode": "l3", "ipam": dual_stack()});
    let kinds: [(&[&str], Value); 2] = [
        (&["link", "eth0", "type", "vlan", "id", "7"], vlan),
        (&["link", "eth0", "type", "ipvlan"], ipvlan),
    ];
    for (kind, config) in kinds {
        if link_kind(&node, kind)? {
            let list = Conflist::new("pods", std::slice::from_ref(&config));
            same_as_reference(&list, lan).with_context(|| config.to_string())?;
        }
    }
    Ok(())
}

/// The reference plugins of the test's machine are older than these two.
#[test]
fn a_tap_and_a_dummy_read_their_flat_configurations() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let pod = node.pod("a")?;
    let flat = json!({"type": "host-local", "subnet": "10.1.0.0/24"});
    let kinds: [(&[&str], Value); 2] = [
        (&["type", "dummy"], json!({"type": "dummy", "ipam": flat})),
        (
            &["mode", "tap"],
            json!({"type": "tap", "multiqueue": true, "mtu": 1400, "owner": 40001, "group": 40002, "bridge": "", "ipam": flat}),
        ),
    ];
    for (kind, config) in kinds {
        if kind[0] == "type" && !link_kind(&node, kind)? {
            continue;
        }
        let list = Conflist::new("pods", &[config]);
        let result = list.add(&node, &pod)?;
        let link = pod.link("eth0")?;
        if kind[1] == "tap" {
            let tap = &link["linkinfo"]["info_data"];
            assert_eq!(link["mtu"], 1400);
            assert_eq!(
                (&tap["user"], &tap["multi_queue"]),
                (&json!(40001), &json!(true)),
                "{link}"
            );
        }
        assert!(!pod.addresses("eth0")?.is_empty());
        list.check(&node, &pod, &result)?;
        list.del(&node, &pod, &result)?;
        assert_nothing_left(&node, &[result])?;
    }
    Ok(())
}

#[test]
fn the_loopback_gives_what_the_reference_gives() -> Result<()> {
    let (reference, ours) = (node!(), node!());
    drop_in_all(&ours)?;
    let mut results = Vec::new();
    for node in [&reference, &ours] {
        let pod = node.pod("a")?;
        let network = Network::new("lo", json!({"type": "loopback"}));
        let call = |verb, previous: &Value| {
            let network = network.with_previous(previous);
            network.call(node, verb).attachment("a", &pod.netns(), "lo")
        };
        let result = call("ADD", &Value::Null).succeed()?;
        assert!(pod.reaches("127.0.0.1")?);
        call("CHECK", &result).succeed()?;
        let before = json!({"cniVersion": "1.0.0", "ips": [{"address": "192.0.2.7/24"}]});
        call("DEL", &result).succeed()?;
        assert!(!pod.reaches("127.0.0.1")?);
        let passed_on = call("ADD", &before).succeed()?;
        assert_eq!(passed_on["ips"], before["ips"]);
        call("DEL", &result).succeed()?;
        results.push([&result, &passed_on].map(comparable_result));
    }
    assert_eq!(results[1], results[0]);
    Ok(())
}

#[test]
fn a_stock_list_runs_in_our_processes_alone() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let list = stock();
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let results = [list.add(&node, &a)?, list.add(&node, &b)?];
    assert!(a.reaches("10.1.0.3")? && a.reaches("10.1.0.1")?);
    list.check(&node, &a, &results[0])?;
    let leases = node.ctl(&["lease", "list"])?;
    let held = leases.as_array().into_iter().flatten();
    assert_eq!(
        held.filter(|lease| lease["state"] == "held").count(),
        2,
        "{leases}"
    );
    // The reference's own directory of reservations is not made.
    assert!(!node.path("/var/lib/cni/networks").exists());
    list.del(&node, &a, &results[0])?;
    list.del(&node, &a, &Value::Null)?;
    list.gc(&node, &[])?;
    assert!(!b.has_link("eth0")?);
    assert_nothing_left(&node, &results)
}

/// A list as operators have it.
fn stock() -> Conflist {
    let bridge = json!({
        "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
        "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "10.1.0.0/16", "gateway": "10.1.0.1"}]]}
    });
    let portmap = json!({"type": "portmap", "capabilities": {"portMappings": true}});
    let list = [
        bridge,
        portmap,
        json!({"type": "firewall", "backend": ""}),
        json!({"type": "tuning"}),
    ];
    Conflist::new("pods", &list).with("/cniVersion", "1.1.0")
}

#[test]
fn static_takes_addresses_and_gateways_from_the_callers_arguments() -> Result<()> {
    for arguments in [
        "IgnoreUnknown=1;IP=10.1.0.7/24;GATEWAY=10.1.0.254",
        "IgnoreUnknown=1;IP=10.1.0.7/24,fd00:1::7/64;GATEWAY=10.1.0.254,fd00:1::1",
    ] {
        let ipam = json!({"type": "static", "addresses": [{"address": "10.9.0.5/24"}], "routes": [{"dst": "0.0.0.0/0"}]});
        let bridge = json!({"type": "bridge", "ipam": ipam});
        let list = Conflist::new("pods", &[bridge]).arguments(arguments);
        same_as_reference(&list, nothing).with_context(|| arguments.to_owned())?;
    }
    Ok(())
}

#[test]
fn static_takes_a_gateway_alone_from_the_callers_arguments() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let pod = node.pod("a")?;
    // The reference reads it before it has read its own addresses, and finds none that it belongs to.
    let ipam = json!({"type": "static", "addresses": [{"address": "10.9.0.5/24"}], "routes": [{"dst": "0.0.0.0/0"}]});
    let list = Conflist::new("pods", &[json!({"type": "bridge", "ipam": ipam})]);
    let list = list.arguments("GATEWAY=10.9.0.254");
    let result = list.add(&node, &pod)?;
    let routes = pod.routes("-4")?;
    assert!(
        routes
            .iter()
            .any(|route| route["dst"] == "default" && route["gateway"] == "10.9.0.254"),
        "{routes:?}"
    );
    list.del(&node, &pod, &result)
}

#[test]
fn check_passes_on_a_bridge_without_addresses() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let pod = node.pod("a")?;
    let list = Conflist::new("pods", &[json!({"type": "bridge", "ipam": {}})]);
    let result = list.add(&node, &pod)?;
    list.check(&node, &pod, &result)?;
    pod.ok(&["ip", "link", "delete", "eth0"])?;
    assert!(list.check(&node, &pod, &result).is_err());
    list.del(&node, &pod, &result)
}

#[test]
fn podman_runs_containers_on_the_network_that_it_brings() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let outside = Outside::connect(&node)?;
    let Some(podman) = Podman::start(&node)? else {
        return Ok(());
    };
    let first = podman.container("first", &["--publish", "8080:80"])?;
    let second = podman.container("second", &["--cap-add", "NET_RAW"])?;
    assert_eq!(first.address()?, "10.88.0.2");
    for address in ["10.88.0.2", Outside::IPV4] {
        assert!(second.reaches(address)?, "{address}");
    }
    let responder = Responder::start(&first, Transport::Tcp, "0.0.0.0:80")?;
    source_seen(&outside, Transport::Tcp, "192.0.2.1:8080")?.context("from outside")?;
    source_seen(&node, Transport::Tcp, "127.0.0.1:8080")?.context("from the host")?;
    drop(responder);
    first.delete()?;
    assert!(is_silent(&outside, Transport::Tcp, "192.0.2.1:8080")?);
    second.delete()?;
    let ips = json!([{"address": "10.88.0.2/16"}, {"address": "10.88.0.3/16"}]);
    assert_nothing_left(&node, &[json!({"ips": ips})])
}

#[test]
fn containerd_runs_containers_on_a_stock_list() -> Result<()> {
    let node = node!();
    drop_in_all(&node)?;
    let list = std::fs::read(workspace().join("examples/drop-in/10-pods.conflist"))?;
    node.write("/etc/cni/net.d/10-pods.conflist", list)?;
    let _outside = Outside::connect(&node)?;
    let Some(containerd) = Containerd::start(&node)? else {
        return Ok(());
    };
    let (first, second) = (containerd.run("first")?, containerd.run("second")?);
    assert_eq!(first.addresses()?, ["10.1.0.2/16", "fd00:1::2/64"]);
    for address in ["10.1.0.2", "fd00:1::2", Outside::IPV4, Outside::IPV6] {
        assert!(second.reaches(address)?, "{address}");
    }
    first.delete()?;
    second.delete()?;
    let ips = json!([{"address": "10.1.0.2/16"}, {"address": "10.1.0.3/16"}, {"address": "fd00:1::2/64"}]);
    assert_nothing_left(&node, &[json!({"ips": ips})])
}

#[test]
fn the_names_are_laid_down_beside_containers_that_run_and_taken_back() -> Result<()> {
    let node = node!();
    let before = names(&node)?;
    let bridge = json!({"type": "bridge", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}});
    let list = Conflist::new("pods", &[bridge]);
    // Addresses that the reference's IPAM gave, under its own link and under ours.
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let first = list.add(&node, &a)?;
    let ours = Network::bridge("pods", &[]).with(
        "/ipam",
        json!({"type": "host-local", "subnet": "10.1.0.0/24"}),
    );
    let second = ours.add(&node, &b).succeed()?;
    assert_eq!(reservations(&node)?, ["10.1.0.2", "10.1.0.3"]);

    let changes = node.ctl(&["install", "--drop-in"])?;
    let done = |name: &str| {
        let mut changes = changes.as_array().into_iter().flatten();
        let found = changes.find(|change| change["name"] == name);
        found
            .map(|change| change["done"].clone())
            .unwrap_or_default()
    };
    assert_eq!(
        (done("bridge"), done("dummy")),
        (json!("replaced"), json!("installed"))
    );
    list.del(&node, &a, &first)?;
    ours.del(&node, &b, &second).succeed()?;
    assert_eq!(reservations(&node)?, Vec::<String>::new());
    assert_nothing_left(&node, &[first, second])?;

    let c = node.pod("c")?;
    let third = list.add(&node, &c)?;
    assert_eq!(reservations(&node)?, Vec::<String>::new());
    list.del(&node, &c, &third)?;
    assert_nothing_left(&node, &[third])?;

    node.ctl(&["install", "--drop-in", "--remove"])?;
    assert_eq!(names(&node)?, before);
    let fourth = list.add(&node, &c)?;
    assert_eq!(reservations(&node)?, ["10.1.0.4"]);
    list.del(&node, &c, &fourth)
}

/// The executables with what they lead to.
fn names(node: &Node) -> Result<String> {
    let list =
        format!("cd {BIN_DIR} && for name in *; do echo \"$name $(readlink -f \"$name\")\"; done");
    node.ok(&["sh", "-c", &list])
}

/// What the reference host-local holds for the network.
fn reservations(node: &Node) -> Result<Vec<String>> {
    let names = node.run(&["ls", "/var/lib/cni/networks/pods"])?.stdout;
    let addresses = names.lines().filter(|name| name.starts_with("10."));
    Ok(addresses.map(str::to_owned).collect())
}

#[test]
fn containers_that_run_when_the_names_are_taken_over_keep_their_addresses() -> Result<()> {
    let node = node!();
    let bridge = json!({"type": "bridge", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}});
    let list = Conflist::new("pods", &[bridge]);
    let (a, b) = (node.pod("a")?, node.pod("b")?);
    let first = list.add(&node, &a)?;
    drop_in_all(&node)?;
    let second = list.add(&node, &b)?;
    assert_eq!(b.addresses("eth0")?, ["10.1.0.3/24"]);
    assert!(b.reaches("10.1.0.2")?);
    list.del(&node, &a, &first)?;
    assert!(!a.has_link("eth0")?);
    list.del(&node, &b, &second)?;
    assert_nothing_left(&node, &[first, second])
}

#[test]
fn another_build_that_is_called_as_ipam_says_so_at_once() -> Result<()> {
    let node = node!();
    node.drop_in("bridge")?;
    let other = format!("{BIN_DIR}/host-local");
    node.ok(&["rm", &other])?;
    node.ok(&["cp", &format!("{BIN_DIR}/wasm-cni"), &other])?;
    node.ok(&["sh", "-c", &format!("echo >>{other}")])?;
    let bridge = json!({"type": "bridge", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}});
    let network = Network::new("pods", bridge);
    let pod = node.pod("a")?;
    let failure = network.add(&node, &pod).fail()?;
    assert_eq!(failure.code, ATTACHMENT_BUSY, "{failure:?}");
    for word in [
        "host-local",
        "another build of wasm-cni",
        "wasm-cnictl install --drop-in",
    ] {
        ensure!(failure.text.contains(word), "{word}: {failure:?}");
    }
    node.ctl(&["install", "--drop-in"])?;
    let result = network.add(&node, &pod).succeed()?;
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])
}
