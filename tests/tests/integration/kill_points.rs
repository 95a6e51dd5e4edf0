//! Our executable killed before each of its effects: a DEL, a sweep or another pod's ADD finds all that is left.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, Conflist, Node, Pod, Snapshot, link_kind};

use crate::lists::{self, SUBNETS, full_chain, full_chain_on};
use crate::{addresses, lan, node};

const HOST_PORT_TAKEN: u64 = 117;
const EXHAUSTED: u64 = 100;
/// A sysctl of the container that the chain sets.
const TUNED: &str = "net/core/somaxconn";
/// A VRF of the container, where the chain has one.
const VRF: &str = "red";

/// A network and a pod that is attached and deleted again and again, beside one that stays.
struct Scene<'a> {
    node: &'a Node,
    list: Conflist,
    pod: Pod<'a>,
    before: Snapshot,
    tuned: String,
}

impl<'a> Scene<'a> {
    fn new(node: &'a Node, list: Conflist, resident: &Conflist) -> Result<Self> {
        let neighbour = node.pod("resident")?;
        // What the node has once is there before the first call that is killed.
        resident.add(node, &neighbour)?;
        let pod = node.pod("a")?;
        let tuned = pod.sysctl(TUNED)?;
        node.arm_fault_points()?;
        Ok(Self {
            node,
            list,
            pod,
            before: Snapshot::take(node)?,
            tuned,
        })
    }

    fn call(&self, verb: &str) -> Result<CniCall<'a>> {
        self.list.entry(0, self.node, &self.pod, verb, &Value::Null)
    }

    fn add(&self) -> Result<Value> {
        self.call("ADD")?.succeed()
    }

    fn del(&self) -> Result<()> {
        self.call("DEL")?.succeed().map(drop)
    }

    /// Is everything as it was before the pod was attached?
    fn nothing_left(&self) -> Result<()> {
        for name in ["eth0", VRF] {
            ensure!(!self.pod.has_link(name)?, "{name} is still there");
        }
        ensure!(
            self.pod.sysctl(TUNED)? == self.tuned,
            "{TUNED} is not as before"
        );
        self.before.assert_unchanged(self.node)
    }

    /// Sweeps as an operator does.
    fn sweep(&self) -> Result<()> {
        let swept = self.node.ctl(&["gc"])?;
        ensure!(swept["failures"] == json!([]), "{swept}");
        Ok(())
    }

    /// Does the record say that the attachment stands?
    fn is_applied(&self) -> Result<bool> {
        let records = self.node.ctl(&["attachment", "list"])?;
        let mut records = records.as_array().into_iter().flatten();
        Ok(records.any(|record| record["containerId"] == "a" && record["state"] == "applied"))
    }
}

/// Makes the call again and again, killed before its first effect, its second and so on until it comes to its end; tells
/// how many there were.
fn at_each_point<'a>(
    call: impl Fn() -> Result<CniCall<'a>>,
    mut after: impl FnMut() -> Result<()>,
) -> Result<u32> {
    for point in 1.. {
        let reply = call()?.killed_at(point).run()?;
        match reply.killed_before() {
            Some(effect) => {
                after().with_context(|| format!("killed before effect {point}: {effect}"))?;
            }
            None => {
                reply.result()?;
                return Ok(point - 1);
            }
        }
    }
    Ok(0)
}

fn add_then_del(scene: &Scene<'_>) -> Result<u32> {
    let points = at_each_point(
        || scene.call("ADD"),
        || {
            scene.del()?;
            scene.nothing_left()
        },
    )?;
    scene.del()?;
    Ok(points)
}

fn del_then_del(scene: &Scene<'_>) -> Result<u32> {
    let points = at_each_point(
        || {
            scene.add()?;
            scene.call("DEL")
        },
        || {
            let again = scene.call("DEL")?.variable("CNI_NETNS", "");
            again.succeed()?;
            scene.nothing_left()
        },
    )?;
    scene.nothing_left()?;
    Ok(points)
}

fn ptp(subnets: &[&str]) -> Value {
    let mut link = lists::bridge("unused", subnets);
    link["link"] = json!({"kind": "ptp", "ipMasq": true});
    link
}

#[test]
fn a_killed_add_of_a_chain_is_undone_by_del() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node, full_chain(8000), &full_chain(8001))?;
    let points = add_then_del(&scene)?;
    ensure!(points > 30, "{points} points");
    Ok(())
}

#[test]
fn a_killed_del_of_a_chain_is_finished_by_the_next() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node, full_chain(8000), &full_chain(8001))?;
    let points = del_then_del(&scene)?;
    ensure!(points > 8, "{points} points");
    Ok(())
}

#[test]
fn a_killed_add_of_a_chain_is_undone_by_a_sweep() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node, full_chain(8000), &full_chain(8001))?;
    let points = at_each_point(
        || scene.call("ADD"),
        || {
            scene.sweep()?;
            if scene.is_applied()? {
                // Only its answer is missing: the container may live.
                ensure!(scene.pod.reaches("10.1.0.1")?, "it does not work");
                scene.del()?;
            }
            scene.nothing_left()
        },
    )?;
    ensure!(points > 30, "{points} points");
    Ok(())
}

#[test]
fn a_killed_del_of_a_chain_is_finished_by_a_sweep_when_the_container_is_gone() -> Result<()> {
    let node = node!();
    let scene = Scene::new(&node, full_chain(8000), &full_chain(8001))?;
    let points = at_each_point(
        || {
            scene.add()?;
            scene.call("DEL")
        },
        || {
            scene.sweep()?;
            if scene.is_applied()? && scene.pod.has_link("eth0")? {
                scene.pod.ok(&["ip", "link", "delete", "eth0"])?;
                scene.sweep()?;
            }
            scene.nothing_left()
        },
    )?;
    ensure!(points > 8, "{points} points");
    Ok(())
}

#[test]
fn what_a_killed_add_held_goes_to_another_pod_once_and_whole() -> Result<()> {
    let node = node!();
    // One address is left beside the resident's.
    let mut link = lists::bridge("cni0", &[]);
    link["ipam"]["ranges"] = json!([[
        {"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"}
    ]]);
    let list = full_chain_on(link.clone(), 8000);
    let scene = Scene::new(&node, list.clone(), &full_chain_on(link, 8001))?;
    let other = node.pod("b")?;
    let points = at_each_point(
        || scene.call("ADD"),
        || {
            let reply = list.entry(0, &node, &other, "ADD", &Value::Null)?.run()?;
            if scene.is_applied()? {
                let code = reply.failure()?.code;
                ensure!(code == EXHAUSTED || code == HOST_PORT_TAKEN, "code {code}");
                ensure!(scene.pod.reaches("10.1.0.1")?, "the first does not work");
            } else {
                let result = reply.result()?;
                ensure!(addresses(&result) == ["10.1.0.3"], "{result}");
                ensure!(other.reaches("10.1.0.1")?, "the other does not work");
                ensure!(!scene.pod.has_link("eth0")?, "both have a link");
            }
            list.del(&node, &other, &Value::Null)?;
            scene.del()?;
            scene.nothing_left()
        },
    )?;
    ensure!(points > 20, "{points} points");
    Ok(())
}

#[test]
fn killed_calls_on_a_point_to_point_link_leave_nothing() -> Result<()> {
    let node = node!();
    let of = |port| full_chain_without_bridge(ptp(&SUBNETS), port);
    let scene = Scene::new(&node, of(8000), &of(8001))?;
    let points = (add_then_del(&scene)?, del_then_del(&scene)?);
    ensure!(points.0 > 30 && points.1 > 7, "{points:?} points");
    Ok(())
}

#[test]
fn killed_calls_on_a_macvlan_leave_nothing() -> Result<()> {
    let node = node!();
    lan(&node)?;
    if !link_kind(&node, &["link", "eth0", "type", "macvlan"])? {
        return Ok(());
    }
    let mut link = lists::bridge("unused", &["10.5.0.0/24"]);
    link["link"] = json!({"kind": "macvlan", "master": "eth0"});
    let stage = json!({"plugin": "tuning", "mtu": 1380, "sysctl": {"net.core.somaxconn": "511"}});
    let list = lists::chain("flat", link, &[stage]);
    let scene = Scene::new(&node, list.clone(), &list)?;
    let points = (add_then_del(&scene)?, del_then_del(&scene)?);
    ensure!(points.0 > 8 && points.1 > 2, "{points:?} points");
    Ok(())
}

#[test]
fn killed_calls_in_a_vrf_leave_nothing() -> Result<()> {
    let node = node!();
    if !link_kind(&node, &["type", "vrf", "table", "77"])? {
        return Ok(());
    }
    let mut link = lists::bridge("cni0", &SUBNETS);
    link["link"]["ipMasq"] = false.into();
    let list = lists::chain("pods", link, &[json!({"plugin": "vrf", "vrfname": VRF})]);
    let scene = Scene::new(&node, list.clone(), &list)?;
    let points = (add_then_del(&scene)?, del_then_del(&scene)?);
    ensure!(points.0 > 12 && points.1 > 2, "{points:?} points");
    Ok(())
}

/// The chain that [`full_chain`] has, where containers have no bridge in common.
fn full_chain_without_bridge(link: Value, port: u16) -> Conflist {
    full_chain_on(link, port).with("/plugins/0/chain/2", json!({"plugin": "firewall"}))
}

#[test]
fn a_killed_stage_that_is_an_entry_of_the_list_is_undone_by_the_del_of_all() -> Result<()> {
    let node = node!();
    let list = lists::entries(
        "pods",
        lists::bridge("cni0", &SUBNETS),
        &lists::every_stage(),
    )
    .with_entry(json!({"type": "wasm-cni", "link": {"kind": "loopback"}}));
    let of = |port| list.capability("portMappings", json!([lists::mapping("tcp", port, 80)]));
    let scene = Scene::new(&node, of(8000), &of(8001))?;
    let mut points = 0;
    for index in 1..scene.list.len() {
        let call = || {
            let mut previous = Value::Null;
            for earlier in 0..index {
                let add = scene
                    .list
                    .entry(earlier, &node, &scene.pod, "ADD", &previous)?;
                previous = add.succeed()?;
            }
            scene.list.entry(index, &node, &scene.pod, "ADD", &previous)
        };
        let del = || {
            scene.list.del(&node, &scene.pod, &Value::Null)?;
            let lo = scene.pod.link("lo")?["flags"].to_string();
            ensure!(!lo.contains("UP"), "lo is up: {lo}");
            scene.nothing_left()
        };
        points += at_each_point(call, del)?;
        del()?;
    }
    ensure!(points > 25, "{points} points");
    Ok(())
}

#[test]
fn our_ipam_that_is_killed_under_another_vendors_link_keeps_nothing() -> Result<()> {
    let node = node!();
    let mut link = json!({"type": "bridge", "bridge": "cni0", "isGateway": true});
    link["ipam"] = lists::bridge("", &["10.1.0.0/24"])["ipam"].clone();
    let list = Conflist::new("pods", &[link]);
    let scene = Scene::new(&node, list.clone(), &list)?;
    let points = (add_then_del(&scene)?, del_then_del(&scene)?);
    ensure!(points.0 > 4 && points.1 > 1, "{points:?} points");
    Ok(())
}

#[test]
fn a_store_whose_creator_was_killed_is_created_by_the_next_call() -> Result<()> {
    let node = node!();
    node.arm_fault_points()?;
    let list = Conflist::new("pods", &[lists::bridge("cni0", &SUBNETS)]);
    let pods = [node.pod("a")?, node.pod("b")?];
    // A live container, whose address a new store must find.
    let live = list.add(&node, &pods[0])?;
    let points = at_each_point(
        || {
            node.ok(&["rm", "-r", "/run/wasm-cni"])?;
            list.entry(0, &node, &pods[1], "ADD", &Value::Null)
        },
        || {
            list.del(&node, &pods[1], &Value::Null)?;
            let result = list.add(&node, &pods[1])?;
            let taken = addresses(&live);
            ensure!(
                addresses(&result)
                    .iter()
                    .all(|address| !taken.contains(address)),
                "handed out twice: {result}"
            );
            list.del(&node, &pods[1], &result)
        },
    )?;
    ensure!(points > 15, "{points} points");
    Ok(())
}
