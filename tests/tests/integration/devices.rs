//! Devices of the host that containers get, and taps.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Network, Node, Pod, Snapshot};

use crate::{addresses, assert_nothing_left, node};

const DEVICE_TAKEN: u64 = 118;
const KERNEL_STEP_FAILED: u64 = 108;
const INVALID_NETWORK_CONFIG: u64 = 7;
const EXHAUSTED: u64 = 100;

/// An interface that stands for a device: one end of a veth, whose other end answers as 10.5.0.1.
fn device(node: &Node, name: &str) -> Result<()> {
    let peer = format!("{name}p");
    node.ok(&[
        "ip", "link", "add", name, "type", "veth", "peer", "name", &peer,
    ])?;
    node.ok(&["ip", "link", "set", name, "up", "mtu", "1450"])?;
    node.ok(&["ip", "link", "set", &peer, "up"])?;
    node.ok(&["ip", "address", "add", "10.5.0.1/24", "dev", &peer])?;
    Ok(())
}

/// What an operator would miss of it.
fn looks(node: &Node, name: &str) -> Result<Value> {
    let found = node.json(&["ip", "-j", "-d", "link", "show", "dev", name])?;
    let link = &found[0];
    let up = link["flags"].as_array().into_iter().flatten();
    Ok(json!({
        "mac": link["address"], "mtu": link["mtu"], "alias": link["ifalias"],
        "kind": link["linkinfo"]["info_kind"],
        "up": up.filter(|flag| *flag == "UP").count() > 0,
    }))
}

fn has_device(node: &Node, name: &str) -> Result<bool> {
    Ok(node.run(&["ip", "link", "show", "dev", name])?.success())
}

fn of_device(name: &str) -> Network {
    let link = json!({"kind": "host-device", "device": name});
    Network::of_link("lab", link, &["10.5.0.0/24", "fd00:5::/64"])
}

#[test]
fn a_device_is_lent_and_returned_as_it_was() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let before = looks(&node, "dev0")?;
    let pod = node.pod("a")?;
    let network = of_device("dev0");
    let result = network.add(&node, &pod).succeed()?;
    ensure!(!has_device(&node, "dev0")?);
    ensure!(
        result["interfaces"].as_array().map(Vec::len) == Some(1),
        "{result}"
    );
    let interface = &result["interfaces"][0];
    ensure!(
        interface["name"] == "eth0" && interface["sandbox"] == pod.netns().as_str(),
        "{result}"
    );
    ensure!(interface["mac"] == before["mac"], "{result}");
    ensure!(result["ips"][0]["interface"] == 0, "{result}");
    ensure!(pod.addresses("eth0")? == ["10.5.0.2/24", "fd00:5::2/64"]);
    ensure!(pod.reaches("10.5.0.1")?);
    network.check(&node, &pod, &result).succeed()?;
    pod.ok(&["ip", "address", "flush", "dev", "eth0"])?;
    network.check(&node, &pod, &result).fail()?;

    network.del(&node, &pod, &result).succeed()?;
    ensure!(looks(&node, "dev0")? == before, "{}", looks(&node, "dev0")?);
    network
        .del(&node, &pod, &result)
        .without("CNI_NETNS")
        .succeed()?;
    ensure!(looks(&node, "dev0")? == before);
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_second_pod_is_told_who_has_the_device() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let network = of_device("dev0");
    let result = network.add(&node, &first).succeed()?;
    let before = Snapshot::take(&node)?;
    let failure = network.add(&node, &second).fail()?;
    ensure!(failure.code == DEVICE_TAKEN, "{failure:?}");
    for word in ["dev0", "lab", "first"] {
        ensure!(failure.text.contains(word), "no {word}: {failure:?}");
    }
    before.assert_unchanged(&node)?;
    network.del(&node, &first, &result).succeed()?;
    let given = network.add(&node, &second).succeed()?;
    network.del(&node, &second, &given).succeed()?;
    ensure!(has_device(&node, "dev0")?);
    Ok(())
}

#[test]
fn of_many_pods_that_want_one_device_at_once_one_has_it() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let network = of_device("dev0");
    let pods: Vec<Pod<'_>> = (0..6)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let replies = thread::scope(|scope| {
        let calls: Vec<_> = pods
            .iter()
            .map(|pod| scope.spawn(|| network.add(&node, pod).run()))
            .collect();
        let results = calls.into_iter().map(|call| call.join());
        results.collect::<Vec<_>>()
    });
    let mut winners = Vec::new();
    for (pod, reply) in pods.iter().zip(replies) {
        let reply = reply.map_err(|_| anyhow::anyhow!("a panic"))??;
        if reply.0.success() {
            winners.push(pod);
        } else {
            let failure = reply.failure()?;
            ensure!(failure.text.contains("dev0"), "{failure:?}");
        }
    }
    ensure!(winners.len() == 1, "{} have it", winners.len());
    ensure!(winners[0].has_link("eth0")?);
    for pod in &pods {
        network.del(&node, pod, &Value::Null).succeed()?;
    }
    ensure!(has_device(&node, "dev0")?);
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[])
}

#[test]
fn an_add_or_del_killed_at_any_moment_does_not_lose_the_device() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let before = looks(&node, "dev0")?;
    let network = of_device("dev0");
    for step in 1..=20_u32 {
        let pod = node.pod(&format!("pod{step}"))?;
        let delay = 0.000_5 * f64::from(step);
        let context = || format!("killed after {delay} s");
        network.add(&node, &pod).killed_after(delay).run()?;
        network
            .del(&node, &pod, &Value::Null)
            .killed_after(delay)
            .run()?;
        network
            .del(&node, &pod, &Value::Null)
            .succeed()
            .with_context(context)?;
        ensure!(
            looks(&node, "dev0").with_context(context)? == before,
            "{}",
            context()
        );
        ensure!(!pod.has_link("eth0")?, "{}", context());
    }
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[])
}

#[test]
fn a_step_that_fails_brings_the_device_back() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let before = looks(&node, "dev0")?;
    let pod = node.pod("a")?;
    let mut config = of_device("dev0").config().clone();
    // No address of the pod leads to this gateway.
    config["ipam"]["routes"] = json!([{"dst": "192.0.2.0/24", "gw": "198.51.100.1"}]);
    let network = Network::new("lab", config);
    let failure = network.add(&node, &pod).fail()?;
    ensure!(failure.code == KERNEL_STEP_FAILED, "{failure:?}");
    ensure!(looks(&node, "dev0")? == before);
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[])
}

#[test]
fn without_ipam_a_device_is_moved_and_up() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let pod = node.pod("a")?;
    let link = json!({"kind": "host-device", "device": "dev0"});
    let network = Network::new("lab", json!({"type": "wasm-cni", "link": link}));
    let result = network.add(&node, &pod).succeed()?;
    ensure!(
        result["ips"].as_array().is_none_or(Vec::is_empty),
        "{result}"
    );
    let flags = pod.link("eth0")?["flags"].clone();
    ensure!(
        flags
            .as_array()
            .is_some_and(|flags| flags.contains(&"UP".into())),
        "{flags}"
    );
    network.check(&node, &pod, &result).succeed()?;
    network.del(&node, &pod, &result).succeed()?;
    ensure!(has_device(&node, "dev0")?);
    Ok(())
}

#[test]
fn a_device_is_found_in_every_way_that_is_offered() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let mac = looks(&node, "dev0")?["mac"].clone();
    // What sysfs shows of a PCI, a virtio, an auxiliary and a platform device.
    node.ok(&["mount", "-t", "tmpfs", "tmpfs", "/sys"])?;
    for directory in [
        "bus/pci/devices/0000:00:05.0/net/dev0",
        "bus/pci/devices/0000:00:06.0/virtio3/net/dev0",
        "bus/auxiliary/devices/mlx5_core.sf.4/net/dev0",
        "devices/platform/nic0/net/dev0",
        "bus/pci/devices/0000:00:07.0",
        "bus/pci/drivers/vfio-pci",
    ] {
        node.ok(&["mkdir", "-p", &format!("/sys/{directory}")])?;
    }
    node.ok(&[
        "ln",
        "-s",
        "/sys/bus/pci/drivers/vfio-pci",
        "/sys/bus/pci/devices/0000:00:07.0/driver",
    ])?;
    let ranges = json!([[{"subnet": "10.5.0.0/24"}]]);
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
    let of = |keys: Value, device_id: &str| {
        let mut link = keys;
        link["kind"] = "host-device".into();
        let mut config = json!({"type": "wasm-cni", "link": link, "ipam": ipam});
        if !device_id.is_empty() {
            config["runtimeConfig"] = json!({"deviceID": device_id});
            config["capabilities"] = json!({"deviceID": true});
        }
        Network::new("lab", config)
    };
    let pod = node.pod("a")?;
    for network in [
        of(json!({"hwaddr": mac}), ""),
        of(json!({"kernelpath": "/sys/devices/platform/nic0"}), ""),
        of(json!({"pciBusID": "0000:00:05.0"}), ""),
        of(json!({"pciBusID": "0000:00:06.0"}), ""),
        of(json!({}), "0000:00:05.0"),
        of(json!({"device": "other"}), "mlx5_core.sf.4"),
    ] {
        let what = network.config().to_string();
        let result = network.add(&node, &pod).succeed().context(what.clone())?;
        ensure!(pod.link("eth0")?["address"] == mac, "{what}");
        network
            .check(&node, &pod, &result)
            .succeed()
            .context(what.clone())?;
        network
            .del(&node, &pod, &result)
            .succeed()
            .context(what.clone())?;
        ensure!(has_device(&node, "dev0")?, "{what}");
    }
    // A program drives this one: it is left where it is, and the container has addresses for it.
    let network = of(json!({"pciBusID": "0000:00:07.0"}), "");
    let result = network.add(&node, &pod).succeed()?;
    ensure!(result["interfaces"][0]["name"] == "eth0", "{result}");
    ensure!(
        result["interfaces"][0]["mac"]
            .as_str()
            .unwrap_or_default()
            .is_empty(),
        "{result}"
    );
    ensure!(
        addresses(&result).len() == 1 && !pod.has_link("eth0")?,
        "{result}"
    );
    network.check(&node, &pod, &result).succeed()?;
    network.del(&node, &pod, &result).succeed()?;
    for keys in [
        json!({"device": "nodev0"}),
        json!({"pciBusID": "0000:00:1f.6"}),
        json!({"hwaddr": "02:00:00:00:00:77"}),
        json!({"kernelpath": "/sys/devices/nowhere"}),
    ] {
        let failure = of(keys.clone(), "").add(&node, &pod).fail()?;
        ensure!(failure.code == KERNEL_STEP_FAILED, "{keys}: {failure:?}");
        ensure!(failure.text.contains("is not on the host"), "{failure:?}");
    }
    let failure = of(json!({}), "").add(&node, &pod).fail()?;
    ensure!(failure.code == INVALID_NETWORK_CONFIG, "{failure:?}");
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[])
}

/// A network with a single address, so that whoever wants one has the dead looked for.
fn single(link: Value) -> Network {
    Network::of_link("few", link, &["10.5.0.0/24"]).with(
        "/ipam/ranges",
        json!([[{"subnet": "10.5.0.0/24", "rangeStart": "10.5.0.2", "rangeEnd": "10.5.0.2"}]]),
    )
}

/// The first ADD that is served; the kernel takes dead namespaces apart in its own time.
fn add_when_free(network: &Network, node: &Node, pod: &Pod<'_>) -> Result<Value> {
    for _ in 0..1000 {
        let reply = network.add(node, pod).run()?;
        if reply.0.success() {
            return reply.result();
        }
        ensure!(reply.clone().failure()?.code == EXHAUSTED, "{reply:?}");
        thread::sleep(Duration::from_millis(5));
    }
    anyhow::bail!("the address does not become free")
}

#[test]
fn the_address_of_a_device_that_died_with_its_container_is_free_again() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let result = single(json!({"kind": "host-device", "device": "dev0"}))
        .add(&node, &first)
        .succeed()?;
    let other = single(json!({"kind": "tap"}));
    ensure!(other.add(&node, &second).fail()?.code == EXHAUSTED);
    first.delete()?;
    let given = add_when_free(&other, &node, &second)?;
    ensure!(addresses(&given) == addresses(&result), "{given}");
    other.del(&node, &second, &given).succeed()?;
    assert_nothing_left(&node, &[])
}

#[test]
fn either_plugin_brings_back_what_the_other_moved() -> Result<()> {
    let node = node!();
    device(&node, "dev0")?;
    let mac = looks(&node, "dev0")?["mac"].clone();
    let pod = node.pod("a")?;
    let theirs = Network::new("lab", json!({"type": "host-device", "device": "dev0"}));
    let ours = Network::new(
        "lab",
        json!({"type": "wasm-cni", "link": {"kind": "host-device", "device": "dev0"}}),
    );
    let result = theirs.add(&node, &pod).succeed()?;
    ours.del(&node, &pod, &result).succeed()?;
    ensure!(looks(&node, "dev0")?["mac"] == mac && looks(&node, "dev0")?["alias"].is_null());
    let result = ours.add(&node, &pod).succeed()?;
    theirs.del(&node, &pod, &result).succeed()?;
    ensure!(looks(&node, "dev0")?["mac"] == mac);
    ours.del(&node, &pod, &result).succeed()?;
    ensure!(looks(&node, "dev0")?["mac"] == mac);
    node.ok(&["ip", "link", "delete", "dev0"])?;
    assert_nothing_left(&node, &[])
}

#[test]
fn a_tap_has_what_was_asked_for() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    pod.ok(&["ip", "link", "add", "br0", "type", "bridge"])?;
    let link = json!({
        "kind": "tap", "multiQueue": true, "mtu": 1400, "owner": 1000, "group": 1001,
        "mac": "02:00:00:00:00:42", "bridge": "br0",
    });
    let network = Network::of_link("vms", link, &["10.6.0.0/24", "fd00:6::/64"]);
    let result = network.add(&node, &pod).succeed()?;
    let interface = &result["interfaces"][0];
    ensure!(interface["mac"] == "02:00:00:00:00:42", "{result}");
    let eth0 = pod.link("eth0")?;
    ensure!(
        eth0["address"] == "02:00:00:00:00:42" && eth0["mtu"] == 1400,
        "{eth0}"
    );
    ensure!(eth0["master"] == "br0", "{eth0}");
    let data = &eth0["linkinfo"]["info_data"];
    ensure!(
        data["type"] == "tap" && data["multi_queue"] == true,
        "{data}"
    );
    ensure!(pod.addresses("eth0")? == ["10.6.0.2/24", "fd00:6::2/64"]);
    network.check(&node, &pod, &result).succeed()?;
    pod.ok(&["ip", "link", "set", "eth0", "nomaster"])?;
    network.check(&node, &pod, &result).fail()?;
    network.del(&node, &pod, &result).succeed()?;
    ensure!(!pod.has_link("eth0")?);
    assert_nothing_left(&node, &[result])
}

#[test]
fn the_runtimes_ethernet_address_comes_before_the_configured_one() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let link = json!({"kind": "tap", "mac": "02:00:00:00:00:42"});
    let network = Network::new("vms", json!({"type": "wasm-cni", "link": link}));
    let asked = network
        .with("/runtimeConfig", json!({"mac": "02:00:00:00:00:43"}))
        .with("/capabilities", json!({"mac": true}));
    let result = asked.add(&node, &pod).succeed()?;
    ensure!(pod.link("eth0")?["address"] == "02:00:00:00:00:43");
    asked.del(&node, &pod, &result).succeed()?;
    let call: CniCall<'_> = network
        .add(&node, &pod)
        .variable("CNI_ARGS", "IgnoreUnknown=1;MAC=02:00:00:00:00:44");
    let result = call.succeed()?;
    ensure!(pod.link("eth0")?["address"] == "02:00:00:00:00:44");
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_tap_of_a_killed_add_is_gone_after_del() -> Result<()> {
    let node = node!();
    let network = Network::of_link("vms", json!({"kind": "tap"}), &["10.6.0.0/24"]);
    for step in 1..=20_u32 {
        let pod = node.pod(&format!("pod{step}"))?;
        let delay = 0.000_5 * f64::from(step);
        network.add(&node, &pod).killed_after(delay).run()?;
        network.del(&node, &pod, &Value::Null).succeed()?;
        ensure!(!pod.has_link("eth0")?, "killed after {delay} s");
        assert_nothing_left(&node, &[]).with_context(|| format!("killed after {delay} s"))?;
    }
    Ok(())
}

#[test]
fn a_tap_keeps_its_address_as_long_as_its_pod_lives() -> Result<()> {
    let node = node!();
    let network = single(json!({"kind": "tap"}));
    let (first, second) = (node.pod("first")?, node.pod("second")?);
    let result = network.add(&node, &first).succeed()?;
    ensure!(network.add(&node, &second).fail()?.code == EXHAUSTED);
    // A pod may give its interface another Ethernet address.
    first.ok(&["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"])?;
    ensure!(network.add(&node, &second).fail()?.code == EXHAUSTED);
    first.delete()?;
    let given = add_when_free(&network, &node, &second)?;
    ensure!(addresses(&given) == addresses(&result), "{given}");
    network.del(&node, &second, &given).succeed()?;
    assert_nothing_left(&node, &[result, given])
}
