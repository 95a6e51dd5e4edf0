//! Chains that are refused: by name, and without a trace.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, DEMANDING_GRANTS, Node, Pod, Snapshot, guest, install_plugin};

use crate::{assert_nothing_left, lists, node};

const IMPORT_REFUSED: u64 = 107;
const DENIED: u64 = 102;
const LIMIT: u64 = 103;
const CRASHED: u64 = 104;
const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];

/// A bridge whose chain is these stages.
fn chain(stages: &[Value]) -> Conflist {
    lists::chain("pods", lists::bridge("cni0", &SUBNETS), stages)
}

/// A node on which all shared objects are there, with a pod that stays.
fn resident(node: &Node) -> Result<Pod<'_>> {
    let pod = node.pod("resident")?;
    let all = [
        json!({"plugin": "portmap"}),
        json!({"plugin": "bandwidth", "egressRate": 80_000_000, "egressBurst": 8_000_000}),
        json!({"plugin": "firewall", "ingressPolicy": "same-bridge"}),
        json!({"plugin": "flow-policy", "ingress": {"deny": [{"ports": [81]}]}}),
    ];
    let list = chain(&all).capability("portMappings", json!([lists::mapping("tcp", 8000, 80)]));
    list.add(node, &pod)?;
    Ok(pod)
}

/// ADD fails with this code and these words, in both forms of the list, and changes nothing.
fn is_refused(
    node: &Node,
    pod: &Pod<'_>,
    stages: &[Value],
    code: u64,
    words: &[&str],
) -> Result<()> {
    let before = Snapshot::take(node)?;
    let failure = chain(stages).refused(node, pod)?;
    ensure!(failure.code == code, "code {code} expected: {failure:?}");
    for word in words.iter().chain(&["pods"]) {
        ensure!(
            failure.text.contains(word),
            "no word of {word:?}: {failure:?}"
        );
    }
    ensure!(
        !failure.text.contains(['\u{1b}', '\u{202e}']),
        "{failure:?}"
    );
    ensure!(!pod.has_link("eth0")?, "eth0 is there");
    before.assert_unchanged(node)
}

#[test]
fn what_a_plugin_was_not_granted_is_refused_whatever_it_is() -> Result<()> {
    let node = node!();
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let _resident = resident(&node)?;
    let pod = node.pod("a")?;
    for want in [
        "address",
        "route",
        "neighbour",
        "mtu",
        "mac",
        "dns",
        "link-flag",
        "bandwidth",
        "flow",
        "masquerade",
        "vrf",
    ] {
        // The import needs a grant as well; what it may import it may ask for.
        let stage = json!({"plugin": "demanding", "wants": [want], "grants": all_but(want)});
        is_refused(&node, &pod, &[stage], IMPORT_REFUSED, &["demanding", want]).context(want)?;
    }
    Ok(())
}

/// Every grant that the plugin's imports need, except for one.
fn all_but(missing: &str) -> Vec<&str> {
    DEMANDING_GRANTS
        .into_iter()
        .filter(|grant| *grant != missing)
        .collect()
}

#[test]
fn what_a_plugin_was_granted_is_applied_and_goes_with_the_attachment() -> Result<()> {
    let node = node!();
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let pod = node.pod("a")?;
    let wants = [
        "route",
        "neighbour",
        "mtu",
        "mac",
        "dns",
        "link-flag",
        "bandwidth",
        "masquerade",
        "no-release",
    ];
    let stage = json!({
        "plugin": "demanding", "wants": wants, "sysctl": {"net.core.somaxconn": "511"}, "grants": DEMANDING_GRANTS,
    });
    let list = chain(&[stage]);
    let result = list.add(&node, &pod)?;
    let link = pod.link("eth0")?;
    assert_eq!(
        (&link["mtu"], &link["address"]),
        (&json!(1300), &json!("02:00:5e:10:00:08"))
    );
    assert_eq!(pod.sysctl("net/core/somaxconn")?, "511");
    assert_eq!(result["dns"]["nameservers"], json!(["172.30.0.1"]));
    ensure!(
        pod.routes("-4")?
            .iter()
            .any(|route| route["dst"] == "172.31.0.0/16")
    );
    let neighbours = pod.ok(&["ip", "neighbour", "show", "nud", "permanent"])?;
    ensure!(neighbours.contains("02:00:5e:10:00:07"), "{neighbours}");
    list.check(&node, &pod, &result)?;
    list.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_plugin_that_denies_crashes_or_loops_fails_the_add_by_name() -> Result<()> {
    let node = node!();
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let _resident = resident(&node)?;
    let pod = node.pod("a")?;
    for (want, code, word) in [
        ("deny", DENIED, "Monday"),
        ("trap", CRASHED, "unreachable"),
        ("loop", LIMIT, "fuel"),
    ] {
        let stage =
            json!({"plugin": "demanding", "wants": ["mtu", want], "grants": DEMANDING_GRANTS});
        is_refused(&node, &pod, &[stage], code, &["demanding", word]).context(want)?;
    }
    Ok(())
}

#[test]
fn sysctls_beyond_the_container_are_refused() -> Result<()> {
    let node = node!();
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let _resident = resident(&node)?;
    let pod = node.pod("a")?;
    for name in [
        "kernel.panic",
        "vm.swappiness",
        "net.ipv4.conf.eth1.forwarding",
        "net/../kernel/panic",
        "net.ipv4.neigh.cni0.base_reachable_time_ms",
    ] {
        for plugin in ["tuning", "demanding"] {
            let mut stage = json!({"plugin": plugin, "sysctl": {name: "1"}});
            if plugin == "demanding" {
                stage["grants"] = json!(DEMANDING_GRANTS);
            }
            let before = Snapshot::take(&node)?;
            let failure = chain(&[stage]).refused(&node, &pod)?;
            ensure!(failure.text.contains(plugin), "{failure:?}");
            before.assert_unchanged(&node).context(name)?;
        }
    }
    Ok(())
}

#[test]
fn stages_that_contradict_each_other_are_both_named() -> Result<()> {
    let node = node!();
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let _resident = resident(&node)?;
    let pod = node.pod("a")?;
    let mtu = |mtu: u32| json!({"plugin": "tuning", "mtu": mtu});
    let before = Snapshot::take(&node)?;
    let failure = chain(&[mtu(1400), mtu(1380)]).refused(&node, &pod)?;
    for word in ["tuning (chain[0])", "tuning (chain[1])", "1400", "1380"] {
        ensure!(
            failure.text.contains(word),
            "no word of {word:?}: {failure:?}"
        );
    }
    let demanding = json!({"plugin": "demanding", "wants": ["mtu"], "grants": DEMANDING_GRANTS});
    let failure = chain(&[mtu(1400), demanding]).refused(&node, &pod)?;
    for word in ["tuning (chain[0])", "demanding (chain[1])"] {
        ensure!(
            failure.text.contains(word),
            "no word of {word:?}: {failure:?}"
        );
    }
    before.assert_unchanged(&node)?;
    // The same value twice is no contradiction.
    let list = chain(&[mtu(1400), mtu(1400)]);
    let result = list.add(&node, &pod)?;
    list.del(&node, &pod, &result)?;
    before.assert_unchanged(&node)
}

#[test]
fn a_plugin_that_is_not_there_and_a_grant_that_does_not_exist_are_named() -> Result<()> {
    let node = node!();
    let _resident = resident(&node)?;
    let pod = node.pod("a")?;
    let absent = json!({"plugin": "absent"});
    is_refused(&node, &pod, &[absent], 106, &["absent"])?;
    let unknown = json!({"plugin": "tuning", "grants": ["everything"]});
    is_refused(&node, &pod, &[unknown], 7, &["everything", "sysctl"])?;
    let narrowed = json!({"plugin": "tuning", "mtu": 1400, "grants": ["sysctl"]});
    let failure = chain(&[narrowed]).refused(&node, &pod)?;
    ensure!(
        failure.text.contains("tuning") && failure.text.contains("mtu"),
        "{failure:?}"
    );
    Ok(())
}
