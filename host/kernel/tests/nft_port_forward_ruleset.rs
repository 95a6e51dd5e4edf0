//! Host ports on a real kernel: what `nft` lists, what many at once make, and what others do to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic and prints why it is skipped"
)]

mod nft_host_ports;
mod nft_namespaces;

use std::net::SocketAddr;

use kernel::nft::{Base, Firewall, Nft};
use kernel::{Kernel, Linux, Presence, Undone};
use nft_host_ports::{both, chain, chain_of, forward, in_zone, to_pod, wanted};
use nft_namespaces::Namespace;
use plan::{
    Family, PacketCondition, PacketMatch, PortForward, PortForwardChain, PortForwards, SourceNat,
    Transport, Undo,
};

fn open(host: &Namespace) -> Nft {
    host.run(|| Nft::open().unwrap())
}

fn firewall(chain: &PortForwardChain, forwards: &[PortForward]) -> Firewall {
    Firewall {
        port_forwards: vec![(chain.clone(), forwards.to_vec())],
        ..Firewall::default()
    }
}

/// As an ADD does.
fn ensure(nft: &mut Nft, chain: &PortForwardChain) {
    let bases = [
        nft.ensure_port_forward_chain(chain).unwrap(),
        nft.ensure_connection_zones().unwrap(),
    ];
    if bases.contains(&Base::Created) {
        nft.restore(&firewall(chain, &[])).unwrap();
    }
}

fn lines(host: &Namespace, text: &str) -> usize {
    let listed = host.nft("list ruleset");
    listed.lines().filter(|line| line.contains(text)).count()
}

/// Distinct ports of one target.
fn many(count: u16) -> Vec<PortForward> {
    let port = |number| forward(Transport::Tcp, None, 1024 + number, "10.1.0.2:80");
    (0..count).map(port).collect()
}

#[test]
fn the_ruleset_reads_as_it_is_meant() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let condition = PacketCondition {
        family: Family::Ipv4,
        negated: true,
        matches: PacketMatch::InputInterface("eth+".into()),
    };
    let chain = chain(SourceNat::Local, &[condition]);
    let tag = chain.tag;
    ensure(&mut nft, &chain);
    let forwards = both([Some("192.0.2.1"), None], ["10.1.0.2:80", "[fd00:1::2]:80"]);
    let mut forwards = in_zone(0x201, &forwards);
    forwards.push(forward(Transport::Sctp, None, 9, "10.1.0.2:90"));
    nft.add_port_forwards(&wanted(&chain, &forwards)).unwrap();
    let listed = host.nft("list table inet wasm-cni");
    for line in [
        "type nat hook prerouting priority dstnat + 5; policy accept;".to_owned(),
        "type nat hook output priority -95; policy accept;".to_owned(),
        format!("meta nfproto ipv4 iifname != \"eth*\" jump ports-{tag}"),
        format!("meta nfproto ipv6 jump ports-{tag}"),
        format!("ip saddr @near4-{tag} meta mark set meta mark | 0x00002000"),
        format!("dnat ip to ip daddr . meta l4proto . th dport map @host4-{tag}"),
        format!("fib daddr type local dnat ip6 to meta l4proto . th dport map @any6-{tag}"),
        "ct status dnat".to_owned(),
        "tcp . 8080 : fd00:1::2 . 80".to_owned(),
        "192.0.2.1 . udp . 8080 : 10.1.0.2 . 80".to_owned(),
        "sctp . 9 : 10.1.0.2 . 90".to_owned(),
        "elements = { 10.1.0.0/24, 127.0.0.0/8 }".to_owned(),
        "type filter hook prerouting priority raw; policy accept;".to_owned(),
        "type filter hook output priority raw; policy accept;".to_owned(),
        "meta l4proto udp jump zones".to_owned(),
        "icmp type destination-unreachable jump zones".to_owned(),
        "icmpv6 type <= parameter-problem jump zones".to_owned(),
        "ct original zone set ip daddr . udp dport map @zones-host4".to_owned(),
        "fib daddr type local ct original zone set udp dport map @zones-any6".to_owned(),
        "@th,64,8 0x45 @th,136,8 0x11 ct original zone set ip daddr . @th,224,16 map @error-zones-host4"
            .to_owned(),
        "@th,112,8 0x11 fib daddr type local ct original zone set @th,384,16 map @error-zones-any6"
            .to_owned(),
        "typeof ip daddr . udp dport : ct zone".to_owned(),
        "typeof @th,384,16 : ct zone".to_owned(),
        "elements = { 192.0.2.1 . 8080 : 513 }".to_owned(),
        "elements = { 8080 : 513 }".to_owned(),
    ] {
        assert!(listed.contains(&line), "{line}\n{listed}");
    }
    // What an operator saves and loads again is still ours.
    let file = std::env::temp_dir().join(format!("host-ports-{}", std::process::id()));
    std::fs::write(&file, format!("flush ruleset\n{listed}")).unwrap();
    host.nft(&format!("include \"{}\"", file.display()));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(host.nft("list table inet wasm-cni"), listed);
    assert_eq!(
        nft.ensure_port_forward_chain(&chain).unwrap(),
        Base::Present
    );
    assert_eq!(nft.ensure_connection_zones().unwrap(), Base::Present);
    assert_eq!(nft.verify_port_forward_chain(&chain).unwrap(), []);
    assert_eq!(nft.verify_connection_zones().unwrap(), []);
    assert_eq!(
        nft.verify_port_forwards(&wanted(&chain, &forwards))
            .unwrap(),
        []
    );
}

#[test]
fn ports_are_forgotten_only_where_they_lead() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let chain = chain(SourceNat::Local, &[]);
    let ours = wanted(&chain, &to_pod());
    let theirs = wanted(
        &chain,
        &in_zone(2, &both([None, None], ["10.1.0.3:80", "[fd00:1::3]:80"])),
    );
    let undo = |forwards: &PortForwards| {
        host.run(|| {
            let mut linux = Linux::host().unwrap();
            let undo = Undo::ForgetPortForwards(forwards.clone());
            let presence = linux.presence(&undo).unwrap();
            (presence, linux.undo(&undo).unwrap())
        })
    };
    let gone = (Presence::Gone, Undone::AlreadyGone);
    // No table, no map, no element.
    assert_eq!(undo(&ours), gone);
    ensure(&mut nft, &chain);
    assert_eq!(undo(&ours), gone);
    nft.add_port_forwards(&ours).unwrap();
    nft.add_port_forwards(&ours).unwrap();
    assert_eq!(nft.verify_port_forwards(&ours).unwrap(), []);
    // Two protocols, two families; each UDP port has two elements for its zone.
    assert_eq!(nft.verify_port_forwards(&theirs).unwrap().len(), 8);
    assert_eq!(undo(&theirs), gone);
    // What was left behind does not stand in the way.
    nft.add_port_forwards(&theirs).unwrap();
    assert_eq!(nft.verify_port_forwards(&theirs).unwrap(), []);
    let mismatches = nft.verify_port_forwards(&ours).unwrap();
    assert_eq!(mismatches.len(), 8);
    assert!(mismatches.iter().all(|each| each.found == "another one"));
    assert_eq!(undo(&ours), gone);
    host.nft(&format!(
        "delete element inet wasm-cni any4-{} {{ tcp . 8080 }}",
        chain.tag
    ));
    assert_eq!(
        nft.verify_port_forwards(&theirs).unwrap()[0].found,
        "missing"
    );
    assert_eq!(undo(&theirs), (Presence::Present, Undone::Done));
    assert_eq!(undo(&theirs), gone);
    host.nft("flush ruleset");
    assert_eq!(undo(&ours), gone);
}

#[test]
fn many_at_once_make_each_rule_once() {
    let Some(host) = Namespace::new() else { return };
    let ways = [SourceNat::Local, SourceNat::Always, SourceNat::Never];
    std::thread::scope(|scope| {
        for number in 0..48_u16 {
            let host = &host;
            scope.spawn(move || {
                let mut nft = open(host);
                let chain = chain(ways[usize::from(number % 3)], &[]);
                let own = forward(Transport::Udp, None, number, "10.1.0.2:80");
                let bases = [
                    nft.ensure_port_forward_chain(&chain).unwrap(),
                    nft.ensure_connection_zones().unwrap(),
                ];
                if bases.contains(&Base::Created) {
                    nft.restore(&firewall(&chain, &[own])).unwrap();
                }
                nft.add_port_forwards(&wanted(&chain, &[own])).unwrap();
                assert_eq!(
                    nft.verify_port_forwards(&wanted(&chain, &[own])).unwrap(),
                    []
                );
            });
        }
    });
    // Three chains behind two base chains, and one source NAT behind a third.
    assert_eq!(lines(&host, "jump ports-snat-13"), 1);
    assert_eq!(lines(&host, "jump ports-"), 7);
    assert_eq!(lines(&host, "dnat ip to"), 6);
    // Five kinds of packets behind two base chains.
    assert_eq!(lines(&host, "jump zones"), 10);
    assert_eq!(lines(&host, "ct original zone set"), 8);
    let mut nft = open(&host);
    for way in ways {
        assert_eq!(nft.verify_port_forward_chain(&chain(way, &[])).unwrap(), []);
    }
}

#[test]
fn damage_is_seen_and_mended_and_ports_stay() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let chain = chain(SourceNat::Local, &[]);
    let ports = wanted(&chain, &to_pod());
    ensure(&mut nft, &chain);
    nft.add_port_forwards(&ports).unwrap();
    let name = format!("ports-{}", chain.tag);
    let mismatches = |nft: &mut Nft| {
        let of_chain = nft.verify_port_forward_chain(&chain).unwrap();
        [of_chain, nft.verify_connection_zones().unwrap()].concat()
    };
    for damage in [
        "flush chain inet wasm-cni ports-output".to_owned(),
        "flush chain inet wasm-cni ports-postrouting".to_owned(),
        "flush chain inet wasm-cni ports-snat-13".to_owned(),
        format!("flush chain inet wasm-cni {name}"),
        format!("add rule inet wasm-cni ports-prerouting jump {name}"),
        "flush chain inet wasm-cni raw-output".to_owned(),
        "flush chain inet wasm-cni zones".to_owned(),
        "add rule inet wasm-cni raw-prerouting meta l4proto udp jump zones".to_owned(),
        format!("flush set inet wasm-cni near4-{}", chain.tag),
    ] {
        host.nft(&damage);
        assert_ne!(mismatches(&mut nft), [], "{damage}");
        if damage.contains("flush set") {
            continue;
        }
        ensure(&mut nft, &chain);
        assert_eq!(mismatches(&mut nft), [], "{damage}");
        assert_eq!(nft.verify_port_forwards(&ports).unwrap(), [], "{damage}");
    }
}

#[test]
fn a_flush_is_told_until_every_port_is_restored() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let (first, second) = (
        chain(SourceNat::Local, &[]),
        chain_of("more", SourceNat::Never, &[]),
    );
    ensure(&mut nft, &first);
    ensure(&mut nft, &second);
    let _ = nft.ensure_loopback_guard().unwrap();
    host.nft("flush ruleset");
    let lost = nft
        .add_port_forwards(&wanted(&first, &to_pod()))
        .unwrap_err();
    assert!(lost.to_string().contains("next ADD"), "{lost}");
    for _ in 0..2 {
        assert_eq!(
            nft.ensure_port_forward_chain(&first).unwrap(),
            Base::Created
        );
    }
    // Another's port that was left behind, and two that claim one: the last one counts.
    let stale = forward(Transport::Tcp, None, 8080, "10.1.0.99:1");
    nft.add_port_forwards(&wanted(&first, &[stale])).unwrap();
    let in_stale_zone = in_zone(9, &[forward(Transport::Udp, None, 8080, "10.1.0.2:80")]);
    assert_eq!(nft.ensure_connection_zones().unwrap(), Base::Created);
    nft.add_port_forwards(&wanted(&first, &in_stale_zone))
        .unwrap();
    let all = Firewall {
        port_forwards: vec![
            (first.clone(), [&[stale], &to_pod()[..]].concat()),
            (second.clone(), many(3000)),
        ],
        loopback_guard: true,
        ..Firewall::default()
    };
    nft.restore(&all).unwrap();
    nft.restore(&all).unwrap();
    for chain in [&first, &second] {
        assert_eq!(nft.ensure_port_forward_chain(chain).unwrap(), Base::Present);
        assert_eq!(nft.verify_port_forward_chain(chain).unwrap(), []);
    }
    assert_eq!(nft.ensure_loopback_guard().unwrap(), Base::Present);
    assert_eq!(nft.ensure_connection_zones().unwrap(), Base::Present);
    assert_eq!(
        nft.verify_port_forwards(&wanted(&first, &to_pod()))
            .unwrap(),
        []
    );
    assert_eq!(
        nft.verify_port_forwards(&wanted(&second, &many(3000)))
            .unwrap(),
        []
    );
}

#[test]
fn what_cannot_be_forwarded_is_refused_by_name() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let chain = chain(SourceNat::Local, &[]);
    ensure(&mut nft, &chain);
    let target: SocketAddr = "[fd00:1::2]:80".parse().unwrap();
    let mixed = forward(Transport::Tcp, Some("192.0.2.1"), 80, &target.to_string());
    let error = nft
        .add_port_forwards(&wanted(&chain, &[mixed]))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("TCP 192.0.2.1:80 to [fd00:1::2]:80"),
        "{error}"
    );
}

#[test]
fn zones_go_with_ports_that_no_record_tells_of() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let (pods, more) = (
        chain(SourceNat::Local, &[]),
        chain_of("more", SourceNat::Local, &[]),
    );
    let of_pod = in_zone(
        7,
        &[forward(
            Transport::Udp,
            Some("192.0.2.1"),
            53,
            "10.1.0.2:53",
        )],
    );
    let of_neighbour = in_zone(8, &[forward(Transport::Udp, None, 53, "[fd00:1::3]:53")]);
    for (chain, forwards) in [(&pods, &of_pod), (&more, &of_neighbour)] {
        ensure(&mut nft, chain);
        nft.add_port_forwards(&wanted(chain, forwards)).unwrap();
    }
    let mut found = nft.forwarded_ports().unwrap();
    found.sort_by_key(|ports| ports.forwards[0].target);
    assert_eq!(
        found,
        [wanted(&pods, &of_pod), wanted(&more, &of_neighbour)]
    );
    let zones = || (lines(&host, ": 7 }"), lines(&host, ": 8 }"));
    assert_eq!(zones(), (2, 2));
    let is_pod = |address: std::net::IpAddr| address == of_pod[0].target.ip();
    assert_eq!(nft.forget_containers(&is_pod).unwrap().len(), 1);
    assert_eq!(zones(), (0, 2));
    assert_eq!(nft.purge_network("more").unwrap().len(), 1);
    assert_eq!(zones(), (0, 0));
}

/// What one port costs beside 0, 300 and 3,000: `--ignored --nocapture` shows it.
#[test]
#[ignore = "a measurement"]
fn cost_of_a_port() {
    let Some(host) = Namespace::new() else { return };
    let mut nft = open(&host);
    let chain = chain(SourceNat::Local, &[]);
    ensure(&mut nft, &chain);
    let own = wanted(&chain, &[forward(Transport::Tcp, None, 9, "10.1.0.2:80")]);
    for count in [0, 300, 3000] {
        nft.restore(&firewall(&chain, &many(count))).unwrap();
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..101 {
            let start = std::time::Instant::now();
            assert_eq!(
                nft.ensure_port_forward_chain(&chain).unwrap(),
                Base::Present
            );
            let ensured = start.elapsed();
            nft.add_port_forwards(&own).unwrap();
            let added = start.elapsed();
            assert!(nft.forget_port_forwards(&own).unwrap());
            times[0].push(ensured);
            times[1].push(added - ensured);
            times[2].push(start.elapsed() - added);
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        println!("beside {count}: ensure, add, forget {medians:?}");
    }
}
