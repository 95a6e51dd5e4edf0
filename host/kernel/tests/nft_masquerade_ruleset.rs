//! Masquerade on a real kernel: what `nft` lists, what many at once make, and what others do to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_namespaces;
mod nft_networks;

use std::collections::BTreeSet;

use kernel::nft::{Base, Nft};
use nft_namespaces::Namespace;
use nft_networks::{address, ensure, lines, network, open, pods, sources};

#[test]
fn many_at_once_make_each_rule_once() {
    let Some(host) = Namespace::new() else { return };
    let network = pods();
    std::thread::scope(|scope| {
        for number in 0..64 {
            let (host, network) = (&host, &network);
            scope.spawn(move || {
                let mut nft = open(host);
                ensure(&mut nft, network);
                let own = format!("10.1.1.{number}");
                nft.add_masquerade(&sources(network, &[&own])).unwrap();
                assert_eq!(
                    nft.ensure_masquerade_network(network).unwrap(),
                    Base::Present
                );
            });
        }
    });
    assert_eq!(lines(&host, "jump masq-"), 1);
    assert_eq!(lines(&host, "masquerade comment"), 2);
    let mut nft = open(&host);
    assert_eq!(nft.verify_masquerade_network(&network).unwrap(), []);
    let all: Vec<_> = (0..64).map(|number| format!("10.1.1.{number}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(nft.verify_masquerade(&sources(&network, &all)).unwrap(), []);
}

#[test]
fn settings_that_change_while_attachments_come_leave_one_whole_chain() {
    let Some(host) = Namespace::new() else { return };
    let variants = [
        &["172.16.0.0/12"][..],
        &[],
        &["172.16.0.0/12", "2001:db8::/32"],
    ];
    std::thread::scope(|scope| {
        for number in 0..12_usize {
            let host = &host;
            scope.spawn(move || {
                let mut nft = open(host);
                for round in 0..20 {
                    let exclude = variants[(number + round) % variants.len()];
                    let network = network("pods", &["10.1.0.0/16"], exclude);
                    ensure(&mut nft, &network);
                    let own = format!("10.1.{number}.{round}");
                    nft.add_masquerade(&sources(&network, &[&own])).unwrap();
                }
            });
        }
    });
    let mut nft = open(&host);
    let network = network("pods", &["10.1.0.0/16"], variants[2]);
    ensure(&mut nft, &network);
    assert_eq!(nft.verify_masquerade_network(&network).unwrap(), []);
    let all: Vec<_> = (0..12)
        .flat_map(|n| (0..20).map(move |r| format!("10.1.{n}.{r}")))
        .collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(nft.verify_masquerade(&sources(&network, &all)).unwrap(), []);
}

#[test]
fn flushed_and_doubled_rules_are_mended() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let network = pods();
    let chain = format!("masq-{}", network.network);
    ensure(&mut nft, &network);
    for damage in [
        "flush chain inet wasm-cni postrouting".to_owned(),
        "flush table inet wasm-cni".to_owned(),
        format!("flush chain inet wasm-cni {chain}"),
        format!("add rule inet wasm-cni postrouting jump {chain}"),
        format!("insert rule inet wasm-cni {chain} accept"),
        format!("flush chain inet wasm-cni postrouting; delete chain inet wasm-cni {chain}"),
    ] {
        host.nft(&damage);
        assert_ne!(
            nft.verify_masquerade_network(&network).unwrap(),
            [],
            "{damage}"
        );
        ensure(&mut nft, &network);
        assert_eq!(
            nft.verify_masquerade_network(&network).unwrap(),
            [],
            "{damage}"
        );
        assert_eq!(
            nft.ensure_masquerade_network(&network).unwrap(),
            Base::Present
        );
    }
}

#[test]
fn a_ruleset_that_was_saved_and_loaded_is_still_ours() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let network = network("po\"ds\\ ü", &["10.1.0.0/16"], &["0.0.0.0/0", "::/0"]);
    ensure(&mut nft, &network);
    let wanted = sources(&network, &["10.1.0.2", "fd00:1::2"]);
    nft.add_masquerade(&wanted).unwrap();
    let saved = host.nft("list ruleset");
    host.nft(&format!("flush ruleset; {saved}"));
    assert_eq!(
        nft.ensure_masquerade_network(&network).unwrap(),
        Base::Present
    );
    assert_eq!(nft.verify_masquerade_network(&network).unwrap(), []);
    assert_eq!(nft.verify_masquerade(&wanted).unwrap(), []);
}

#[test]
fn adding_and_forgetting_can_be_repeated() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let network = pods();
    let tag = network.network;
    let wanted = sources(&network, &["10.1.0.2", "fd00:1::2"]);
    assert!(!nft.forget_masquerade(tag, &wanted.sources).unwrap());
    ensure(&mut nft, &network);
    assert!(!nft.forget_masquerade(tag, &wanted.sources).unwrap());
    assert!(!nft.forget_masquerade(tag, &[]).unwrap());
    nft.add_masquerade(&wanted).unwrap();
    nft.add_masquerade(&wanted).unwrap();
    assert!(nft.forget_masquerade(tag, &[address("10.1.0.2")]).unwrap());
    assert!(nft.forget_masquerade(tag, &wanted.sources).unwrap());
    assert!(!nft.forget_masquerade(tag, &wanted.sources).unwrap());
    assert!(nft.purge().unwrap());
    assert!(!nft.purge().unwrap());
    assert_eq!(host.nft("list ruleset"), "");
}

#[test]
fn what_is_missing_is_named() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let network = pods();
    let tag = network.network;
    let objects = |nft: &mut Nft| -> BTreeSet<String> {
        let mismatches = nft.verify_masquerade_network(&network).unwrap();
        mismatches
            .into_iter()
            .map(|mismatch| mismatch.object)
            .collect()
    };
    assert_eq!(
        objects(&mut nft),
        [format!("chain inet wasm-cni masq-{tag}")].into()
    );
    ensure(&mut nft, &network);
    host.nft("flush table inet wasm-cni");
    host.nft(&format!("flush set inet wasm-cni local6-{tag}"));
    host.nft(&format!(
        "add element inet wasm-cni exclude4-{tag} {{ 9.0.0.0/8 }}"
    ));
    let wanted = [
        format!("rules of chain inet wasm-cni masq-{tag}"),
        format!("rules chain inet wasm-cni postrouting jump masq-{tag}"),
        format!("set inet wasm-cni local6-{tag}"),
        format!("set inet wasm-cni exclude4-{tag}"),
    ];
    assert_eq!(objects(&mut nft), wanted.into());
    let missing = nft
        .verify_masquerade(&sources(&network, &["10.1.0.2"]))
        .unwrap();
    assert_eq!(missing.len(), 1);
    assert!(missing[0].object.contains("10.1.0.2"));
}

#[test]
fn nft_lists_what_the_design_says() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let network = pods();
    let tag = network.network;
    ensure(&mut nft, &network);
    let base = host.nft("list chain inet wasm-cni postrouting");
    assert!(
        base.contains("type nat hook postrouting priority srcnat; policy accept;"),
        "{base}"
    );
    let listed = host.nft(&format!("list chain inet wasm-cni masq-{tag}"));
    let rules: Vec<_> = listed
        .lines()
        .filter_map(|line| Some(line.trim().split_once(" comment")?.0))
        .collect();
    let mut wanted = Vec::new();
    for (ip, version, multicast) in [("ip", 4, "224.0.0.0/4"), ("ip6", 6, "ff00::/8")] {
        let source = format!("{ip} saddr @pods{version}-{tag}");
        for destination in [
            format!("@local{version}-{tag}"),
            format!("@exclude{version}-{tag}"),
            multicast.to_owned(),
        ] {
            wanted.push(format!("{source} {ip} daddr {destination} return"));
        }
        wanted.push(format!("{source} masquerade"));
    }
    assert_eq!(rules, wanted);
}
