//! State that is lost while containers live: what the kernel still does for them is given to nobody else, and taken back
//! when they are gone.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{BIN_DIR, Conflist, Node, Pod, Responder, Transport, source_seen};

use crate::lists::{self, full_chain};
use crate::shaping;
use crate::{addresses, node};

const HOST_PORT_TAKEN: u64 = 117;

fn lose_state(node: &Node) -> Result<()> {
    node.ok(&["rm", "-r", "/run/wasm-cni"]).map(drop)
}

/// Does port 8000 of the host lead to this pod?
fn leads_to(node: &Node, pod: &Pod<'_>) -> Result<bool> {
    let _responder = Responder::start(pod, Transport::Tcp, "[::]:80")?;
    Ok(source_seen(node, Transport::Tcp, "127.0.0.1:8000")?.is_some())
}

/// Nothing of these attachments is in nftables, and no ifb holds their rates.
fn no_trace(node: &Node, results: &[Value]) -> Result<()> {
    let rules = node.ruleset()?;
    for address in results.iter().flat_map(addresses) {
        ensure!(
            !rules.contains(&format!("{address} ")) && !rules.contains(&format!("{address},")),
            "{address}: {rules}"
        );
    }
    let ifbs = node.link_names("ifb")?;
    ensure!(ifbs.is_empty(), "{ifbs:?}");
    Ok(())
}

struct Scene<'a> {
    node: &'a Node,
    first: Conflist,
    lost: Pod<'a>,
    result: Value,
    next: Pod<'a>,
}

impl<'a> Scene<'a> {
    fn new(node: &'a Node) -> Result<Self> {
        let first = full_chain(8000);
        let lost = node.pod("lost")?;
        let result = first.add(node, &lost)?;
        ensure!(leads_to(node, &lost)?, "the port does not work at all");
        lose_state(node)?;
        Ok(Self {
            node,
            first,
            lost,
            result,
            next: node.pod("next")?,
        })
    }

    /// The next pod gets the port, and all is as if there had been no other.
    fn port_is_free(&self) -> Result<()> {
        let next = self
            .first
            .add(self.node, &self.next)
            .context("the next one")?;
        ensure!(leads_to(self.node, &self.next)?, "the port does not work");
        self.first.check(self.node, &self.next, &next)?;
        self.first.del(self.node, &self.next, &next)?;
        no_trace(self.node, &[self.result.clone(), next])?;
        let leases = self.node.ctl(&["lease", "list"])?;
        let leases = leases.as_array().into_iter().flatten();
        let held: Vec<_> = leases.filter(|lease| lease["state"] != "cooling").collect();
        ensure!(held.is_empty(), "{held:?}");
        Ok(())
    }
}

#[test]
fn a_port_of_a_live_container_is_given_to_nobody_until_its_del() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node)?;
    let failure = scene.first.refused(&node, &scene.next)?;
    assert_eq!(failure.code, HOST_PORT_TAKEN, "{failure:?}");
    for word in ["8000", "10.1.0.2:80", "lost"] {
        ensure!(failure.text.contains(word), "{word}: {failure:?}");
    }
    ensure!(leads_to(&node, &scene.lost)?, "the port leads elsewhere");
    // The kubelet knows the result of ADD.
    scene.first.del(&node, &scene.lost, &scene.result)?;
    scene.port_is_free()
}

#[test]
fn a_port_of_a_container_that_is_gone_is_given_to_who_wants_it() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node)?;
    let failure = scene.first.refused(&node, &scene.next)?;
    assert_eq!(failure.code, HOST_PORT_TAKEN, "{failure:?}");
    scene.lost.ok(&["ip", "link", "delete", "eth0"])?;
    scene.port_is_free_after_sweep()
}

impl Scene<'_> {
    fn port_is_free_after_sweep(&self) -> Result<()> {
        let next = self.first.add(self.node, &self.next)?;
        ensure!(leads_to(self.node, &self.next)?, "the port does not work");
        self.first.del(self.node, &self.next, &next)?;
        self.node.ctl(&["gc"])?;
        self.port_is_free()
    }
}

#[test]
fn rules_of_a_container_that_was_gone_before_are_removed_with_the_first_call() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node)?;
    scene.lost.ok(&["ip", "link", "delete", "eth0"])?;
    node.ok(&["ip", "link", "delete", &node.link_names("ifb")?[0]])?;
    let plain = Conflist::new("others", &[lists::bridge("cni1", &["10.2.0.0/24"])]);
    let other = node.pod("other")?;
    plain.add(&node, &other)?;
    no_trace(&node, std::slice::from_ref(&scene.result))?;
    plain.del(&node, &other, &Value::Null)?;
    scene.port_is_free()
}

#[test]
fn a_port_of_one_address_is_kept_as_such() -> Result<()> {
    let node = node!();
    let (lost, next) = (node.pod("lost")?, node.pod("next")?);
    let on = |address: &str| {
        let mut mapping = lists::mapping("tcp", 8000, 80);
        mapping["hostIP"] = address.into();
        let link = lists::bridge("cni0", &["10.1.0.0/24"]);
        lists::chain("pods", link, &[json!({"plugin": "portmap"})])
            .capability("portMappings", json!([mapping]))
    };
    on("192.0.2.1").add(&node, &lost)?;
    lose_state(&node)?;
    let failure = on("192.0.2.1").refused(&node, &next)?;
    assert_eq!(failure.code, HOST_PORT_TAKEN, "{failure:?}");
    let result = on("192.0.2.2").add(&node, &next)?;
    on("192.0.2.2").del(&node, &next, &result)
}

/// Addresses in quarantine on this network.
fn quarantined(node: &Node) -> Result<usize> {
    let words = [
        "lease",
        "list",
        "--network",
        "pods",
        "--state",
        "quarantined",
    ];
    Ok(node.ctl(&words)?.as_array().map_or(0, Vec::len))
}

#[test]
fn an_operator_can_end_a_quarantine() -> Result<()> {
    let node = node!();
    let range = json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"});
    let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": [[range]]});
    let mut ours = lists::bridge("cni0", &[]);
    ours["ipam"] = ipam.clone();
    // Of the other one the alias does not say which network it is of.
    let theirs = json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ipam});
    for (number, link) in [ours, theirs].into_iter().enumerate() {
        let list = Conflist::new("pods", &[link]);
        let pod = |name: &str| node.pod(&format!("{name}{number}"));
        let (lost, next, late) = (pod("lost")?, pod("next")?, pod("late")?);
        list.add(&node, &lost)?;
        let address = lost.addresses("eth0")?[0].replace("/24", "");
        lose_state(&node)?;
        list.add(&node, &next)?;
        let add = || list.entry(0, &node, &late, "ADD", &Value::Null)?.run();
        ensure!(!add()?.0.success(), "{address} is given twice");
        list.del(&node, &late, &Value::Null)?;
        ensure!(quarantined(&node)? == 1, "not in quarantine");
        node.ctl(&["lease", "release", "pods", &address])?;
        ensure!(quarantined(&node)? == 0, "still in quarantine");
        let reply = add()?;
        ensure!(
            reply.0.success(),
            "{reply:?}\n{}",
            node.ctl(&["lease", "list"])?
        );
        ensure!(late.addresses("eth0")? == lost.addresses("eth0")?);
        for pod in [&late, &next] {
            list.del(&node, pod, &Value::Null)?;
        }
        lost.ok(&["ip", "link", "delete", "eth0"])?;
        node.ctl(&["gc"])?;
    }
    Ok(())
}

/// Another vendor's bridge with our portmap behind it: its addresses are on no record of ours.
fn behind_the_reference(port: u16) -> Conflist {
    let link = lists::reference_bridge("cni0", &["10.1.0.0/24"]);
    lists::entries("pods", link, &[json!({"plugin": "portmap"})])
        .capability("portMappings", json!([lists::mapping("tcp", port, 80)]))
}

#[test]
fn a_purge_does_not_take_ports_of_containers_whose_records_are_lost() -> Result<()> {
    let node = node!();
    let list = behind_the_reference(8000);
    let (lost, next) = (node.pod("lost")?, node.pod("next")?);
    list.add(&node, &lost)?;
    lose_state(&node)?;
    let purge = |words: &[&str]| {
        let ctl = format!("{BIN_DIR}/wasm-cnictl");
        node.run(&[&[ctl.as_str(), "net", "purge"], words].concat())
    };
    let refused = purge(&["pods"])?;
    ensure!(
        !refused.success() && refused.stderr.contains("8000 to 10.1.0.2:80"),
        "{refused:?}"
    );
    // Neither does one of another network, though nothing else is attached.
    ensure!(purge(&["others"])?.success(), "others");
    ensure!(leads_to(&node, &lost)?, "the port leads nowhere");
    let purged = node.ctl(&["net", "purge", "pods", "--force"])?;
    ensure!(purged.to_string().contains("8000"), "{purged}");
    ensure!(!leads_to(&node, &lost)?, "the port still works");
    list.add(&node, &next).context("the port is not free")?;
    ensure!(leads_to(&node, &next)?, "the port leads elsewhere");
    Ok(())
}

#[test]
fn a_purge_takes_ports_of_containers_that_are_gone_with_their_records() -> Result<()> {
    let node = node!();
    let list = behind_the_reference(8000);
    let lost = node.pod("lost")?;
    list.add(&node, &lost)?;
    lose_state(&node)?;
    // The state is new from here on, and the container still lives.
    node.ctl(&["lease", "list"])?;
    lost.ok(&["ip", "link", "delete", "eth0"])?;
    node.ctl(&["net", "purge", "pods"])?;
    ensure!(!node.ruleset()?.contains("wasm-cni"), "a table is left");
    Ok(())
}

/// Rates on another vendor's link; its ifb carries no address that could be asked for.
fn rates_behind_the_reference(network: &str, bridge: &str, subnet: &str) -> Conflist {
    let link = lists::reference_bridge(bridge, &[subnet]);
    lists::entries(network, link, &[shaping::stage()])
}

#[test]
fn an_ifb_on_another_vendors_link_goes_once_that_link_is_gone() -> Result<()> {
    let node = node!();
    let list = rates_behind_the_reference("pods", "cni0", "10.1.0.0/24");
    let other = rates_behind_the_reference("others", "cni1", "10.2.0.0/24");
    let (lost, next) = (node.pod("lost")?, node.pod("next")?);
    list.add(&node, &lost)?;
    lose_state(&node)?;
    let of_lost = node.link_names("ifb")?;
    // The first of a new state, as the lost one was of the old one.
    let result = other.add(&node, &next)?;
    node.ctl(&["gc"])?;
    ensure!(node.link_names("ifb")?.len() == 2, "one of the living");
    // One that is nobody's.
    node.ok(&["ip", "link", "add", "foreign", "type", "ifb"])?;
    lost.ok(&["ip", "link", "delete", "eth0"])?;
    node.ctl(&["gc"])?;
    let left = node.link_names("ifb")?;
    ensure!(
        left.len() == 2 && !left.contains(&of_lost[0]) && left.contains(&"foreign".to_owned()),
        "{left:?}"
    );
    other.check(&node, &next, &result)?;
    other.del(&node, &next, &result)?;
    ensure!(node.link_names("ifb")? == ["foreign"]);
    Ok(())
}

#[test]
fn an_ifb_of_a_lost_attachment_does_not_take_a_newer_one_with_it() -> Result<()> {
    let node = node!();
    let of = |network: &str, bridge: &str, subnet: &str| {
        lists::chain(
            network,
            lists::bridge(bridge, &[subnet]),
            &[shaping::stage()],
        )
    };
    let (first, second) = (
        of("pods", "cni0", "10.1.0.0/24"),
        of("others", "cni1", "10.2.0.0/24"),
    );
    let (lost, next) = (node.pod("lost")?, node.pod("next")?);
    let old = first.add(&node, &lost)?;
    lose_state(&node)?;
    let new = second.add(&node, &next)?;
    first.del(&node, &lost, &old)?;
    second.check(&node, &next, &new)?;
    ensure!(node.link_names("ifb")?.len() == 1, "the lost one's is left");
    second.del(&node, &next, &new)
}
