//! Guests that misbehave, end to end: contained, told by name, nothing left.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Network, Node, guest, install_plugin};

use crate::{addresses, assert_nothing_left, node};

const DENIED: u64 = 102;
const LIMIT: u64 = 103;
const CRASHED: u64 = 104;
const ANSWER_INVALID: u64 = 105;
const NOT_LOADABLE: u64 = 106;
const IMPORT_REFUSED: u64 = 107;

/// What the guest does, the code that answers it, and a word of the reason.
const MISDEEDS: [(&str, u64, &str); 12] = [
    ("loop", LIMIT, "fuel"),
    ("memory", LIMIT, "memory"),
    ("trap", CRASHED, "unreachable"),
    ("many", LIMIT, "answer"),
    ("too-many", ANSWER_INVALID, "65"),
    ("outside", ANSWER_INVALID, "192.168.77.7"),
    ("gateway", ANSWER_INVALID, "10.1.0.1"),
    ("taken", ANSWER_INVALID, "10.1.0.2"),
    ("unreserved", ANSWER_INVALID, "10.1.0.99"),
    ("prefix", ANSWER_INVALID, "200"),
    ("routes", ANSWER_INVALID, "10.9.0.1/8"),
    ("terminal", DENIED, "gone"),
];

fn network(plugin: &str, mode: &str) -> Network {
    Network::bridge("pods", &["10.1.0.0/24"]).with(
        "/ipam",
        json!({"type": "wasm-cni", "plugin": plugin, "mode": mode, "ranges": [[{"subnet": "10.1.0.0/24"}]]}),
    )
}

fn install(node: &Node, name: &str) -> Result<()> {
    install_plugin(node, name, &guest(name)?)
}

#[test]
fn every_misdeed_fails_the_add_by_name_and_leaves_nothing() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    let good = node.pod("good")?;
    let result = network("hostile", "good").add(&node, &good).succeed()?;
    assert_eq!(addresses(&result), ["10.1.0.2"]);
    let pod = node.pod("a")?;
    for (mode, code, word) in MISDEEDS {
        let failure = network("hostile", mode)
            .add(&node, &pod)
            .fail()
            .context(mode)?;
        ensure!(
            failure.code == code,
            "{mode}: code {code} expected: {failure:?}"
        );
        for word in [word, "pods", "hostile"] {
            ensure!(
                failure.text.contains(word),
                "{mode}: no word of {word:?}: {failure:?}"
            );
        }
        ensure!(
            !failure.text.contains(['\u{1b}', '\u{202e}']),
            "{mode}: {failure:?}"
        );
        ensure!(
            failure.text.len() < 16_384,
            "{mode}: {} bytes of text",
            failure.text.len()
        );
        ensure!(!pod.has_link("eth0")?, "{mode}: eth0 is there");
        let held = node.ctl(&["lease", "list"])?;
        let held = held
            .as_array()
            .into_iter()
            .flatten()
            .filter(|lease| lease["state"] != "cooling");
        ensure!(held.count() == 1, "{mode}: more than good's lease");
    }
    assert!(good.reaches("10.1.0.1")?);
    network("hostile", "good")
        .del(&node, &good, &result)
        .succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn the_deadline_ends_what_has_fuel_without_end() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    let limits = json!({"deadlineMs": 50, "fuel": 1_000_000_000_000_u64});
    let network = network("hostile", "loop").with("/ipam/limits", limits);
    let failure = network
        .add(&node, &node.pod("a")?)
        .killed_after(20.0)
        .fail()?;
    assert_eq!(failure.code, LIMIT, "{failure:?}");
    assert!(failure.text.contains("50"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

#[test]
fn a_loop_at_start_is_ended_as_well() -> Result<()> {
    let node = node!();
    install(&node, "loop_at_start")?;
    let failure = network("loop_at_start", "")
        .add(&node, &node.pod("a")?)
        .fail()?;
    assert_eq!(failure.code, LIMIT, "{failure:?}");
    assert!(failure.text.contains("loop_at_start"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

#[test]
fn del_succeeds_whatever_the_guest_does() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    for mode in ["loop", "trap"] {
        let pod = node.pod(mode)?;
        let result = network("hostile", "good").add(&node, &pod).succeed()?;
        network("hostile", mode)
            .del(&node, &pod, &result)
            .succeed()?;
        assert_nothing_left(&node, &[result])?;
    }
    Ok(())
}

#[test]
fn del_succeeds_when_the_plugin_is_removed() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    let pod = node.pod("a")?;
    let network = network("hostile", "good");
    let result = network.add(&node, &pod).succeed()?;
    node.ctl(&["plugin", "remove", "hostile"])?;
    network.del(&node, &pod, &result).succeed()?;
    assert_nothing_left(&node, &[result])?;
    let failure = network.add(&node, &pod).fail()?;
    assert_eq!(failure.code, NOT_LOADABLE, "{failure:?}");
    assert!(failure.text.contains("hostile"), "{failure:?}");
    Ok(())
}

#[test]
fn a_digest_pins_the_source() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    let digest = node.ctl(&["plugin", "inspect", "hostile"])?["digest"].clone();
    let pinned = network("hostile", "good").with("/ipam/digest", digest);
    let pod = node.pod("a")?;
    let result = pinned.add(&node, &pod).succeed()?;
    pinned.del(&node, &pod, &result).succeed()?;
    let other = pinned.with("/ipam/digest", format!("sha256:{}", "0".repeat(64)));
    assert_eq!(other.add(&node, &pod).fail()?.code, NOT_LOADABLE);
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_guest_on_wasi_sees_nothing_and_can_not_sleep() -> Result<()> {
    let node = node!();
    install(&node, "wasi")?;
    let pod = node.pod("a")?;
    // It fails its ADD if it finds a file, a variable, a socket; it asks for an hour's sleep besides.
    let call = network("wasi", "")
        .add(&node, &pod)
        .variable("SECRET", "1")
        .killed_after(20.0);
    let result = call.succeed()?;
    assert_eq!(addresses(&result).len(), 1, "{result}");
    network("wasi", "")
        .del(&node, &pod, &Value::Null)
        .succeed()?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn an_unknown_import_is_refused_by_name() -> Result<()> {
    let node = node!();
    let component = wat::parse_str(
        r#"(component (import "acme:door/key@1.0.0" (instance (export "open" (func)))))"#,
    )?;
    node.write("/run/door.wasm", component)?;
    let ctl = format!("{}/wasm-cnictl", wasm_cni_tests::BIN_DIR);
    let outcome = node.run(&[&ctl, "plugin", "install", "/run/door.wasm"])?;
    assert!(!outcome.success());
    assert!(
        outcome.stderr.contains("acme:door/key@1.0.0"),
        "{outcome:?}"
    );
    assert_eq!(
        network("door", "").add(&node, &node.pod("a")?).fail()?.code,
        NOT_LOADABLE
    );
    Ok(())
}

#[test]
fn an_import_without_its_grant_is_refused_by_name() -> Result<()> {
    let node = node!();
    install(&node, "hostile")?;
    let network = network("hostile", "good").with("/ipam/grants", json!(["storage"]));
    let failure = network.add(&node, &node.pod("a")?).fail()?;
    assert_eq!(failure.code, IMPORT_REFUSED, "{failure:?}");
    assert!(
        failure.text.contains("leases") && failure.text.contains("hostile"),
        "{failure:?}"
    );
    assert_nothing_left(&node, &[])
}
