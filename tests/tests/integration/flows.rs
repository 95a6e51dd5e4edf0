//! Which packets pass: flow rules and isolation.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{
    Conflist, Node, Outside, Place, Pod, Responder, Transport, is_silent, source_seen,
};

use crate::{addresses, assert_nothing_left, lists, node};

use Transport::{Tcp, Udp};

const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];
const BRIDGE_HOOKS: [&str; 2] = [
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
];

pub(crate) fn set_bridge_hooks(node: &Node, value: &str) -> Result<()> {
    BRIDGE_HOOKS
        .iter()
        .try_for_each(|name| node.set_sysctl(name, value))
}

/// An address in the form that a port can follow.
fn host(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

pub(crate) fn passes(
    from: &dyn Place,
    transport: Transport,
    address: &str,
    port: u16,
) -> Result<()> {
    let target = format!("{}:{port}", host(address));
    source_seen(from, transport, &target)?
        .with_context(|| format!("{transport:?} to {target} does not pass"))
        .map(drop)
}

pub(crate) fn is_dropped(
    from: &dyn Place,
    transport: Transport,
    address: &str,
    port: u16,
) -> Result<()> {
    let target = format!("{}:{port}", host(address));
    ensure!(
        is_silent(from, transport, &target)?,
        "{transport:?} to {target} passes"
    );
    Ok(())
}

pub(crate) fn respond(pod: &dyn Place) -> Result<Vec<Responder>> {
    [(Tcp, 80), (Tcp, 81), (Udp, 80)]
        .map(|(transport, port)| Responder::start(pod, transport, &format!("[::]:{port}")))
        .into_iter()
        .collect()
}

fn policy() -> Value {
    json!({
        "plugin": "flow-policy",
        "ingress": {
            "default": "drop",
            "allow": [{"cidrs": ["10.1.0.0/24", "fd00:1::/64"], "protocol": "tcp", "ports": ["80-81"]}],
            "deny": [{"ports": [81]}],
        },
        "egress": {"deny": [{"cidrs": ["192.0.2.0/24", "2001:db8::/64"]}]},
    })
}

/// A pod with the policy and one without on the same bridge.
fn policy_between_neighbours(node: &Node, list: &Conflist, plain: &Conflist) -> Result<()> {
    let outside = Outside::connect(node)?;
    let (pod, neighbour) = (node.pod("a")?, node.pod("b")?);
    let result = list.add(node, &pod)?;
    let other = plain.add(node, &neighbour)?;
    let _responders = (respond(&pod)?, respond(&neighbour)?, respond(&outside)?);
    for own in &addresses(&result) {
        passes(&neighbour, Tcp, own, 80).context("allowed")?;
        is_dropped(&neighbour, Tcp, own, 81).context("denied")?;
        is_dropped(&neighbour, Udp, own, 80).context("neither")?;
        passes(node, Udp, own, 80).context("the host's probe")?;
    }
    for its in &addresses(&other) {
        passes(&pod, Tcp, its, 81).context("replies to the pod")?;
        passes(&pod, Udp, its, 80).context("replies to the pod")?;
    }
    for there in [Outside::IPV4, Outside::IPV6] {
        is_dropped(&pod, Tcp, there, 80)?;
        passes(&neighbour, Tcp, there, 80)?;
    }
    list.check(node, &pod, &result)?;
    list.del(node, &pod, &result)?;
    // Another pod without a policy gets the same addresses sooner or later; nothing of the old rules may hold then.
    plain.del(node, &neighbour, &other)?;
    assert_nothing_left(node, &[result, other])
}

#[test]
fn a_policy_holds_between_pods_of_one_bridge_without_the_hooks_of_all_bridges() -> Result<()> {
    let node = node!();
    set_bridge_hooks(&node, "0")?;
    let link = || lists::bridge("cni0", &SUBNETS);
    let list = lists::chain("pods", link(), &[policy()]);
    policy_between_neighbours(&node, &list, &Conflist::new("pods", &[link()]))
}

#[test]
fn a_policy_holds_between_pods_of_one_bridge_with_the_hooks_of_all_bridges() -> Result<()> {
    let node = node!();
    set_bridge_hooks(&node, "1")?;
    let link = || lists::bridge("cni0", &SUBNETS);
    let list = lists::entries("pods", link(), &[policy()]);
    policy_between_neighbours(&node, &list, &Conflist::new("pods", &[link()]))
}

#[test]
fn a_policy_holds_behind_the_reference_bridge() -> Result<()> {
    let node = node!();
    set_bridge_hooks(&node, "1")?;
    let link = || lists::reference_bridge("cni0", &SUBNETS);
    let list = lists::entries("pods", link(), &[policy()]);
    policy_between_neighbours(&node, &list, &Conflist::new("pods", &[link()]))
}

#[test]
fn what_can_not_be_filtered_is_refused() -> Result<()> {
    let node = node!();
    set_bridge_hooks(&node, "0")?;
    let pod = node.pod("a")?;
    let link = lists::reference_bridge("cni0", &SUBNETS);
    let failure = lists::entries("pods", link, &[policy()]).refused(&node, &pod)?;
    ensure!(failure.text.contains("bridge-nf-call"), "{failure:?}");
    assert_nothing_left(&node, &[])
}

/// Two networks with two pods each.
struct Isolated<'a> {
    red: [Pod<'a>; 2],
    blue: [Pod<'a>; 2],
}

impl<'a> Isolated<'a> {
    fn attach(node: &'a Node, red: &Conflist, blue: &Conflist) -> Result<Self> {
        let pair = |name: &str, list: &Conflist| -> Result<[Pod<'a>; 2]> {
            let pods = [
                node.pod(&format!("{name}-a"))?,
                node.pod(&format!("{name}-b"))?,
            ];
            for pod in &pods {
                list.add(node, pod)?;
            }
            Ok(pods)
        };
        Ok(Self {
            red: pair("red", red)?,
            blue: pair("blue", blue)?,
        })
    }
}

fn with_ingress_policy(name: &str, bridge: &str, subnets: &[&str], policy: &str) -> Conflist {
    let stage = json!({"plugin": "firewall", "ingressPolicy": policy});
    lists::chain(name, lists::bridge(bridge, subnets), &[stage])
}

#[test]
fn networks_are_kept_apart_and_their_own_pods_are_not() -> Result<()> {
    let node = node!();
    let _outside = Outside::connect(&node)?;
    let red = with_ingress_policy(
        "red",
        "red0",
        &["10.1.0.0/24", "fd00:1::/64"],
        "same-bridge",
    );
    let blue = with_ingress_policy(
        "blue",
        "blue0",
        &["10.2.0.0/24", "fd00:2::/64"],
        "same-bridge",
    );
    let Isolated { red, blue } = Isolated::attach(&node, &red, &blue)?;
    let _responders = (respond(&red[1])?, respond(&blue[1])?);
    for (near, far, own, others) in [
        (&red[0], &blue[0], "10.1.0.3", "10.2.0.3"),
        (&red[0], &blue[0], "fd00:1::3", "fd00:2::3"),
    ] {
        passes(near, Tcp, own, 80)?;
        is_dropped(far, Tcp, own, 80)?;
        passes(far, Tcp, others, 80)?;
        is_dropped(near, Tcp, others, 80)?;
        passes(&node, Tcp, own, 80)?;
    }
    for address in [Outside::IPV4, Outside::IPV6] {
        assert!(red[0].reaches(address)? && blue[0].reaches(address)?);
    }
    Ok(())
}

#[test]
fn isolated_pods_reach_no_other_pod_and_the_outside() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let red = with_ingress_policy("red", "red0", &SUBNETS, "isolated");
    let blue = with_ingress_policy("blue", "blue0", &["10.2.0.0/24", "fd00:2::/64"], "isolated");
    let Isolated { red, blue } = Isolated::attach(&node, &red, &blue)?;
    let _responders = (respond(&red[1])?, respond(&outside)?);
    for own in ["10.1.0.3", "fd00:1::3"] {
        is_dropped(&red[0], Tcp, own, 80)?;
        is_dropped(&blue[0], Tcp, own, 80)?;
        passes(&node, Tcp, own, 80)?;
    }
    for there in [Outside::IPV4, Outside::IPV6] {
        passes(&red[0], Tcp, there, 80)?;
    }
    Ok(())
}

#[test]
fn a_policy_judges_who_comes_by_a_forwarded_port() -> Result<()> {
    let node = node!();
    let outside = Outside::connect(&node)?;
    let pod = node.pod("a")?;
    let allowed = json!([{"cidr": "192.0.2.0/24", "protocol": "tcp", "ports": [80]}]);
    let policy = json!({
        "plugin": "flow-policy",
        "ingress": {"default": "drop", "allow": allowed}, "egress": {"default": "drop"},
    });
    let mappings = json!([
        lists::mapping("tcp", 8080, 80),
        lists::mapping("tcp", 8081, 81)
    ]);
    let stages = [json!({"plugin": "portmap"}), policy];
    let list = lists::chain("pods", lists::bridge("cni0", &SUBNETS), &stages)
        .capability("portMappings", mappings);
    let result = list.add(&node, &pod)?;
    let _responders = (respond(&pod)?, respond(&outside)?, respond(&node)?);
    passes(&outside, Tcp, Outside::NODE_IPV4, 8080)?;
    passes(&node, Tcp, "127.0.0.1", 8080)?;
    is_dropped(&outside, Tcp, Outside::NODE_IPV4, 8081)?;
    is_dropped(&outside, Tcp, Outside::NODE_IPV6, 8080)?;
    is_dropped(&pod, Tcp, Outside::IPV4, 80)?;
    is_dropped(&pod, Tcp, "10.1.0.1", 80).context("the host is a peer like others")?;
    list.check(&node, &pod, &result)?;
    list.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}
