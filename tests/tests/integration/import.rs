//! `wasm-cnictl lease import`: running pods of the reference plugins become ours, without a new address.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Network, Node, Pod};

use crate::{addresses, assert_nothing_left, lan, node};

const RESERVATIONS: &str = "/var/lib/cni/networks/pods";

fn ranges() -> Value {
    json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]])
}

/// The reference bridge and host-local.
fn reference() -> Network {
    let ipam = json!({"type": "host-local", "ranges": ranges()});
    let plugin = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ipam});
    Network::new("pods", plugin)
}

/// The same network, by us.
fn ours() -> Network {
    let link = json!({"kind": "bridge", "bridge": "cni0", "isGateway": true});
    Network::of_link("pods", link, &["10.1.0.0/24", "fd00:1::/64"])
}

fn import(node: &Node) -> Result<Vec<(String, String)>> {
    let answer = node.ctl(&["lease", "import", "--from", "host-local"])?;
    let attachments = answer[0]["attachments"].as_array().cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(attachments
        .unwrap_or_default()
        .iter()
        .map(|attachment| {
            (
                text(&attachment["containerId"]),
                text(&attachment["outcome"]),
            )
        })
        .collect())
}

fn outcomes(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(container, outcome)| ((*container).to_owned(), (*outcome).to_owned()))
        .collect()
}

fn held(node: &Node) -> Result<Vec<String>> {
    let leases = node.ctl(&["lease", "list", "--network", "pods"])?;
    let held = leases.as_array().into_iter().flatten();
    let mut held: Vec<_> = held
        .filter(|lease| lease["state"] == "held")
        .filter_map(|lease| lease["address"].as_str().map(str::to_owned))
        .collect();
    held.sort();
    Ok(held)
}

#[test]
fn running_pods_of_the_reference_are_taken_over_and_deleted_by_us() -> Result<()> {
    let node = node!();
    let (old, stays, new) = (node.pod("old")?, node.pod("stays")?, node.pod("new")?);
    let first = reference().add(&node, &old).succeed()?;
    let second = reference().add(&node, &stays).succeed()?;
    assert_eq!(
        import(&node)?,
        outcomes(&[("old", "imported"), ("stays", "imported")])
    );
    assert_eq!(
        import(&node)?,
        outcomes(&[("old", "known"), ("stays", "known")])
    );
    assert_eq!(
        held(&node)?,
        ["10.1.0.2", "10.1.0.3", "fd00:1::2", "fd00:1::3"]
    );

    // Behind the last one of the reference, as it would have gone on itself.
    let third = ours().add(&node, &new).succeed()?;
    assert_eq!(addresses(&third), ["10.1.0.4", "fd00:1::4"]);
    assert!(new.reaches("10.1.0.2")? && new.reaches("fd00:1::3")?);

    ours().del(&node, &old, &first).succeed()?;
    assert!(!old.has_link("eth0")?);
    assert_eq!(node.link_names("veth")?.len(), 2);
    assert_eq!(
        held(&node)?,
        ["10.1.0.3", "10.1.0.4", "fd00:1::3", "fd00:1::4"]
    );
    // What the reference has on disk does not matter any more.
    assert!(node.path(RESERVATIONS).join("10.1.0.2").exists());
    assert_eq!(
        import(&node)?,
        outcomes(&[("old", "stale"), ("stays", "known")])
    );

    ours().del(&node, &stays, &second).succeed()?;
    ours().del(&node, &new, &third).succeed()?;
    assert_nothing_left(&node, &[first, second, third])
}

#[test]
fn a_pod_that_ended_without_us_is_swept() -> Result<()> {
    let node = node!();
    let pod = node.pod("pod")?;
    let result = reference().add(&node, &pod).succeed()?;
    import(&node)?;
    pod.delete()?;
    while !node.link_names("veth")?.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(node.ctl(&["gc"])?["removed"], json!(["pods/pod/eth0"]));
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_macvlan_is_found_in_its_namespace_and_deleted_there() -> Result<()> {
    let node = node!();
    lan(&node)?;
    let ipam = json!({"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]});
    let reference = Network::new(
        "pods",
        json!({"type": "macvlan", "master": "eth0", "ipam": ipam}),
    );
    let link = json!({"kind": "macvlan", "master": "eth0"});
    let ours = Network::of_link("pods", link, &["10.1.0.0/24"]);
    let (old, new) = (node.pod("old")?, node.pod("new")?);
    let result = reference.add(&node, &old).succeed()?;
    assert_eq!(import(&node)?, outcomes(&[("old", "imported")]));
    let other = ours.add(&node, &new).succeed()?;
    assert_ne!(addresses(&other), addresses(&result));
    ours.call(&node, "DEL")
        .attachment("old", "", "eth0")
        .succeed()?;
    assert!(!old.has_link("eth0")?);
    ours.del(&node, &new, &other).succeed()?;
    assert_nothing_left(&node, &[result, other])
}

fn reservation(node: &Node, address: &str, container: &str) -> Result<()> {
    let text = format!("{container}\r\neth0");
    node.write(&format!("{RESERVATIONS}/{address}"), text)
}

fn has_address(pod: &Pod<'_>, interface: &str, address: &str) -> Result<()> {
    pod.ok(&[
        "ip", "link", "add", interface, "type", "veth", "peer", "name", "x",
    ])?;
    pod.ok(&["ip", "address", "add", address, "dev", interface])?;
    Ok(())
}

#[test]
fn what_is_in_doubt_is_given_to_nobody_and_what_is_gone_is_free() -> Result<()> {
    let node = node!();
    let (inside, pod, late) = (node.pod("inside")?, node.pod("pod")?, node.pod("late")?);
    // No end of it is on the host, so we could not delete it.
    has_address(&inside, "eth0", "10.1.0.2/24")?;
    reservation(&node, "10.1.0.2", "inside")?;
    reservation(&node, "10.1.0.3", "gone")?;
    node.write(&format!("{RESERVATIONS}/notes"), "x")?;
    let ctl = format!("{BIN_DIR}/wasm-cnictl");
    let outcome = node.run(&[&ctl, "--json", "lease", "import", "--from", "host-local"])?;
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let answer: Value = serde_json::from_str(&outcome.stdout)?;
    let of = |at: usize| answer[0]["attachments"][at]["outcome"].clone();
    assert_eq!(
        (of(0), of(1)),
        (json!("stale"), json!("quarantined")),
        "{answer}"
    );
    ensure!(
        answer[0]["unusable"][0]
            .as_str()
            .unwrap_or_default()
            .starts_with("notes")
    );

    let network = ours().with("/ipam/ranges", json!([[{"subnet": "10.1.0.0/24"}]]));
    let result = network.add(&node, &pod).succeed()?;
    assert_eq!(addresses(&result), ["10.1.0.3"]);

    // A DEL without a record frees nothing, whatever its previous result says.
    let foreign = json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0", "sandbox": late.netns(), "mac": "02:00:00:00:00:09"}],
        "ips": [{"address": "10.1.0.3/24", "interface": 0}],
    });
    network.del(&node, &late, &foreign).succeed()?;
    assert_eq!(held(&node)?, ["10.1.0.3"]);
    assert!(pod.has_link("eth0")?);
    assert_ne!(
        addresses(&network.add(&node, &late).succeed()?),
        ["10.1.0.3"]
    );
    Ok(())
}

#[test]
fn the_references_own_lock_is_respected() -> Result<()> {
    let node = node!();
    let pod = node.pod("pod")?;
    reference().add(&node, &pod).succeed()?;
    let lock = format!("{RESERVATIONS}/lock");
    let wait = "touch /run/locked; until [ -e /run/release ]; do sleep 0.02; done";
    let mut holder = node.command(&["flock", &lock, "-c", wait]).spawn()?;
    while !node.path("/run/locked").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ctl = format!("{BIN_DIR}/wasm-cnictl");
    let waiting = node
        .command(&[&ctl, "lease", "import", "--from", "host-local"])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    // Long enough for it to have come to the lock; if not, the test shows less and is right all the same.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(held(&node)?, [""; 0]);
    node.write("/run/release", "")?;
    assert!(holder.wait()?.success());
    assert!(waiting.wait_with_output()?.status.success());
    assert_eq!(held(&node)?, ["10.1.0.2", "fd00:1::2"]);
    Ok(())
}
