//! `wasm-cnictl doctor`: a sound node is not mentioned, each defect is, and its remedy helps.

use anyhow::Result;
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Network, Node, Snapshot};

use crate::{lists, node};

/// Not the usual one, in which the machine may have networks of its own.
const CONFIGURATIONS: &str = "/run/net.d";
const CONFLIST: &str = "/run/net.d/10-pods.conflist";

fn network() -> Network {
    Network::bridge("pods", &["10.1.0.0/24"])
}

/// Exit status, and the findings that are more than notes: severity, subject and place.
fn examine(node: &Node, words: &[&str]) -> Result<(Option<i32>, Vec<[String; 3]>)> {
    let ctl = format!("{BIN_DIR}/wasm-cnictl");
    let command = [
        ctl.as_str(),
        "--json",
        "doctor",
        "--conf-dir",
        CONFIGURATIONS,
    ];
    let outcome = node.run(&[&command[..], words].concat())?;
    let answer: Value = serde_json::from_str(&outcome.stdout)?;
    let findings = answer["findings"].as_array().cloned().unwrap_or_default();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    assert!(
        findings
            .iter()
            .all(|finding| !text(finding, "remedy").is_empty()),
        "{answer}"
    );
    let serious = findings
        .iter()
        .filter(|finding| finding["severity"] != "note");
    let serious =
        serious.map(|finding| ["severity", "subject", "place"].map(|key| text(finding, key)));
    Ok((outcome.status, serious.collect()))
}

fn expect(node: &Node, words: &[&str], status: i32, expected: &[[&str; 3]]) -> Result<()> {
    let expected: Vec<[String; 3]> = expected
        .iter()
        .map(|finding| finding.map(str::to_owned))
        .collect();
    assert_eq!(examine(node, words)?, (Some(status), expected));
    Ok(())
}

#[test]
fn a_sound_node_has_no_findings_and_is_left_as_it_was() -> Result<()> {
    let node = node!();
    node.write(CONFLIST, network().conflist())?;
    network().add(&node, &node.pod("pod")?).succeed()?;
    let before = Snapshot::take(&node)?;
    expect(&node, &["--service-cidr", "10.96.0.0/12"], 0, &[])?;
    before.assert_unchanged(&node)
}

#[test]
fn what_the_kernel_lacks_counts_only_where_it_is_needed() -> Result<()> {
    let node = node!();
    node.ok(&["sh", "-c", "ip link add probe0 type bridge vlan_filtering 1 2>/dev/null || touch /run/lacks-vlans; ip link delete probe0 2>/dev/null || true"])?;
    let vlan = network().with("/link/vlan", 5);
    node.write(CONFLIST, vlan.conflist())?;
    if node.path("/run/lacks-vlans").exists() {
        expect(&node, &[], 2, &[["error", "kernel", "key vlan"]])
    } else {
        expect(&node, &[], 0, &[])
    }
}

#[test]
fn files_and_executables_that_can_not_be_used_are_found() -> Result<()> {
    let node = node!();
    node.write("/run/net.d/10-broken.conflist", "{")?;
    let other = json!({"cniVersion": "1.1.0", "name": "b", "plugins": [{"type": "no-such-plugin"}, {"type": "loopback"}]});
    node.write("/run/net.d/20-other.conflist", other.to_string())?;
    let guarded = network().with("/chain", json!([{"plugin": "tenant-guard"}]));
    node.write("/run/net.d/30-pods.conflist", guarded.conflist())?;
    node.ok(&["rm", &format!("{BIN_DIR}/ptp")])?;
    let older = format!("cp {BIN_DIR}/wasm-cni {BIN_DIR}/ptp && echo >>{BIN_DIR}/ptp");
    node.ok(&["sh", "-c", &older])?;
    node.ok(&["chmod", "757", "/opt/cni"])?;
    expect(
        &node,
        &[],
        2,
        &[
            // Debian's loopback does not speak 1.1.0.
            ["error", "executables", "network b"],
            ["error", "executables", "no-such-plugin"],
            ["error", "networks", "/run/net.d/10-broken.conflist"],
            ["error", "permissions", "/opt/cni"],
            ["error", "plugins", "network pods"],
            ["warning", "executables", "/opt/cni/bin/ptp"],
        ],
    )
}

#[test]
fn ranges_that_overlap_are_found() -> Result<()> {
    let node = node!();
    node.write(CONFLIST, network().conflist())?;
    let other = Network::bridge("other", &["10.1.0.0/16"]).with("/link/bridge", "cni1");
    node.write("/run/net.d/20-other.conflist", other.conflist())?;
    let manifest =
        "spec:\n  containers:\n  - command:\n    - --service-cluster-ip-range=10.1.128.0/20\n";
    node.write("/etc/kubernetes/manifests/kube-apiserver.yaml", manifest)?;
    node.ok(&["ip", "link", "add", "lan0", "type", "bridge"])?;
    node.ok(&["ip", "address", "add", "10.1.128.9/24", "dev", "lan0"])?;
    expect(
        &node,
        &[],
        2,
        &[
            ["error", "ranges", "interface lan0"],
            ["error", "ranges", "network other"],
            ["error", "ranges", "network other"],
            ["error", "ranges", "networks pods, other"],
        ],
    )
}

#[test]
fn remedies_help() -> Result<()> {
    let node = node!();
    node.write(CONFLIST, network().conflist())?;
    let (lives, gone) = (node.pod("lives")?, node.pod("gone")?);
    network().add(&node, &lives).succeed()?;
    network().add(&node, &gone).succeed()?;
    expect(&node, &[], 0, &[])?;

    gone.delete()?;
    while node.link_names("veth")?.len() > 1 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    expect(&node, &[], 1, &[["warning", "state", "leases"]])?;
    node.ctl(&["gc"])?;
    expect(&node, &[], 0, &[])?;

    node.ok(&["nft", "flush", "ruleset"])?;
    let (status, findings) = examine(&node, &[])?;
    assert_eq!(status, Some(2));
    assert!(
        findings.iter().all(|[_, subject, _]| subject == "firewall"),
        "{findings:?}"
    );
    node.ctl(&["net", "restore"])?;
    expect(&node, &[], 0, &[])?;

    let drops = "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }";
    node.ok(&["nft", drops])?;
    let chain = "chain ip filter FORWARD";
    expect(&node, &[], 1, &[["warning", "firewall", chain]])?;
    let passes = network().with("/chain", json!([{"plugin": "firewall"}]));
    node.write(CONFLIST, passes.conflist())?;
    expect(&node, &[], 0, &[])?;

    let reservation = "/var/lib/cni/networks/pods/10.1.0.77";
    node.write(reservation, "old\r\neth0")?;
    expect(
        &node,
        &[],
        1,
        &[["warning", "reservations", "network pods"]],
    )?;
    // Nobody has it, so the directory can go.
    let imported = node.ctl(&["lease", "import", "--from", "host-local"])?;
    assert_eq!(imported[0]["attachments"][0]["outcome"], "stale");
    node.ok(&["rm", "-r", "/var/lib/cni/networks/pods"])?;
    expect(&node, &[], 0, &[])?;

    node.ok(&["chmod", "777", "/run/wasm-cni"])?;
    let (status, findings) = examine(&node, &[])?;
    assert_eq!(status, Some(2));
    let place = ["error", "permissions", "/run/wasm-cni"].map(str::to_owned);
    assert!(findings.contains(&place), "{findings:?}");
    node.ok(&["chmod", "go-w", "/run/wasm-cni"])?;
    expect(&node, &[], 0, &[])
}

#[test]
fn host_ports_that_others_forward_are_found() -> Result<()> {
    let node = node!();
    node.write(CONFLIST, network().conflist())?;
    let port = json!([lists::mapping("tcp", 30_080, 80)]);
    let portmap = [json!({"plugin": "portmap"})];
    let ours = lists::chain("pods", lists::bridge("cni0", &["10.1.0.0/24"]), &portmap)
        .capability("portMappings", port.clone());
    let link = lists::reference_bridge("cni1", &["10.2.0.0/24"]);
    let others =
        lists::reference_entries("others", link, &portmap).capability("portMappings", port);
    let (pod, other) = (node.pod("pod")?, node.pod("other")?);
    ours.add(&node, &pod)?;
    let result = others.add(&node, &other)?;
    let place = "port TCP 30080 to 10.1.0.2:80";
    expect(&node, &[], 2, &[["error", "host ports", place]])?;
    others.del(&node, &other, &result)?;
    expect(&node, &[], 0, &[])?;
    node.ok(&["nft", "add table ip kube-proxy"])?;
    node.ok(&["nft", "add chain ip kube-proxy nodeports"])?;
    expect(&node, &[], 1, &[["warning", "host ports", place]])?;
    expect(&node, &["--node-port-range", "20000-22767"], 0, &[])
}
