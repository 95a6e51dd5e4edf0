//! Bad input gets the specification's code and a message that says what to do, never a panic, and changes nothing.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, Pod, Snapshot};

use crate::{assert_nothing_left, node};

/// What differs from a good ADD.
enum Change {
    Input(Vec<u8>),
    Key(&'static str, Value),
    Set(&'static str, String),
    Unset(&'static str),
}

use Change::{Input, Key, Set, Unset};

/// A change, the code that answers it, and a word that the message must hold.
type Case = (Change, u64, &'static str);

fn text(value: &str) -> String {
    value.to_owned()
}

fn streams() -> Vec<Case> {
    vec![
        (Input(Vec::new()), 6, "config"),
        (Input(b"{\"cniVersion\":".to_vec()), 6, "config"),
        (Input(b"\xff\xfe\x00".to_vec()), 6, "config"),
        (Input(b"[".repeat(100_000)), 6, "config"),
        (Key("/cniVersion", json!("9.9.9")), 1, "9.9.9"),
        (Key("/cniVersion", json!("one")), 6, "one"),
        (Key("/cniVersion", json!(1)), 6, "cniVersion"),
    ]
}

fn environment() -> Vec<Case> {
    vec![
        (Unset("CNI_CONTAINERID"), 4, "CNI_CONTAINERID"),
        (Unset("CNI_NETNS"), 4, "CNI_NETNS"),
        (Unset("CNI_IFNAME"), 4, "CNI_IFNAME"),
        (Set("CNI_COMMAND", text("FROB")), 4, "FROB"),
        (Set("CNI_CONTAINERID", text("../../etc")), 4, "../../etc"),
        (
            Set("CNI_CONTAINERID", "/".repeat(4096)),
            4,
            "CNI_CONTAINERID",
        ),
        (Set("CNI_IFNAME", text("sixteen-letters!")), 4, "15"),
        (Set("CNI_IFNAME", text("a/b")), 4, "a/b"),
        (Set("CNI_IFNAME", text("..")), 4, ".."),
        (Set("CNI_IFNAME", text("a b")), 4, "a b"),
        (Set("CNI_ARGS", text("IP=10.1.0.9=x")), 4, "CNI_ARGS"),
        (Set("CNI_ARGS", text("IP=nonsense")), 4, "nonsense"),
        (Set("CNI_NETNS", text("/nowhere")), 3, "/nowhere"),
        (Set("CNI_NETNS", text("/etc/hostname")), 8, "/etc/hostname"),
        (
            Set("CNI_NETNS", text("/proc/self/ns/net")),
            8,
            "/proc/self/ns/net",
        ),
        (
            Set("CNI_NETNS", text("/proc/self/ns/mnt")),
            8,
            "/proc/self/ns/mnt",
        ),
    ]
}

fn configuration() -> Vec<Case> {
    vec![
        (Key("/name", json!("")), 7, "name"),
        (Key("/name", json!("a/b")), 7, "a/b"),
        (Key("/link/kind", json!("wormhole")), 2, "wormhole"),
        (Key("/link/isGatway", json!(true)), 2, "isGatway"),
        (Key("/link/bridge", json!("a/b")), 7, "a/b"),
        (Key("/link/vlan", json!(5000)), 7, "5000"),
        (Key("/link/ipMasqBackend", json!("iptables")), 7, "iptables"),
        (
            Key("/link/masqExclude", json!(["10.0.0.0/99"])),
            2,
            "masqExclude",
        ),
        (
            Key("/ipam/plugin", json!("not-installed")),
            106,
            "not-installed",
        ),
        (Key("/ipam/plugin", json!("../host-local")), 7, "plugin"),
        (
            Key("/ipam/ranges", json!([[{"subnet": "10.1.0.0"}]])),
            7,
            "10.1.0.0",
        ),
        (
            Key("/ipam/ranges", json!([[{"subnet": "10.1.0.9/24"}]])),
            7,
            "10.1.0.9/24",
        ),
        (Key("/ipam/ranges", json!("10.1.0.0/24")), 7, "ranges"),
        (Key("/ipam/ranges", json!([])), 7, "ranges"),
        (Key("/ipam/limits", json!({"memoryMb": 1})), 2, "memoryMb"),
        (Key("/ipam/grants", json!(["everything"])), 7, "everything"),
        (
            Key("/ipam/digest", json!(format!("sha256:{}", "0".repeat(64)))),
            7,
            "ipam.digest",
        ),
        (
            Key("/runtimeConfig", json!({"mac": "nonsense"})),
            7,
            "nonsense",
        ),
        (Key("/prevResult", json!("nonsense")), 7, "prevResult"),
    ]
}

fn every_case(cases: Vec<Case>) -> Result<()> {
    let node = node!();
    let (neighbour, pod) = (node.pod("neighbour")?, node.pod("a")?);
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    // Keeps the bridge up, and is there to be harmed.
    network.add(&node, &neighbour).succeed()?;
    let mut before = Snapshot::take(&node)?;
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(error) = one_case(&network, &node, &pod, case) {
            wrong.push(format!("{error:#}"));
        }
        if let Err(change) = before.assert_unchanged(&node) {
            wrong.push(format!("{change}"));
            network.del(&node, &pod, &Value::Null).succeed()?;
            before = Snapshot::take(&node)?;
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn one_case(network: &Network, node: &Node, pod: &Pod<'_>, case: Case) -> Result<()> {
    let (change, code, word) = case;
    let good = network.add(node, pod);
    let (call, what) = match change {
        Input(bytes) => (good.input(bytes), "standard input".to_owned()),
        Key(pointer, value) => {
            let changed = network.with(pointer, value.clone());
            (changed.add(node, pod), format!("{pointer} = {value}"))
        }
        Set(name, value) => (good.variable(name, &value), format!("{name}={value:.40}")),
        Unset(name) => (good.without(name), format!("no {name}")),
    };
    let failure = call.fail().with_context(|| what.clone())?;
    ensure!(
        failure.code == code,
        "{what}: code {code} expected: {failure:?}"
    );
    ensure!(
        failure.text.contains(word),
        "{what}: no word of {word:?}: {failure:?}"
    );
    ensure!(
        failure.text.len() < 8192,
        "{what}: {} bytes of text",
        failure.text.len()
    );
    Ok(())
}

#[test]
fn bad_streams_are_refused_without_effect() -> Result<()> {
    every_case(streams())
}

#[test]
fn bad_environments_are_refused_without_effect() -> Result<()> {
    every_case(environment())
}

#[test]
fn bad_configurations_are_refused_without_effect() -> Result<()> {
    every_case(configuration())
}

#[test]
fn names_have_no_length_limit() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge(&"n".repeat(4096), &["10.1.0.0/24"]);
    let id = "c".repeat(4096);
    let call = |verb| {
        network
            .call(&node, verb)
            .attachment(&id, &pod.netns(), "eth0")
    };
    let result = call("ADD").succeed()?;
    assert!(pod.reaches("10.1.0.1")?);
    call("DEL").succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn del_with_a_namespace_that_is_none_touches_nothing() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let network = Network::bridge("pods", &["10.1.0.0/24"]);
    node.ok(&[
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ])?;
    for netns in ["/etc/hostname", "/proc/self/ns/net", "/nowhere"] {
        network
            .del(&node, &pod, &Value::Null)
            .variable("CNI_NETNS", netns)
            .run()?;
        node.ok(&["ip", "link", "show", "dev", "eth0"])
            .with_context(|| netns.to_owned())?;
    }
    Ok(())
}

#[test]
fn run_by_hand_it_says_what_it_is() -> Result<()> {
    let node = node!();
    let outcome = node.run(&[&format!("{}/wasm-cni", wasm_cni_tests::BIN_DIR)])?;
    ensure!(
        outcome.success() && outcome.stdout.is_empty(),
        "{outcome:?}"
    );
    ensure!(outcome.stderr.contains("1.1.0"), "{outcome:?}");
    Ok(())
}
