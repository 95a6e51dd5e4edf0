//! A failure at any step of a whole chain leaves the kernel as it was, with others' attachments in place and being made.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod attachments;

use std::collections::BTreeSet;

use attachments::{Namespace, Pod};
use kernel::{
    ApplyError, Kernel, KernelError, Linux, NoJournal, Performed, Presence, Undone, apply,
};
use plan::{
    BandwidthLimit, ChainRequest, Change, FlowDirection, FlowRule, FlowVerdict, Isolation,
    LinkFlag, LinkSide, MacAddress, Merge, Mismatch, Neighbour, PortForwarding, PortMapping,
    PortRange, Proposal, ProposedLink, ProposedLinkKind, RoutingRule, SourceNat, StageName, Step,
    Sysctl, Transport, Undo,
};

const BRIDGE: &str =
    r#"{"kind":"bridge","isDefaultGateway":true,"ipMasq":true,"macspoofchk":true}"#;

/// The real kernel, but for one step that fails, before or after its work.
struct Faulty<'a> {
    linux: &'a mut Linux,
    left: usize,
    late: bool,
}

impl Faulty<'_> {
    fn fault(step: &Step) -> KernelError {
        KernelError::Incomplete {
            doing: step.to_string(),
            lacks: "what this test takes away",
        }
    }
}

impl Kernel for Faulty<'_> {
    fn perform(&mut self, step: &Step) -> Result<Performed, KernelError> {
        let fails = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        if fails && !self.late {
            return Err(Self::fault(step));
        }
        let performed = self.linux.perform(step)?;
        if fails {
            return Err(Self::fault(step));
        }
        Ok(performed)
    }

    fn undo(&mut self, undo: &Undo) -> Result<Undone, KernelError> {
        self.linux.undo(undo)
    }

    fn verify(&mut self, step: &Step) -> Result<Vec<Mismatch>, KernelError> {
        self.linux.verify(step)
    }

    fn presence(&mut self, undo: &Undo) -> Result<Presence, KernelError> {
        self.linux.presence(undo)
    }
}

fn changes(number: u8) -> Vec<Change> {
    let mapping = |transport, host_port| PortMapping {
        transport,
        host_address: None,
        host_port,
        container_port: 80,
    };
    let limit = |direction| {
        Change::LimitBandwidth(BandwidthLimit {
            direction,
            rate: 80_000_000,
            burst: 800_000,
        })
    };
    let port = 8000 + u16::from(number);
    vec![
        Change::AddRule(RoutingRule {
            family: plan::Family::Ipv4,
            priority: Some(100),
            source: Some(format!("10.1.0.{number}/32").parse().unwrap()),
            destination: None,
            table: 100,
        }),
        Change::AddNeighbour(Neighbour {
            address: "10.1.0.99".parse().unwrap(),
            mac: MacAddress::from_seed(b"neighbour"),
        }),
        Change::SetLinkFlag {
            flag: LinkFlag::AllMulticast,
            on: true,
        },
        Change::SetSysctl(Sysctl {
            name: "net.core.somaxconn".into(),
            value: "123".into(),
        }),
        Change::ForwardPorts(PortForwarding {
            mappings: vec![mapping(Transport::Tcp, port), mapping(Transport::Udp, port)],
            source_nat: SourceNat::Local,
            mark_bit: 13,
            conditions: Vec::new(),
        }),
        limit(FlowDirection::Ingress),
        limit(FlowDirection::Egress),
        Change::AddFlow(FlowRule {
            direction: FlowDirection::Ingress,
            verdict: FlowVerdict::Accept,
            peer: Some("10.1.0.0/16".parse().unwrap()),
            protocol: Some(6),
            ports: Some(PortRange {
                first: 80,
                last: 90,
            }),
        }),
        Change::DenyFlowsByDefault {
            direction: FlowDirection::Ingress,
        },
        Change::Isolate {
            isolation: Isolation::EveryAttachment,
        },
        Change::PassHostFirewall {},
    ]
}

/// The steps of link and chain, with what undo needs.
fn steps(pod: &Pod, number: u8) -> Vec<Step> {
    let link = |name: &str, side, kind| ProposedLink {
        name: name.into(),
        side,
        kind,
    };
    let proposal = Proposal {
        links: vec![
            link("cni0", LinkSide::Host, ProposedLinkKind::Bridge),
            link(
                &pod.host_interface(),
                LinkSide::Host,
                ProposedLinkKind::Veth,
            ),
            link("eth0", LinkSide::Container, ProposedLinkKind::Veth),
        ],
        addressing: pod.plan.addressing.clone(),
        ..Proposal::default()
    };
    let mut merge = Merge::new("eth0", proposal);
    let stage = StageName {
        plugin: "everything".into(),
        position: Some(0),
    };
    merge.amend(&stage, |_| true, changes(number));
    let merged = merge.finish().unwrap();
    let chain = plan::chain(&ChainRequest {
        attachment: &pod.attachment,
        merged: &merged,
        before: None,
        subnets: &[],
        group: 100 + u32::from(number),
        ifb_mac: MacAddress::from_seed(&[number]),
        bridge_is_ours: true,
    });
    let mut steps = pod.plan.steps.clone();
    steps.extend(chain.into_iter().flatten());
    steps
}

fn pod(number: u8) -> Option<Pod> {
    let addresses = [
        (format!("10.1.0.{number}/16"), None),
        (format!("fd00:1::{number}/64"), None),
    ];
    let addresses: Vec<(&str, Option<&str>)> = addresses
        .iter()
        .map(|(address, gateway)| (address.as_str(), *gateway))
        .collect();
    Pod::new(number, BRIDGE, &addresses)
}

/// Applies the pod's whole chain; where `failing` is given, that step fails.
fn add(
    host: &Namespace,
    pod: &Pod,
    number: u8,
    failing: Option<(usize, bool)>,
) -> Result<Vec<Undo>, Box<ApplyError>> {
    host.run(|| {
        let netns = pod.netns();
        let identity = netns.identity();
        let mut linux = Linux::with_container(&netns).unwrap();
        let steps: Vec<Step> = steps(pod, number)
            .iter()
            .map(|step| linux.observe(step).unwrap())
            .collect();
        let (left, late) = failing.unwrap_or((usize::MAX, false));
        let mut faulty = Faulty {
            linux: &mut linux,
            left,
            late,
        };
        let undo = |step: &Step| step.undo(&identity);
        apply(&mut faulty, &steps, undo, &mut NoJournal)?;
        Ok(steps.iter().filter_map(undo).collect())
    })
}

fn delete(host: &Namespace, undos: &[Undo]) {
    host.run(|| {
        let mut linux = Linux::host().unwrap();
        for undo in undos.iter().rev() {
            linux.undo(undo).unwrap();
        }
    });
}

/// What the kernel has of links, addresses, routes, rules, queues, nftables and the sysctl, line by line.
fn state(host: &Namespace, pod: &Pod) -> BTreeSet<String> {
    let mut state = Vec::new();
    for namespace in [host, &pod.namespace] {
        for words in ["-o link", "-o addr", "route", "-6 route", "rule", "-6 rule"] {
            state.push(namespace.ip(words));
        }
        state.push(namespace.tool("tc", &["qdisc", "show"]));
        let sysctl = "/proc/sys/net/core/somaxconn";
        state.push(namespace.run(|| std::fs::read_to_string(sysctl).unwrap()));
    }
    state.push(host.nft("list ruleset"));
    // Duplicate address detection of the kernel's own addresses comes to its end by itself.
    let lines = state.iter().flat_map(|text| text.lines());
    lines.map(|line| line.replace(" tentative", "")).collect()
}

fn assert_same(before: &BTreeSet<String>, now: &BTreeSet<String>, when: &str) {
    let differences: Vec<_> = before.symmetric_difference(now).collect();
    assert!(differences.is_empty(), "{when}: {differences:#?}");
}

#[test]
fn a_failure_at_any_step_of_a_whole_chain_leaves_no_trace() {
    let Some(host) = Namespace::new() else { return };
    let (first, failing, beside) = (pod(2).unwrap(), pod(3).unwrap(), pod(4).unwrap());
    add(&host, &first, 2, None).unwrap();
    // What the node's attachments share is there before.
    for (pod, number) in [(&failing, 3), (&beside, 4)] {
        let undos = add(&host, pod, number, None).unwrap();
        delete(&host, &undos);
    }
    let before = state(&host, &failing);
    let count = steps(&failing, 3).len();
    assert!(count > 20, "the chain has only {count} steps");
    for step in 0..count {
        for late in [false, true] {
            let undos = std::thread::scope(|scope| {
                let other = scope.spawn(|| add(&host, &beside, 4, None).unwrap());
                let error = add(&host, &failing, 3, Some((step, late))).unwrap_err();
                assert!(error.clean_up_failures.is_empty(), "step {step}: {error}");
                other.join().unwrap()
            });
            delete(&host, &undos);
            let when = format!("step {step}, late: {late}");
            assert_same(&before, &state(&host, &failing), &when);
        }
    }
    // The very same chain can be applied, and taken back.
    let undos = add(&host, &failing, 3, None).unwrap();
    delete(&host, &undos);
    assert_same(&before, &state(&host, &failing), "after all");
}
