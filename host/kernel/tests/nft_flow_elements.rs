//! What a container owns of flow rules, isolation and passage, and what becomes of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_flow_world;
mod nft_namespaces;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use kernel::nft::{Base, Firewall, Nft};
use kernel::{Presence, Undone};
use nft_flow_world::*;
use nft_namespaces::Namespace;
use plan::{FlowRule, Flows, HostFirewallPass, IsolatedAddresses, Isolation, PortRange, Undo};

/// Another container's number whose addresses end with the same bits as the first one's.
const SAME_SHARD: u32 = 1 + 256;

fn open(namespace: &Namespace) -> Nft {
    namespace.run(|| Nft::open().unwrap())
}

fn pod(number: u32) -> Vec<IpAddr> {
    let v4 = IpAddr::from((0x0a01_0000 + number).to_be_bytes());
    let v6 = IpAddr::from((0xfd00_u128 << 112 | u128::from(number)).to_be_bytes());
    vec![v4, v6]
}

/// Ten rules of both directions, some for both families.
fn ten_rules(number: u32) -> Flows {
    let ports = |rule, protocol, port: u16| FlowRule {
        protocol: Some(protocol),
        ports: Some(PortRange {
            first: port,
            last: port + 10,
        }),
        ..rule
    };
    let to = |rule, network: &str| FlowRule {
        peer: Some(network.parse().unwrap()),
        ..rule
    };
    Flows {
        addresses: pod(number),
        rules: vec![
            ports(rule(INGRESS, ACCEPT), TCP, 80),
            ports(rule(INGRESS, ACCEPT), TCP, 443),
            ports(to(rule(INGRESS, DROP), "198.51.100.0/24"), TCP, 443),
            to(rule(INGRESS, ACCEPT), "203.0.113.0/24"),
            to(rule(INGRESS, ACCEPT), "2001:db8:1::/48"),
            ports(rule(EGRESS, ACCEPT), UDP, 53),
            ports(to(rule(EGRESS, ACCEPT), "10.0.0.0/8"), TCP, 5432),
            to(rule(EGRESS, DROP), "169.254.169.254/32"),
            to(rule(EGRESS, ACCEPT), "192.0.2.0/24"),
            to(rule(EGRESS, ACCEPT), "2001:db8:2::/48"),
        ],
        deny_by_default: vec![INGRESS, EGRESS],
    }
}

fn isolation(number: u32) -> IsolatedAddresses {
    IsolatedAddresses {
        addresses: pod(number),
        link: "cni0".into(),
        isolation: Isolation::OtherNetworks,
    }
}

fn pass(number: u32) -> HostFirewallPass {
    HostFirewallPass {
        addresses: pod(number),
    }
}

/// Makes the shared objects complete, as an ADD does.
fn ensure(nft: &mut Nft) {
    let bases = [
        nft.ensure_flow_table().unwrap(),
        nft.ensure_host_firewall_accept().unwrap(),
    ];
    if bases.contains(&Base::Created) {
        nft.restore(&Firewall::default()).unwrap();
    }
    assert_eq!(nft.ensure_flow_table().unwrap(), Base::Present);
    assert_eq!(nft.ensure_host_firewall_accept().unwrap(), Base::Present);
}

fn add(nft: &mut Nft, number: u32) {
    nft.add_flows(&ten_rules(number)).unwrap();
    nft.add_isolation(&isolation(number)).unwrap();
    nft.add_host_firewall_pass(&pass(number)).unwrap();
}

/// How many elements each set has that has any.
fn elements(host: &Namespace) -> BTreeMap<String, usize> {
    let listed: serde_json::Value =
        serde_json::from_str(&host.tool("nft", &["-j", "list", "ruleset"])).unwrap();
    let objects = listed["nftables"].as_array().unwrap();
    let sets = objects.iter().filter_map(|object| object.get("set"));
    sets.filter_map(|set| {
        let elements = set.get("elem")?.as_array()?;
        Some((set["name"].as_str()?.to_owned(), elements.len()))
    })
    .collect()
}

/// Rules and chains with their handles, which no attachment may change.
fn shared(host: &Namespace) -> String {
    let listed = host.tool("nft", &["-as", "list", "ruleset"]);
    let lines = listed.lines().filter(|line| {
        ["chain", "jump", "drop", "return", "mark"]
            .iter()
            .any(|word| line.contains(word))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn one_container_goes_and_what_another_has_stays() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    add(&mut nft, 1);
    // Both addresses end with the same bits, so both containers have the same sets.
    let rules = shared(&host);
    let of_one = elements(&host);
    assert_eq!(of_one["drop-ingress4-1"], 1, "{of_one:?}");
    assert_eq!(of_one["accept-egress6-1"], 3, "{of_one:?}");
    add(&mut nft, SAME_SHARD);
    let of_two = elements(&host);
    assert!(of_one.iter().all(|(set, count)| of_two[set] == 2 * count));
    // Repeats change nothing.
    add(&mut nft, SAME_SHARD);
    assert_eq!(elements(&host), of_two);

    assert!(nft.forget_flows(&ten_rules(SAME_SHARD)).unwrap());
    assert!(nft.forget_isolation(&isolation(SAME_SHARD)).unwrap());
    assert!(nft.forget_host_firewall_pass(&pass(SAME_SHARD)).unwrap());
    assert_eq!(elements(&host), of_one);
    assert_eq!(nft.verify_flows(&ten_rules(1)).unwrap(), []);
    assert_eq!(nft.verify_isolation(&isolation(1)).unwrap(), []);
    assert_eq!(nft.verify_host_firewall_pass(&pass(1)).unwrap(), []);
    assert!(!nft.forget_flows(&ten_rules(SAME_SHARD)).unwrap());
    assert!(!nft.has_flows(&ten_rules(SAME_SHARD)).unwrap());
    assert!(nft.has_flows(&ten_rules(1)).unwrap());
    assert_eq!(shared(&host), rules);
}

#[test]
fn a_ruleset_that_an_operator_saves_and_loads_is_the_same() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    add(&mut nft, 1);
    add(&mut nft, 0x0102);
    let (before, saved) = (elements(&host), host.nft("list ruleset"));
    host.nft("flush ruleset");
    host.restore("nft", &["-f", "-"], &saved);
    assert_eq!(elements(&host), before);
    assert_eq!(nft.ensure_flow_table().unwrap(), Base::Present);
    assert_eq!(nft.ensure_host_firewall_accept().unwrap(), Base::Present);
    assert_eq!(nft.verify_flows(&ten_rules(1)).unwrap(), []);
    assert_eq!(nft.verify_flows(&ten_rules(0x0102)).unwrap(), []);
    assert_eq!(nft.verify_isolation(&isolation(1)).unwrap(), []);
    assert!(nft.forget_flows(&ten_rules(1)).unwrap());
}

#[test]
fn what_is_left_of_rules_is_told_and_forgotten() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    add(&mut nft, 1);
    let of_one = elements(&host);
    add(&mut nft, 2);
    host.nft("delete element inet wasm-cni deny-ingress4 { 10.1.0.2 }");
    let mismatches = nft.verify_flows(&ten_rules(2)).unwrap();
    assert_eq!(mismatches.len(), 1, "{mismatches:?}");
    assert!(mismatches[0].object.contains("deny-ingress4"));
    assert!(nft.forget_flows(&ten_rules(2)).unwrap());
    assert!(nft.forget_isolation(&isolation(2)).unwrap());
    assert!(nft.forget_host_firewall_pass(&pass(2)).unwrap());
    assert_eq!(elements(&host), of_one);
}

#[test]
fn other_rules_of_the_same_address_are_refused_in_words() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    nft.add_flows(&ten_rules(1)).unwrap();
    let before = elements(&host);
    let mut others = ten_rules(1);
    others.rules = vec![ports(rule(INGRESS, ACCEPT), TCP, 85, 500)];
    let text = nft.add_flows(&others).unwrap_err().to_string();
    assert!(
        text.contains("other flow rules of 10.1.0.1, fd00::1"),
        "{text}"
    );
    assert_eq!(elements(&host), before);
    // Nothing of them was added, so nothing is taken away but what both share: the default.
    others.deny_by_default.clear();
    nft.forget_flows(&others).unwrap();
    assert_eq!(elements(&host), before);
}

#[test]
fn after_a_flush_undo_succeeds_and_every_element_can_be_restored() {
    let Some(world) = World::new() else { return };
    let step = world.set_rules(world.a(), &[INGRESS], &[rule(EGRESS, DROP)]);
    let undo = undo_of(&step);
    assert_eq!(world.presence(&undo), Presence::Present);
    world.host.nft("flush ruleset");
    assert_eq!(world.presence(&undo), Presence::Gone);
    assert_eq!(world.undo(&undo), Undone::AlreadyGone);
    for undo in [
        Undo::ForgetIsolation(isolation(1)),
        Undo::ForgetHostFirewallPass(pass(1)),
    ] {
        assert_eq!(world.undo(&undo), Undone::AlreadyGone);
    }
    assert!(!world.verify(&step).is_empty());

    let mut nft = open(&world.host);
    let error = nft.add_flows(&ten_rules(1)).unwrap_err().to_string();
    assert!(error.contains("next ADD"), "{error}");
    // Whoever comes next is told until all is restored.
    assert_eq!(nft.ensure_flow_table().unwrap(), Base::Created);
    assert_eq!(
        open(&world.host).ensure_flow_table().unwrap(),
        Base::Created
    );
    nft.restore(&Firewall {
        flows: vec![ten_rules(1), ten_rules(2)],
        isolated: vec![isolation(1)],
        passes: vec![pass(2)],
        ..Firewall::default()
    })
    .unwrap();
    assert_eq!(nft.ensure_flow_table().unwrap(), Base::Present);
    assert_eq!(nft.ensure_host_firewall_accept().unwrap(), Base::Present);
    assert_eq!(nft.verify_flows(&ten_rules(1)).unwrap(), []);
    assert_eq!(nft.verify_flows(&ten_rules(2)).unwrap(), []);
    assert_eq!(nft.verify_isolation(&isolation(1)).unwrap(), []);
    assert_eq!(nft.verify_host_firewall_pass(&pass(2)).unwrap(), []);
    assert_eq!(nft.verify_flow_table().unwrap(), []);
}

#[test]
fn a_chain_that_lost_a_rule_is_made_anew_and_elements_stay() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    add(&mut nft, 1);
    let (before, rules) = (elements(&host), shared(&host));
    host.nft("flush chain inet wasm-cni flow-egress");
    assert!(!nft.verify_flows(&ten_rules(1)).unwrap().is_empty());
    assert_eq!(nft.ensure_flow_table().unwrap(), Base::Created);
    assert_eq!(elements(&host), before);
    let count = |text: &str| text.lines().count();
    assert_eq!(count(&shared(&host)), count(&rules));
}

#[test]
fn chains_come_with_the_first_address_that_ends_so_and_stay() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    let chains = || {
        let listed = host.nft("list table inet wasm-cni");
        let names = listed.lines().filter_map(|line| {
            let (_, name) = line.trim().split_once("chain flow-")?;
            Some(name.trim_end_matches(" {").to_owned())
        });
        names.collect::<BTreeSet<_>>()
    };
    let without = chains();
    assert_eq!(without, names(&["egress", "ingress"]));
    // Who only has a default needs no chain.
    let mut flows = ten_rules(1);
    flows.rules.clear();
    nft.add_flows(&flows).unwrap();
    assert_eq!(chains(), without);
    let of_one = ["egress4-1", "egress6-1", "ingress4-1", "ingress6-1"];
    nft.add_flows(&ten_rules(1)).unwrap();
    assert_eq!(chains(), &without | &names(&of_one));
    assert!(nft.forget_flows(&ten_rules(1)).unwrap());
    assert_eq!(chains(), &without | &names(&of_one));
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_damaged_chain_of_some_addresses_is_told_and_made_anew() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    add(&mut nft, 1);
    let (before, rules) = (elements(&host), host.nft("list ruleset"));
    for damage in [
        "flush chain inet wasm-cni flow-egress4-1",
        "delete element inet wasm-cni flow-ingress6 { ::1 }",
        "delete element inet wasm-cni flow-ingress4 { 0.0.0.1 }
         delete chain inet wasm-cni flow-ingress4-1",
    ] {
        host.nft(damage);
        assert!(!nft.verify_flows(&ten_rules(1)).unwrap().is_empty());
        // The next one, or the same again.
        nft.add_flows(&ten_rules(SAME_SHARD)).unwrap();
        assert_eq!(nft.verify_flows(&ten_rules(1)).unwrap(), [], "{damage}");
        assert!(nft.forget_flows(&ten_rules(SAME_SHARD)).unwrap());
        assert_eq!(elements(&host), before);
        // So does a restoration.
        host.nft(damage);
        nft.restore(&Firewall {
            flows: vec![ten_rules(1)],
            ..Firewall::default()
        })
        .unwrap();
        assert_eq!(nft.verify_flows(&ten_rules(1)).unwrap(), [], "{damage}");
        assert_eq!(elements(&host), before);
    }
    let count = |text: &str| text.lines().count();
    assert_eq!(count(&host.nft("list ruleset")), count(&rules));
}

#[test]
fn containers_that_need_the_same_chain_first_are_added_at_once() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    let numbers: Vec<_> = (0..8).map(|each| 1 + 256 * each).collect();
    std::thread::scope(|scope| {
        for number in &numbers {
            let mut nft = open(&host);
            scope.spawn(move || nft.add_flows(&ten_rules(*number)).unwrap());
        }
    });
    for number in numbers {
        assert_eq!(nft.verify_flows(&ten_rules(number)).unwrap(), []);
    }
    assert_eq!(elements(&host)["drop-ingress4-1"], 8);
}

#[test]
fn the_largest_set_of_rules_is_added_and_forgotten() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    ensure(&mut nft);
    let mut flows = ten_rules(1);
    let most = plan::FlowSet::MOST_ELEMENTS as u32;
    let single = |n: u32| FlowRule {
        peer: Some(IpAddr::from((0x0b00_0000 + 2 * n).to_be_bytes()).into()),
        ..rule(EGRESS, DROP)
    };
    flows.rules = (0..most).map(single).collect();
    flows.deny_by_default.clear();
    nft.add_flows(&flows).unwrap();
    assert_eq!(elements(&host)["drop-egress4-1"], most as usize);
    assert_eq!(nft.verify_flows(&flows).unwrap(), []);
    assert!(nft.forget_flows(&flows).unwrap());
    assert!(elements(&host).is_empty());
}

/// Prints what ten rules cost beside those of so many other containers: `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn cost_of_ten_rules() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let start = Instant::now();
    ensure(&mut nft);
    println!("shared objects: {:?}", start.elapsed());
    let mut added = 0;
    for others in [1, 10, 100, 255, 1000] {
        // Numbers from 0 to 254 first: each needs chains that are not there yet.
        let mut first = Vec::new();
        while added < others {
            let start = Instant::now();
            nft.add_flows(&ten_rules(added)).unwrap();
            first.push(start.elapsed());
            added += 1;
        }
        let last = first.split_off(first.len().saturating_sub(21));
        println!("{others} containers: the last ones' add {:?}", median(last));
        let mut times = [const { Vec::new() }; 4];
        // The address ends as those of some others.
        let newcomer = ten_rules(60_160);
        for _ in 0..21 {
            let start = Instant::now();
            nft.add_flows(&newcomer).unwrap();
            times[0].push(start.elapsed());
            let start = Instant::now();
            assert!(nft.has_flows(&newcomer).unwrap());
            assert_eq!(nft.ensure_flow_table().unwrap(), Base::Present);
            times[1].push(start.elapsed());
            let start = Instant::now();
            assert_eq!(nft.verify_flows(&newcomer).unwrap(), []);
            times[2].push(start.elapsed());
            let start = Instant::now();
            assert!(nft.forget_flows(&newcomer).unwrap());
            times[3].push(start.elapsed());
        }
        let [add, ask, verify, forget] = times.map(median);
        println!("  add {add:?}, ask {ask:?}, verify {verify:?}, forget {forget:?}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
