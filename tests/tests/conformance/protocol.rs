//! What holds for every plugin whatever it does: VERSION as libcni asks for it, and calls that are refused.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Network, Node, Snapshot};

use crate::case::{Case, case, group};
use crate::judge::{equal, same};
use crate::lists;
use crate::shape::{VERSIONS, at_least};

/// Plugins, and the oldest version of the specification that each speaks.
const PLUGINS: [(&str, &str); 17] = [
    ("bridge", "0.1.0"),
    ("ptp", "0.1.0"),
    ("macvlan", "0.1.0"),
    ("ipvlan", "0.1.0"),
    ("vlan", "0.1.0"),
    ("host-device", "0.1.0"),
    ("dummy", "0.1.0"),
    ("tap", "0.1.0"),
    ("loopback", "0.1.0"),
    ("host-local", "0.1.0"),
    ("static", "0.1.0"),
    ("portmap", "0.1.0"),
    ("bandwidth", "0.3.0"),
    ("firewall", "0.4.0"),
    ("tuning", "0.1.0"),
    ("sbr", "0.1.0"),
    ("vrf", "0.3.1"),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (plugin, since) in PLUGINS {
        all.push(
            Case::new("tells_its_versions", move |node| {
                tells_its_versions(node, plugin, since)
            })
            .of(plugin),
        );
        all.push(
            Case::new("refuses_bad_calls", move |node| {
                refuses_bad_calls(node, plugin)
            })
            .of(plugin),
        );
    }
    all.extend(group(
        "bridge",
        &["host-local"],
        [
            // Its library answers with its own newest version.
            case!(version_answers_in_the_version_asked_in).reference_fails("cniVersion"),
            // Its library's error object is without.
            case!(an_error_tells_its_version).reference_fails("no cniVersion"),
            // Debian's release has no such check; later ones look when the deed is done.
            case!(the_own_namespace_is_refused).reference_fails("the call succeeded"),
            // It knows one code for all, 999.
            case!(a_missing_namespace_is_an_unknown_container).reference_fails("code"),
            case!(unknown_arguments_are_refused_unless_ignored),
        ],
    ));
    all
}

/// What libcni's probe sends.
fn probe<'a>(node: &'a Node, plugin: &str) -> CniCall<'a> {
    CniCall::new(node, plugin, "VERSION")
        .attachment("dummy", "dummy", "dummy")
        .variable("CNI_PATH", "dummy")
}

fn tells_its_versions(node: &Node, plugin: &str, since: &str) -> Result<()> {
    for input in ["{\"cniVersion\":\"1.0.0\"}", ""] {
        let answer = probe(node, plugin).input(input).succeed()?;
        ensure!(answer["cniVersion"].is_string(), "{answer}");
        let told = answer["supportedVersions"]
            .as_array()
            .context("supportedVersions")?;
        // More may be told than this release of the reference plugins speaks.
        let spoken = VERSIONS
            .iter()
            .filter(|version| at_least(version, since) && **version != "1.1.0");
        for version in spoken {
            ensure!(
                told.iter().any(|known| known == version),
                "no {version}: {answer}"
            );
        }
    }
    Ok(())
}

fn version_answers_in_the_version_asked_in(node: &Node) -> Result<()> {
    let answer = probe(node, "bridge")
        .input("{\"cniVersion\":\"0.4.0\"}")
        .succeed()?;
    same("cniVersion", &answer["cniVersion"], "0.4.0")
}

/// What is wrong with a call.
enum Flaw {
    Input(&'static str),
    Key(&'static str, Value),
    Set(&'static str, &'static str),
    Unset(&'static str),
}

/// A flaw, and the code that the specification or the reference library has for it.
fn flaws() -> Vec<(Flaw, u64)> {
    use Flaw::{Input, Key, Set, Unset};
    vec![
        (Unset("CNI_CONTAINERID"), 4),
        (Unset("CNI_IFNAME"), 4),
        (Unset("CNI_NETNS"), 4),
        (Set("CNI_COMMAND", "FROB"), 4),
        (Set("CNI_CONTAINERID", "../../etc"), 4),
        (Set("CNI_IFNAME", "sixteen-letters!"), 4),
        (Set("CNI_IFNAME", "a/b"), 4),
        (Set("CNI_IFNAME", "a b"), 4),
        (Set("CNI_IFNAME", ".."), 4),
        (Input(""), 6),
        (Input("{\"cniVersion\":"), 6),
        (Key("name", Value::Null), 7),
        (Key("name", json!("a/b")), 7),
        (Key("cniVersion", json!("9.9.9")), 1),
    ]
}

fn refuses_bad_calls(node: &Node, plugin: &str) -> Result<()> {
    let pod = node.pod("a")?;
    let before = Snapshot::take(node)?;
    let good = json!({"cniVersion": "1.0.0", "name": "pods", "type": plugin});
    for (flaw, code) in flaws() {
        let call = CniCall::new(node, plugin, "ADD").pod(&pod);
        let (what, call) = match &flaw {
            Flaw::Input(text) => ((*text).to_owned(), call.input(*text)),
            Flaw::Key(key, value) => {
                let config = lists::merged(&good, &json!({*key: value}));
                (format!("{key}: {value}"), call.config(&config))
            }
            Flaw::Set(name, value) => (
                format!("{name}={value}"),
                call.variable(name, value).config(&good),
            ),
            Flaw::Unset(name) => ((*name).to_owned(), call.without(name).config(&good)),
        };
        let error = call.run()?.error().with_context(|| what.clone())?;
        equal(&what, error.code, code).with_context(|| error.text.clone())?;
        if let Flaw::Unset(name) = flaw {
            ensure!(
                error.text.contains(name),
                "{name} is not named: {}",
                error.text
            );
        }
    }
    let old = lists::merged(&good, &json!({"cniVersion": "0.3.1"}));
    let check = CniCall::new(node, plugin, "CHECK").pod(&pod).config(&old);
    equal("CHECK before 0.4.0", check.run()?.error()?.code, 1_u64)?;
    before.assert_unchanged(node)
}

fn bridge() -> Network {
    Network::new("pods", lists::bridge(&json!({})))
}

fn an_error_tells_its_version(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    bridge()
        .add(node, &pod)
        .without("CNI_IFNAME")
        .fail()
        .map(drop)
}

fn the_own_namespace_is_refused(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let before = Snapshot::take(node)?;
    let call = bridge()
        .add(node, &pod)
        .variable("CNI_NETNS", "/proc/self/ns/net");
    equal("code", call.run()?.error()?.code, 8_u64)?;
    before.assert_unchanged(node)
}

fn a_missing_namespace_is_an_unknown_container(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let call = bridge()
        .add(node, &pod)
        .variable("CNI_NETNS", "/run/netns/nowhere");
    equal("code", call.run()?.error()?.code, 3_u64)
}

fn unknown_arguments_are_refused_unless_ignored(node: &Node) -> Result<()> {
    let pod = node.pod("a")?;
    let with = |arguments: &str| bridge().add(node, &pod).variable("CNI_ARGS", arguments);
    with("FLAVOUR=vanilla").run()?.error()?;
    with("IgnoreUnknown=1;K8S_POD_NAME=web-0;FLAVOUR=vanilla")
        .succeed()
        .map(drop)
}
