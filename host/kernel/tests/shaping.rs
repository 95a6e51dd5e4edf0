//! Rates, measured by what arrives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod attachments;
mod single_steps;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use attachments::{Namespace, Pod, link, presence, take_back};
use kernel::{KernelError, Presence, Undone};
use plan::{IfbDevice, MacAddress, Redirect, Step, TokenBucket};
use single_steps::{perform, take_back_twice, undo_of, verify};

const BRIDGE: &str = r#"{"kind":"bridge","isDefaultGateway":true}"#;
const POD: &str = "10.1.0.7";
const GATEWAY: &str = "10.1.0.1";
const IFB: &str = "ifb-test";

/// To the container.
const DOWN: u64 = 8_000_000;
/// From the container.
const UP: u64 = 4_000_000;
const BURST: u64 = 400_000;

fn attached() -> Option<(Namespace, Pod)> {
    let host = Namespace::new()?;
    let pod = Pod::new(1, BRIDGE, &[("10.1.0.7/24", None)])?;
    pod.add(&host).unwrap();
    Some((host, pod))
}

fn bucket(link: &str, rate: u64) -> Step {
    Step::TokenBucket(TokenBucket {
        link: link.into(),
        rate,
        burst: BURST,
    })
}

fn redirect(link: &str) -> Step {
    Step::Redirect(Redirect {
        link: link.into(),
        target: IFB.into(),
    })
}

fn ifb() -> Step {
    Step::Ifb(IfbDevice {
        name: IFB.into(),
        mac: MacAddress::from_seed(IFB.as_bytes()),
        mtu: None,
        group: 101,
        alias: "wasm-cni/1 test".into(),
    })
}

fn both_ways(pod: &Pod) -> Vec<Step> {
    let veth = pod.host_interface();
    vec![bucket(&veth, DOWN), ifb(), bucket(IFB, UP), redirect(&veth)]
}

fn tc(namespace: &Namespace, words: &str) -> String {
    let output = namespace.run(|| Command::new("tc").args(words.split(' ')).output().unwrap());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tc {words}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a TCP transfer carries, in bits of payload per second, once the bucket's first filling is spent.
fn throughput(from: &Namespace, to: &Namespace, address: &str) -> f64 {
    const PATIENCE: Duration = Duration::from_secs(5);
    const SPENT: Duration = Duration::from_millis(500);
    const MEASURED: Duration = Duration::from_millis(2500);
    let address: IpAddr = address.parse().unwrap();
    let listener = to.run(|| TcpListener::bind((address, 0)).unwrap());
    let target = listener.local_addr().unwrap();
    let mut sender = from.run(|| TcpStream::connect_timeout(&target, PATIENCE).unwrap());
    sender.set_write_timeout(Some(PATIENCE)).unwrap();
    let (receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = vec![0; 65536];
    std::thread::scope(|scope| {
        // Until the receiver has seen enough.
        scope.spawn(move || while sender.write_all(&[0; 16384]).is_ok() {});
        // Closed when this ends, so that the sender ends too.
        let mut receiver = receiver;
        let begin = Instant::now();
        while begin.elapsed() < SPENT {
            assert_ne!(receiver.read(&mut buffer).unwrap(), 0);
        }
        let (begin, mut bytes) = (Instant::now(), 0);
        while begin.elapsed() < MEASURED {
            bytes += receiver.read(&mut buffer).unwrap();
        }
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let bits = bytes as f64 * 8.0;
        bits / begin.elapsed().as_secs_f64()
    })
}

fn assert_near(measured: f64, rate: u64) {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let share = measured / rate as f64;
    println!("{measured:.0} bit/s of payload at {rate} bit/s: {share:.3}");
    assert!((0.85..=1.15).contains(&share), "{share}");
}

#[test]
fn both_directions_are_held_to_their_rates_until_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let steps = both_ways(&pod);
    for step in &steps {
        perform(&host, &pod, step).unwrap();
    }
    assert_near(throughput(&host, &pod.namespace, POD), DOWN);
    assert_near(throughput(&pod.namespace, &host, GATEWAY), UP);
    for step in &steps {
        assert_eq!(verify(&host, &pod, step), []);
        assert_eq!(presence(&host, &undo_of(&pod, step)), Presence::Present);
    }
    let device = link(&host, IFB).unwrap();
    assert_eq!(device["group"], "101");
    assert_eq!(device["ifalias"], "wasm-cni/1 test");

    for step in steps.iter().rev() {
        let undo = undo_of(&pod, step);
        assert_eq!(take_back_twice(&host, &undo), Undone::Done, "{undo}");
        assert_eq!(presence(&host, &undo), Presence::Gone);
        assert_ne!(verify(&host, &pod, step), []);
    }
    assert_eq!(link(&host, IFB), None);
    let left = tc(&host, &format!("qdisc show dev {}", pod.host_interface()));
    assert!(!left.contains("tbf") && !left.contains("ingress"), "{left}");
    for (from, to, address) in [
        (&host, &pod.namespace, POD),
        (&pod.namespace, &host, GATEWAY),
    ] {
        assert!(throughput(from, to, address) > 10.0 * 8e6);
    }
}

#[test]
fn steps_may_be_repeated_and_a_rate_changed() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let veth = pod.host_interface();
    for step in both_ways(&pod) {
        perform(&host, &pod, &step).unwrap();
        match step {
            Step::Ifb(_) => assert!(matches!(
                perform(&host, &pod, &step),
                Err(KernelError::InterfaceExists { .. })
            )),
            _ => perform(&host, &pod, &step).unwrap(),
        }
    }
    let filters = tc(&host, &format!("filter show dev {veth} parent ffff:"));
    assert_eq!(
        filters.matches("Redirect to device").count(),
        1,
        "{filters}"
    );

    // More than 32 bits of bytes per second.
    perform(&host, &pod, &bucket(&veth, 40_000_000_000)).unwrap();
    let shown = tc(&host, &format!("qdisc show dev {veth} root"));
    assert!(shown.contains("rate 40Gbit"), "{shown}");
    assert_eq!(verify(&host, &pod, &bucket(&veth, 40_000_000_000)), []);
    let differences = verify(&host, &pod, &bucket(&veth, DOWN));
    assert!(
        differences
            .iter()
            .any(|each| each.object.starts_with("rate of") && each.expected == "1000000"),
        "{differences:?}"
    );
}

/// A bucket smaller than a frame would let none through.
#[test]
fn a_tiny_burst_lets_whole_frames_pass() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let step = Step::TokenBucket(TokenBucket {
        link: pod.host_interface(),
        rate: DOWN,
        burst: 8,
    });
    perform(&host, &pod, &step).unwrap();
    assert_eq!(verify(&host, &pod, &step), []);
    assert!(throughput(&host, &pod.namespace, POD) > 100_000.0);
}

#[test]
fn what_another_put_on_the_link_stays() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let veth = pod.host_interface();
    let other = format!("qdisc add dev {veth} root handle 5: tbf rate 1gbit burst 1m latency 9ms");
    tc(&host, &other);
    let step = bucket(&veth, DOWN);
    let error = perform(&host, &pod, &step).unwrap_err();
    assert!(
        matches!(&error, KernelError::QdiscExists { found, .. } if found == "tbf 5:"),
        "{error}"
    );
    let undo = undo_of(&pod, &step);
    assert!(matches!(take_back(&host, &undo), Undone::NotOurs { .. }));
    assert!(tc(&host, &format!("qdisc show dev {veth}")).contains("rate 1Gbit"));

    // A filter besides ours.
    perform(&host, &pod, &ifb()).unwrap();
    perform(&host, &pod, &redirect(&veth)).unwrap();
    let parent = format!("dev {veth} parent ffff:");
    tc(
        &host,
        &format!("filter add {parent} prio 9 u32 match u32 1 1"),
    );
    let undo = undo_of(&pod, &redirect(&veth));
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    let left = tc(&host, &format!("filter show {parent}"));
    assert!(
        left.contains("pref 9") && !left.contains("mirred"),
        "{left}"
    );
}

#[test]
fn a_redirection_goes_where_programs_of_others_are() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let veth = pod.host_interface();
    tc(&host, &format!("qdisc add dev {veth} clsact"));
    for step in [ifb(), bucket(IFB, UP), redirect(&veth)] {
        perform(&host, &pod, &step).unwrap();
        assert_eq!(verify(&host, &pod, &step), []);
    }
    assert_near(throughput(&pod.namespace, &host, GATEWAY), UP);
    let undo = undo_of(&pod, &redirect(&veth));
    assert_eq!(take_back_twice(&host, &undo), Undone::Done);
    assert!(tc(&host, &format!("qdisc show dev {veth}")).contains("clsact"));
    assert_eq!(tc(&host, &format!("filter show dev {veth} ingress")), "");
}

#[test]
fn an_ifb_takes_the_links_frames_and_a_gone_link_is_undone() {
    let (Some(host), Some(pod)) = (
        Namespace::new(),
        Pod::new(1, r#"{"kind":"bridge","mtu":9000}"#, &[]),
    ) else {
        return;
    };
    pod.add(&host).unwrap();
    let steps = both_ways(&pod);
    for step in &steps {
        perform(&host, &pod, step).unwrap();
    }
    assert_eq!(link(&host, IFB).unwrap()["mtu"], 9000);
    host.ip(&format!("link del {}", pod.host_interface()));
    host.ip(&format!("link del {IFB}"));
    for step in &steps {
        assert_eq!(take_back(&host, &undo_of(&pod, step)), Undone::AlreadyGone);
        assert_ne!(verify(&host, &pod, step), []);
    }
    let missing = perform(&host, &pod, &bucket("nowhere", UP)).unwrap_err();
    assert!(matches!(missing, KernelError::NotFound { .. }), "{missing}");
}
