//! Settings of a container's interface and its sysctls: in effect after ADD, and as before after DEL.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Pod};

use crate::{assert_nothing_left, lists, node};

const SHARED: &str = "net/core/somaxconn";
const OWN: &str = "net/ipv4/conf/eth0/arp_filter";

fn stage() -> Value {
    json!({
        "plugin": "tuning",
        "sysctl": {
            "net.core.somaxconn": "511",
            "net.ipv4.conf.IFNAME.arp_filter": 1,
            "net/ipv4/ip_local_port_range": "20000 29999",
        },
        "mac": "02:00:5e:10:00:01", "mtu": 1380, "promisc": true, "allmulti": true, "txQLen": 777,
    })
}

fn flags(pod: &Pod<'_>) -> Result<Vec<String>> {
    let flags = pod.link("eth0")?["flags"].clone();
    let flags = flags.as_array().into_iter().flatten();
    Ok(flags.filter_map(Value::as_str).map(str::to_owned).collect())
}

fn in_effect(pod: &Pod<'_>) -> Result<()> {
    let link = pod.link("eth0")?;
    assert_eq!(link["address"], "02:00:5e:10:00:01");
    assert_eq!((&link["mtu"], &link["txqlen"]), (&json!(1380), &json!(777)));
    let flags = flags(pod)?;
    for flag in ["PROMISC", "ALLMULTI", "UP"] {
        ensure!(flags.iter().any(|known| known == flag), "{flags:?}");
    }
    assert_eq!(pod.sysctl(SHARED)?, "511");
    assert_eq!(pod.sysctl(OWN)?, "1");
    assert_eq!(pod.sysctl("net/ipv4/ip_local_port_range")?, "20000\t29999");
    Ok(())
}

fn add_and_delete(node: &Node, list: &Conflist) -> Result<()> {
    let pod = node.pod("a")?;
    let before = pod.sysctl(SHARED)?;
    let ports = pod.sysctl("net/ipv4/ip_local_port_range")?;
    let result = list.add(node, &pod)?;
    in_effect(&pod)?;
    assert!(pod.reaches("10.1.0.1")?);
    let interfaces = result["interfaces"].as_array().into_iter().flatten();
    let mut macs = interfaces.map(|interface| interface["mac"].as_str().unwrap_or_default());
    ensure!(macs.any(|mac| mac == "02:00:5e:10:00:01"), "{result}");
    list.check(node, &pod, &result)?;
    list.del(node, &pod, &result)?;
    assert_eq!(pod.sysctl(SHARED)?, before);
    assert_eq!(pod.sysctl("net/ipv4/ip_local_port_range")?, ports);
    assert_nothing_left(node, &[result])
}

#[test]
fn settings_of_a_chain_are_in_effect_until_del() -> Result<()> {
    let node = node!();
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    add_and_delete(&node, &lists::chain("pods", link, &[stage()]))
}

#[test]
fn settings_of_an_entry_of_the_list_are_in_effect_until_del() -> Result<()> {
    let node = node!();
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    add_and_delete(&node, &lists::entries("pods", link, &[stage()]))
}

#[test]
fn settings_under_the_reference_plugins_name_are_in_effect_until_del() -> Result<()> {
    let node = node!();
    node.drop_in("tuning")?;
    let link = lists::reference_bridge("cni0", &["10.1.0.0/24"]);
    add_and_delete(&node, &lists::reference_entries("pods", link, &[stage()]))
}

#[test]
fn del_of_the_stage_alone_gives_the_interface_its_own_settings_back() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    let list = lists::entries("pods", link, &[stage()]);
    let plain = list.without_entry(1);
    let alone = node.pod("b")?;
    plain.add(&node, &alone)?;
    let usual = alone.link("eth0")?;
    let somaxconn = pod.sysctl(SHARED)?;
    let result = list.add(&node, &pod)?;
    list.del_entry(1, &node, &pod, &result)?;
    let link = pod.link("eth0")?;
    for key in ["mtu", "txqlen", "flags"] {
        assert_eq!(link[key], usual[key], "{key}");
    }
    assert_eq!(
        (pod.sysctl(SHARED)?, pod.sysctl(OWN)?),
        (somaxconn, "0".into())
    );
    assert!(pod.reaches("10.1.0.1")?);
    list.del_entry(1, &node, &pod, &result)?;
    plain.del(&node, &pod, &result)?;
    assert!(!pod.has_link("eth0")?);
    Ok(())
}

#[test]
fn one_of_two_tuning_entries_is_deleted_and_the_other_stays() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    let sysctl = |name: &str, value: &str| json!({"plugin": "tuning", "sysctl": {name: value}});
    let stages = [
        sysctl("net.core.somaxconn", "511"),
        sysctl("net.ipv4.tcp_syncookies", "0"),
    ];
    let list = lists::entries("pods", link, &stages);
    let (first, second) = (pod.sysctl(SHARED)?, pod.sysctl("net/ipv4/tcp_syncookies")?);
    assert_ne!((first.as_str(), second.as_str()), ("511", "0"));
    let result = list.add(&node, &pod)?;
    list.del_entry(1, &node, &pod, &result)?;
    assert_eq!(pod.sysctl(SHARED)?, first);
    assert_eq!(pod.sysctl("net/ipv4/tcp_syncookies")?, "0");
    list.del_entry(2, &node, &pod, &result)?;
    assert_eq!(pod.sysctl("net/ipv4/tcp_syncookies")?, second);
    list.del(&node, &pod, &result)?;
    assert_nothing_left(&node, &[result])
}

#[test]
fn a_value_that_somebody_else_has_set_since_is_left_alone() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let link = lists::bridge("cni0", &["10.1.0.0/24"]);
    let list = lists::chain("pods", link, &[stage()]);
    let result = list.add(&node, &pod)?;
    pod.ok(&["sh", "-c", "echo 99 >/proc/sys/net/core/somaxconn"])?;
    list.del(&node, &pod, &result)?;
    assert_eq!(pod.sysctl(SHARED)?, "99");
    assert_nothing_left(&node, &[result])
}

/// A network of its own for this interface, which sets the sysctl that the whole container shares.
fn tuned(number: u8, value: &str) -> Conflist {
    let subnet = format!("10.{number}.0.0/24");
    let mut link = lists::bridge(&format!("cni{number}"), &[&subnet]);
    link["link"]["isDefaultGateway"] = false.into();
    let stage = json!({"plugin": "tuning", "sysctl": {"net.core.somaxconn": value}});
    lists::chain(&format!("net{number}"), link, &[stage]).interface(&format!("net{number}"))
}

#[test]
fn a_sysctl_that_several_networks_of_a_container_set_goes_back_with_the_last_of_them() -> Result<()>
{
    let node = node!();
    let pod = node.pod("a")?;
    let before = pod.sysctl(SHARED)?;
    let (first, second, third) = (tuned(1, "511"), tuned(2, "511"), tuned(3, "600"));
    let results = [
        first.add(&node, &pod)?,
        second.add(&node, &pod)?,
        third.add(&node, &pod)?,
    ];
    assert_eq!(pod.sysctl(SHARED)?, "600");
    // Who was overruled is not broken by that.
    first.check(&node, &pod, &results[0])?;
    first.del(&node, &pod, &results[0])?;
    assert_eq!(pod.sysctl(SHARED)?, "600");
    third.del(&node, &pod, &results[2])?;
    assert_eq!(pod.sysctl(SHARED)?, "511", "the second network wants it");
    second.check(&node, &pod, &results[1])?;
    second.del(&node, &pod, &results[1])?;
    assert_eq!(pod.sysctl(SHARED)?, before);
    assert_nothing_left(&node, &results)
}

#[test]
fn an_add_that_fails_leaves_the_sysctl_that_another_network_wants() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let before = pod.sysctl(SHARED)?;
    let first = tuned(1, "511");
    let result = first.add(&node, &pod)?;
    let failing = tuned(2, "511").with(
        "/plugins/0/chain/0/sysctl/net.ipv4.tcp_syncookies",
        "no number",
    );
    failing.refused(&node, &pod)?;
    assert_eq!(pod.sysctl(SHARED)?, "511");
    first.del(&node, &pod, &result)?;
    assert_eq!(pod.sysctl(SHARED)?, before);
    assert_nothing_left(&node, &[result])
}

#[test]
fn networks_of_a_container_that_come_and_go_at_once_leave_no_sysctl_behind() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let before = pod.sysctl(SHARED)?;
    let networks = [tuned(1, "511"), tuned(2, "600"), tuned(3, "700")];
    let all_at_once = |call: &(dyn Fn(&Conflist) -> Result<()> + Sync)| {
        thread::scope(|scope| {
            let calls = networks
                .each_ref()
                .map(|network| scope.spawn(move || call(network)));
            calls.into_iter().try_for_each(|call| {
                call.join()
                    .map_err(|_| anyhow!("the call panicked"))
                    .flatten()
            })
        })
    };
    for round in 0..25 {
        all_at_once(&|network| network.add(&node, &pod).map(drop))?;
        all_at_once(&|network| network.del(&node, &pod, &Value::Null))?;
        ensure!(pod.sysctl(SHARED)? == before, "round {round}");
    }
    assert_nothing_left(&node, &[])
}
