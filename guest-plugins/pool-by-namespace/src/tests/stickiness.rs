use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{Attachment, Level, Scope, Storage};

use super::{add, config, pod};
use crate::PoolByNamespace;

fn del(node: &Node, config: &str, attachment: &Attachment) {
    node.del::<PoolByNamespace>(config, attachment).unwrap();
}

fn sticky(who: &str) -> String {
    // More addresses than pods, so that an address comes back only because it is remembered.
    config(&format!(r#", "default": "common", "sticky": "{who}""#))
        .replace("10.1.0.31", "10.1.0.39")
}

/// The addresses of the first and the second life of a pod, with another pod in between.
fn two_lives(config: &str, name: &str) -> (String, String) {
    let node = Node::new();
    let first = add(&node, config, &pod("x", name)).unwrap();
    del(&node, config, &pod("x", name));
    add(&node, config, &pod("x", "between-a")).unwrap();
    let mut again = pod("x", name);
    again.container_id = "another".to_owned();
    (first, add(&node, config, &again).unwrap())
}

#[test]
fn a_statefulsets_pod_gets_its_address_again() {
    let config = sticky("statefulset");
    let (first, second) = two_lives(&config, "web-0");
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("10.1.0.30", "10.1.0.30")
    );
    let (first, second) = two_lives(&config, "web-5d9f8-x2k4z");
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("10.1.0.30", "10.1.0.32")
    );
}

#[test]
fn every_pod_does_if_so_configured_and_none_by_default() {
    let (first, second) = two_lives(&sticky("pod"), "web");
    assert_eq!(first, second);
    let (first, second) = two_lives(&sticky("none"), "web-0");
    assert_ne!(first, second);
    let (first, second) = two_lives(
        &sticky("none").replace(r#", "sticky": "none""#, ""),
        "web-0",
    );
    assert_ne!(first, second);
}

#[test]
fn interfaces_and_namespaces_are_told_apart() {
    let node = Node::new();
    let config = sticky("statefulset");
    let mut second = pod("x", "web-0");
    second.interface_name = "net1".to_owned();
    let all = [pod("x", "web-0"), second, pod("y", "web-0")];
    let before: Vec<_> = all
        .iter()
        .map(|one| add(&node, &config, one).unwrap())
        .collect();
    assert_eq!(before, ["10.1.0.30", "10.1.0.31", "10.1.0.32"]);
    for one in &all {
        del(&node, &config, one);
    }
    let after: Vec<_> = all
        .iter()
        .rev()
        .map(|one| add(&node, &config, one).unwrap())
        .collect();
    assert_eq!(after, ["10.1.0.32", "10.1.0.31", "10.1.0.30"]);
}

#[test]
fn a_taken_address_is_replaced_and_the_new_one_remembered() {
    let node = Node::new();
    let small = config(r#", "default": "common", "sticky": "statefulset""#);
    assert_eq!(add(&node, &small, &pod("x", "web-0")).unwrap(), "10.1.0.30");
    del(&node, &small, &pod("x", "web-0"));
    // Two others take all of the pool; one leaves.
    assert_eq!(add(&node, &small, &pod("x", "a")).unwrap(), "10.1.0.31");
    assert_eq!(add(&node, &small, &pod("x", "b")).unwrap(), "10.1.0.30");
    del(&node, &small, &pod("x", "a"));
    assert_eq!(add(&node, &small, &pod("x", "web-0")).unwrap(), "10.1.0.31");
    del(&node, &small, &pod("x", "b"));
    del(&node, &small, &pod("x", "web-0"));
    assert_eq!(add(&node, &small, &pod("x", "web-0")).unwrap(), "10.1.0.31");
}

#[test]
fn an_address_of_another_pool_is_forgotten() {
    let node = Node::new();
    let before = config(r#", "default": "common", "sticky": "statefulset""#);
    assert_eq!(
        add(&node, &before, &pod("x", "web-0")).unwrap(),
        "10.1.0.30"
    );
    del(&node, &before, &pod("x", "web-0"));
    let after = before.replace(r#""default": "common""#, r#""default": "silver""#);
    assert_eq!(add(&node, &after, &pod("x", "web-0")).unwrap(), "10.1.0.20");
}

#[test]
fn a_refused_storage_costs_a_line_in_the_log_and_no_more() {
    let node = Node::new();
    let config = sticky("pod");
    let long = pod("x", &"n".repeat(250));
    assert_eq!(add(&node, &config, &long).unwrap(), "10.1.0.30");
    let full = pod("x", "web-0");
    node.call(&full)
        .set(Scope::Durable, "ballast", &vec![0; 1024 * 1024 - 20])
        .unwrap();
    assert_eq!(add(&node, &config, &full).unwrap(), "10.1.0.31");
    let log = node.log();
    let lines: Vec<&str> = log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("can't be recalled"), "{lines:?}");
    assert!(lines[1].contains("can't be kept"), "{lines:?}");
    assert!(
        lines[2].starts_with("sticky/x/web-0/eth0: ") && lines[2].contains("quota"),
        "{lines:?}"
    );
    assert!(log.iter().all(|(level, _)| *level == Level::Warning));
}

#[test]
fn rubbish_in_the_storage_is_no_address() {
    let node = Node::new();
    let config = sticky("statefulset");
    let web = pod("x", "web-0");
    node.call(&web)
        .set(
            Scope::Durable,
            "sticky/x/web-0/eth0",
            b"\xff\n10.1.0\n10.1.0.35\n",
        )
        .unwrap();
    assert_eq!(add(&node, &config, &web).unwrap(), "10.1.0.35");
}
