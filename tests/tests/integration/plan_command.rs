//! `wasm-cnictl plan` and `explain` say what the kernel has afterwards, all of it and nothing else; `net restore` brings it
//! back.

mod effects;
mod seen;
mod surplus;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, DEMANDING_GRANTS, Node, Pod, guest, install_plugin, workspace};

use crate::{has_kind_of, lan, node};
use seen::Seen;

/// What a Kubernetes runtime passes; networks take what they declare.
const ARGUMENTS: &str = "IgnoreUnknown=1;K8S_POD_NAMESPACE=payments;K8S_POD_NAME=web-0";
const PORTS: &str = r#"[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}, {"hostPort": 5353, "containerPort": 53, "protocol": "udp"}]"#;
const RATES: &str = r#"{"ingressRate": 10000000, "ingressBurst": 1000000}"#;

/// What the reference host-local gives first in the one example that has it behind our link.
const GIVEN: [&str; 4] = [
    "--address",
    "10.5.0.2/24,10.5.0.1",
    "--address",
    "fd00:5::2/64,fd00:5::1",
];

#[test]
fn the_plan_of_every_example_is_what_the_kernel_has_afterwards() -> Result<()> {
    let mut planned = 0;
    for path in examples()? {
        // A fresh node each, since addresses follow from what was given before.
        let node = node!();
        lan(&node)?;
        if !has_kind_of(&node, &path)? {
            continue;
        }
        let steps = compare(&node, &path).with_context(|| path.display().to_string())?;
        planned += steps.len();
    }
    ensure!(planned > 50, "only {planned} steps were compared");
    Ok(())
}

#[test]
fn a_step_too_many_and_one_too_few_are_noticed() -> Result<()> {
    let node = node!();
    foreign_firewall(&node)?;
    let pod = node.pod("pod1")?;
    let path = workspace().join("examples/conflists/kubernetes-like.conflist");
    let before = Seen::of(&node, &pod)?;
    let plan = plan(&node, &pod, &path, &[])?;
    add(&node, &pod, &path)?;
    let after = Seen::of(&node, &pod)?;
    let steps = steps(&plan);
    surplus::none(&steps, &before, &after)?;
    for (index, step) in steps.iter().enumerate() {
        effects::require(step, &node, &pod, &after)?;
        // What leaves nothing that could be surplus, or is told by another step as well.
        let told_elsewhere = [
            "forwarding",
            "route-localnet",
            "hairpin",
            "flow-table",
            "host-firewall-accept",
            "host-firewall-pass",
            "masquerade-network",
            "masquerade",
            "announce",
            "token-bucket",
            "redirect",
            "sysctl",
            "port-forward-chain",
            "connection-zones",
        ];
        if told_elsewhere.contains(&step["step"].as_str().unwrap_or_default()) {
            continue;
        }
        let mut fewer = steps.clone();
        fewer.remove(index);
        ensure!(
            surplus::none(&fewer, &before, &after).is_err(),
            "nobody missed {step}"
        );
    }
    let mut changed = 0;
    for (kind, pointer, value) in [
        ("bridge", "/name", json!("nobridge")),
        ("gateway-addresses", "/addresses/0", json!("10.99.0.1/24")),
        ("veth", "/hostName", json!("noveth")),
        (
            "container-addresses",
            "/addresses/0/address",
            json!("10.99.0.2/24"),
        ),
        (
            "container-routes",
            "/routes/0/destination",
            json!("10.98.0.0/16"),
        ),
        ("masquerade", "/sources/0", json!("10.99.0.2")),
        ("masquerade-network", "/network", json!("00000000")),
        ("hairpin", "/port", json!("noveth")),
        ("route-localnet", "/link", json!("lo")),
        ("port-forwards", "/forwards/0/hostPort", json!(9)),
        ("token-bucket", "/rate", json!(5)),
        ("host-firewall-pass", "/addresses/0", json!("10.99.0.2")),
        ("sysctl", "/value", json!("7")),
    ] {
        for step in steps.iter().filter(|step| step["step"] == kind) {
            let mut wrong = step.clone();
            *wrong
                .pointer_mut(pointer)
                .with_context(|| format!("{kind} {pointer}"))? = value.clone();
            ensure!(
                effects::require(&wrong, &node, &pod, &after).is_err(),
                "{wrong} was taken for done"
            );
            changed += 1;
        }
    }
    ensure!(changed >= 13, "only {changed} steps were changed");
    Ok(())
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_shown() -> Result<()> {
    let node = node!();
    let list = json!({"cniVersion": "1.0.0", "name": "quarrel", "plugins": [
        {"type": "wasm-cni", "link": {"kind": "bridge", "bridge": "quarrel0"},
         "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": [[{"subnet": "10.6.0.0/24"}]]},
         "chain": [{"plugin": "tuning", "mtu": 1400},
                   {"plugin": "tuning", "mtu": 1300, "sysctl": {"net.core.somaxconn": "7"}}]},
        {"type": "wasm-cni", "plugin": "sbr"},
        {"type": "elsewhere"},
    ]});
    node.write("/run/quarrel.conflist", list.to_string())?;
    let words = ["/opt/cni/bin/wasm-cnictl", "plan", "/run/quarrel.conflist"];
    let before = node.run(&["ip", "-o", "link"])?.output()?;
    let outcome = node.run(&[&words[..], &["--json"]].concat())?;
    ensure!(!outcome.success(), "a refused chain is fine");
    let picture: Value = serde_json::from_str(&outcome.stdout)?;
    let entries = picture["entries"].as_array().context("no entries")?;
    let changes = &entries[0]["parts"][3]["changes"];
    let refused = changes.as_array().into_iter().flatten();
    let refused: Vec<_> = refused
        .filter(|change| !change["refused"].is_null())
        .collect();
    ensure!(
        refused.len() == 1 && refused[0]["change"]["mtu"] == 1300,
        "{changes}"
    );
    ensure!(
        entries[0]["objections"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    );
    ensure!(entries[0]["parts"][3]["steps"][0]["step"]["path"] == "net/core/somaxconn");
    // The next entry works on what the first one would have made.
    ensure!(
        entries[1]["parts"][0]["saw"]["mtu"] == 1400,
        "{}",
        entries[1]
    );
    ensure!(entries[2]["role"] == "opaque", "{}", entries[2]);
    let chart = node.run(&[&words[..], &["--mermaid"]].concat())?;
    let marked = chart
        .stdout
        .lines()
        .filter(|line| line.ends_with(":::refused"));
    ensure!(marked.count() == 2, "{}", chart.stdout);
    ensure!(
        node.run(&["ip", "-o", "link"])?.output()? == before,
        "a plan was done"
    );
    Ok(())
}

#[test]
fn a_plugin_that_is_gone_can_not_be_asked_again() -> Result<()> {
    let node = node!();
    let pod = node.pod("pod1")?;
    install_plugin(&node, "demanding", &guest("demanding")?)?;
    let list = json!({"cniVersion": "1.0.0", "name": "again", "plugins": [
        {"type": "wasm-cni", "link": {"kind": "bridge", "bridge": "again0"},
         "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": [[{"subnet": "10.6.0.0/24"}]]}},
        {"type": "wasm-cni", "plugin": "demanding", "wants": ["mtu"], "grants": DEMANDING_GRANTS,
         "sysctl": {"net.core.somaxconn": "511"}},
    ]});
    node.write("/run/again.conflist", list.to_string())?;
    node.ctl(&["net", "add", "/run/again.conflist", pod.name()])?;
    let replay = ["explain", "again", pod.name(), "--replay"];
    let picture = node.ctl(&replay)?;
    let again: Vec<_> = parts(&picture)
        .filter(|part| !part["replay"].is_null())
        .collect();
    ensure!(again.len() == 2, "{picture}");
    ensure!(
        again.iter().all(|part| part["replay"]["same"] == true),
        "{picture}"
    );
    node.ctl(&["plugin", "remove", "demanding"])?;
    let outcome = node.run(&[&["/opt/cni/bin/wasm-cnictl"][..], &replay].concat())?;
    ensure!(!outcome.success(), "a plugin that is gone has answered");
    ensure!(
        outcome.stdout.contains("it could not be run again"),
        "{}",
        outcome.stdout
    );
    Ok(())
}

#[test]
fn what_a_reload_took_away_comes_back_and_only_that() -> Result<()> {
    let node = node!();
    foreign_firewall(&node)?;
    let path = workspace().join("examples/conflists/kubernetes-like.conflist");
    let pods = [node.pod("pod1")?, node.pod("pod2")?];
    // One port of the host can't belong to both.
    let text = path.to_str().context("a path that is not UTF-8")?;
    add(&node, &pods[0], &path)?;
    node.ctl(&["net", "add", text, pods[1].name()])?;
    let whole = elements(&node)?;
    let nothing = node.ctl(&["net", "restore"])?;
    ensure!(nothing["restored"] == json!([]), "{nothing}");

    node.ok(&["nft", "flush", "ruleset"])?;
    foreign_firewall(&node)?;
    node.set_sysctl("net/ipv4/conf/cluster0/route_localnet", "0")?;
    let check = node.run(&["/opt/cni/bin/wasm-cnictl", "net", "check", text, "pod1"])?;
    ensure!(!check.success(), "CHECK misses nothing");
    let restored = node.ctl(&["net", "restore"])?;
    ensure!(restored["failures"] == json!([]), "{restored}");
    let shared = restored["restored"].as_array().into_iter().flatten();
    let shared = shared.filter(|each| {
        each["attachments"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    });
    ensure!(shared.count() > 0, "nothing is shared: {restored}");
    let now = elements(&node)?;
    ensure!(
        now == whole,
        "lost {:?}, new {:?}",
        beyond(&whole, &now),
        beyond(&now, &whole)
    );
    for pod in &pods {
        node.ctl(&["net", "check", text, pod.name()])?;
    }
    let again = node.ctl(&["net", "restore"])?;
    ensure!(again["restored"] == json!([]), "{again}");
    Ok(())
}

/// Plans, attaches, and compares both directions; the steps.
fn compare(node: &Node, path: &Path) -> Result<Vec<Value>> {
    foreign_firewall(node)?;
    // Where all bridges are filtered there is nothing to do for one of them, and nothing to see.
    for family in ["ip", "ip6"] {
        let name = format!("net/bridge/bridge-nf-call-{family}tables");
        if node
            .run(&["test", "-e", &format!("/proc/sys/{name}")])?
            .success()
        {
            node.set_sysctl(&name, "0")?;
        }
    }
    let pod = node.pod("pod1")?;
    let list: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let entries = list["plugins"].as_array().context("no plugins")?;
    let is_foreign = |entry: &Value| entry["type"] != "wasm-cni";
    let all_ours = !entries.iter().any(is_foreign);
    let before = Seen::of(node, &pod)?;
    let plan = if is_foreign(&entries[0]) && entries.len() > 1 {
        by_hand(node, &pod, path, &list, entries)?
    } else {
        let foreign_ipam = list["plugins"][0]["ipam"]["type"] == "host-local";
        let given = if foreign_ipam { GIVEN.as_slice() } else { &[] };
        let plan = plan(node, &pod, path, given)?;
        add(node, &pod, path)?;
        plan
    };
    let after = Seen::of(node, &pod)?;
    let steps = steps(&plan);
    for step in &steps {
        effects::require(step, node, &pod, &after).with_context(|| step.to_string())?;
    }
    if all_ours {
        surplus::none(&steps, &before, &after)?;
    }
    if !steps.is_empty() {
        explained(node, &pod, &list, &plan)?;
    }
    Ok(steps)
}

/// What is on record is what was planned, and plugins decide the same again.
fn explained(node: &Node, pod: &Pod<'_>, list: &Value, plan: &Value) -> Result<()> {
    let network = list["name"].as_str().context("no name")?;
    let explained = node.ctl(&["explain", network, pod.name(), "--replay"])?;
    let words = |picture: &Value| -> Vec<String> {
        let texts = parts(picture).flat_map(|part| part["steps"].as_array().into_iter().flatten());
        texts
            .filter_map(|step| Some(step["text"].as_str()?.to_owned()))
            .collect()
    };
    ensure!(
        words(&explained) == words(plan),
        "recorded {:#?}, planned {:#?}",
        words(&explained),
        words(plan)
    );
    for part in parts(&explained).filter(|part| part["kind"] == "stage") {
        ensure!(part["replay"]["same"] == true, "{part}");
        ensure!(part["call"]["recording"].is_object(), "{part}");
    }
    Ok(())
}

/// A list that another vendor's plugin begins: its result is what the plan goes on from.
fn by_hand(
    node: &Node,
    pod: &Pod<'_>,
    path: &Path,
    list: &Value,
    entries: &[Value],
) -> Result<Value> {
    let mut plan = Value::Null;
    let mut previous = Value::Null;
    for entry in entries {
        let mut config = entry.clone();
        config["name"] = list["name"].clone();
        config["cniVersion"] = list["cniVersion"].clone();
        if entry["capabilities"]["portMappings"] == true {
            config["runtimeConfig"] =
                json!({"portMappings": serde_json::from_str::<Value>(PORTS)?});
        }
        if !previous.is_null() {
            config["prevResult"] = previous.clone();
        }
        let name = entry["type"].as_str().context("no type")?;
        let call = CniCall::new(node, name, "ADD").pod(pod).config(&config);
        let first = previous.is_null();
        previous = call.succeed().with_context(|| entry.to_string())?;
        if first {
            node.write("/run/first-result.json", previous.to_string())?;
            let given = ["--prev-result", "/run/first-result.json"];
            plan = self::plan(node, pod, path, &given)?;
        }
    }
    Ok(plan)
}

fn plan(node: &Node, pod: &Pod<'_>, path: &Path, more: &[&str]) -> Result<Value> {
    let path = path.to_str().context("a path that is not UTF-8")?;
    let ports = format!("portMappings={PORTS}");
    let rates = format!("bandwidth={RATES}");
    let mut words = vec![
        "plan",
        path,
        "--container-id",
        pod.name(),
        "--netns",
        pod.name(),
        "--args",
        ARGUMENTS,
        "--cap",
        &ports,
        "--cap",
        &rates,
    ];
    words.extend(more);
    node.ctl(&words)
}

fn add(node: &Node, pod: &Pod<'_>, path: &Path) -> Result<Value> {
    let path = path.to_str().context("a path that is not UTF-8")?;
    let ports = format!("portMappings={PORTS}");
    let rates = format!("bandwidth={RATES}");
    node.ctl(&[
        "net",
        "add",
        path,
        pod.name(),
        "--args",
        ARGUMENTS,
        "--cap",
        &ports,
        "--cap",
        &rates,
    ])
}

fn examples() -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(workspace().join("examples/conflists"))? {
        paths.push(entry?.path());
    }
    paths.sort();
    ensure!(paths.len() >= 6, "only {} examples", paths.len());
    Ok(paths)
}

/// As iptables-nft makes them; a passage through the host's firewall needs one.
fn foreign_firewall(node: &Node) -> Result<()> {
    for family in ["ip", "ip6"] {
        let chain = "{ type filter hook forward priority 0; policy accept; }";
        node.ok(&["nft", "add", "table", family, "filter"])?;
        node.ok(&["nft", "add", "chain", family, "filter", "FORWARD", chain])?;
    }
    Ok(())
}

fn parts(picture: &Value) -> impl Iterator<Item = &Value> {
    let entries = picture["entries"].as_array().into_iter().flatten();
    entries.flat_map(|entry| entry["parts"].as_array().into_iter().flatten())
}

fn steps(picture: &Value) -> Vec<Value> {
    let all = parts(picture).flat_map(|part| part["steps"].as_array().into_iter().flatten());
    all.map(|step| step["step"].clone()).collect()
}

/// The words of one list that are not, or not as often, in another.
fn beyond(words: &[String], known: &[String]) -> Vec<String> {
    let mut known = known.to_vec();
    let is_beyond = |word: &&String| match known.iter().position(|other| other == *word) {
        Some(position) => {
            known.swap_remove(position);
            false
        }
        None => true,
    };
    words.iter().filter(is_beyond).cloned().collect()
}

/// The ruleset as words in any order: the kernel lists elements of a hash set in none that lasts.
fn elements(node: &Node) -> Result<Vec<String>> {
    let ruleset = node.ok(&["nft", "-s", "list", "ruleset"])?;
    let mut words: Vec<String> = ruleset
        .split([' ', '\n', '\t', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort_unstable();
    Ok(words)
}
