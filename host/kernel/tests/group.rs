//! The links of an attachment, deleted at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod attachments;

use std::time::{Duration, Instant};

use attachments::{Namespace, Pod, link};
use kernel::{Kernel, Linux, Undone};
use plan::{IfbDevice, MacAddress, Step, Undo};

const BRIDGE: &str = r#"{"kind":"bridge"}"#;
const GROUP: u32 = 101;

fn ifb(name: &str) -> Step {
    Step::Ifb(IfbDevice {
        name: name.into(),
        mac: MacAddress::from_seed(name.as_bytes()),
        mtu: None,
        group: GROUP,
        alias: "wasm-cni/1 test".into(),
    })
}

/// A veth and an ifb of one group, and how to undo both.
fn pair(host: &Namespace, pod: &Pod) -> Vec<Undo> {
    pod.add(host).unwrap();
    let step = ifb("ifb-test");
    host.run(|| Linux::host().unwrap().perform(&step).map(drop).unwrap());
    let mut undos = pod.plan.undo(&pod.identity());
    undos.extend(step.undo(&pod.identity()));
    undos.reverse();
    undos
}

fn take_back_links(host: &Namespace, undos: &[Undo], group: u32) -> Vec<Undone> {
    let undos: Vec<_> = undos.iter().collect();
    host.run(|| {
        let mut linux = Linux::host().unwrap();
        linux.take_back_links(&undos, group).unwrap()
    })
}

fn new(link: &str) -> Option<(Namespace, Pod)> {
    Some((Namespace::new()?, Pod::new(1, link, &[])?))
}

#[test]
fn all_links_of_a_group_go_and_repeats_are_harmless() {
    let Some((host, pod)) = new(BRIDGE) else {
        return;
    };
    let undos = pair(&host, &pod);
    host.ip("link add other type bridge");
    let outcomes = take_back_links(&host, &undos, GROUP);
    assert_eq!(outcomes, [Undone::Done, Undone::Done]);
    assert_eq!(link(&host, "ifb-test"), None);
    assert_eq!(link(&host, &pod.host_interface()), None);
    assert_eq!(link(&pod.namespace, "eth0"), None);
    assert!(link(&host, "cni0").is_some() && link(&host, "other").is_some());
    let outcomes = take_back_links(&host, &undos, GROUP);
    assert_eq!(outcomes, [Undone::AlreadyGone, Undone::AlreadyGone]);
}

#[test]
fn another_link_in_the_group_stays() {
    let Some((host, pod)) = new(BRIDGE) else {
        return;
    };
    let undos = pair(&host, &pod);
    host.ip(&format!("link add other group {GROUP} type bridge"));
    let outcomes = take_back_links(&host, &undos, GROUP);
    assert_eq!(outcomes, [Undone::Done, Undone::Done]);
    assert_eq!(link(&host, "ifb-test"), None);
    assert!(link(&host, "other").is_some());
}

#[test]
fn a_changed_link_stays_and_is_told() {
    let Some((host, pod)) = new(BRIDGE) else {
        return;
    };
    let undos = pair(&host, &pod);
    let veth = pod.host_interface();
    host.ip(&format!("link set {veth} address 02:00:00:00:00:99"));
    let outcomes = take_back_links(&host, &undos, GROUP);
    assert!(
        matches!(&outcomes[..], [Undone::Done, Undone::NotOurs { .. }]),
        "{outcomes:?}"
    );
    assert!(link(&host, &veth).is_some());
    assert_eq!(link(&host, "ifb-test"), None);
}

/// Group 0 has every link that nobody put into one.
#[test]
fn the_group_of_all_links_is_never_deleted() {
    let Some((host, pod)) = new(BRIDGE) else {
        return;
    };
    let undos = pair(&host, &pod);
    for name in ["ifb-test", &pod.host_interface()] {
        host.ip(&format!("link set {name} group 0"));
    }
    host.ip("link add other type bridge");
    assert_eq!(
        take_back_links(&host, &undos, 0),
        [Undone::Done, Undone::Done]
    );
    assert!(link(&host, "other").is_some());
}

#[test]
fn other_undos_are_done_in_their_order() {
    let Some((host, pod)) = new(r#"{"kind":"bridge","macspoofchk":true}"#) else {
        return;
    };
    let undos = pair(&host, &pod);
    assert_eq!(undos.len(), 3);
    let outcomes = take_back_links(&host, &undos, GROUP);
    assert_eq!(outcomes, [Undone::Done, Undone::Done, Undone::Done]);
}

/// Figures for whoever runs it: `cargo test --test group -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn one_message_against_one_by_one() {
    const ROUNDS: u32 = 20;
    let Some(host) = Namespace::new() else {
        return;
    };
    let mut times = [Duration::ZERO; 2];
    for round in 0..ROUNDS * 2 {
        let Some(pod) = Pod::new(1, BRIDGE, &[]) else {
            return;
        };
        let undos = pair(&host, &pod);
        let references: Vec<_> = undos.iter().collect();
        let by_group = round % 2 == 0;
        let taken = host.run(|| {
            let mut linux = Linux::host().unwrap();
            let begin = Instant::now();
            if by_group {
                linux.take_back_links(&references, GROUP).unwrap();
            } else {
                for undo in &references {
                    linux.undo(undo).unwrap();
                }
            }
            begin.elapsed()
        });
        times[usize::from(!by_group)] += taken;
    }
    println!(
        "veth and ifb: by group {:?}, one by one {:?}",
        times[0] / ROUNDS,
        times[1] / ROUNDS
    );
}
