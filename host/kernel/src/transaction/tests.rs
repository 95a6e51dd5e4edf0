use std::collections::BTreeSet;
use std::net::IpAddr;

use nix::errno::Errno;
use plan::{
    BridgeDevice, ContainerSysctl, Family, Flows, ForwardTag, HostFirewallPass, IfbDevice,
    MacAddress, MacvlanDevice, MacvlanMode, MasqueradeSources, Mismatch, NetnsIdentity, NetworkTag,
    PortForward, PortForwards, RouteAmendment, SourceNat, SpoofCheck, TokenBucket, Transport,
    VethPair,
};
use proptest::prelude::*;

use super::*;
use crate::{NoJournal, Performed, Presence};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Objects by name, with an owner's mark: ours, or another's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    objects: BTreeSet<(String, MacAddress)>,
    shared: BTreeSet<String>,
    steps_left: Option<usize>,
    /// The step that fails does so after its work.
    fails_late: bool,
    stubborn: bool,
}

impl Model {
    fn refusal(&self) -> KernelError {
        KernelError::Netlink {
            doing: "working".into(),
            errno: Errno::EIO,
            detail: None,
        }
    }

    fn work(&mut self, step: &Step) -> Result<(), KernelError> {
        match step.undo(&netns()) {
            None => {
                self.shared.insert(step.to_string());
            }
            Some(undo) => {
                let (name, mac) = object(&undo);
                if self.objects.iter().any(|(taken, _)| *taken == name) {
                    return Err(self.refusal());
                }
                self.objects.insert((name, mac));
            }
        }
        Ok(())
    }
}

impl Kernel for Model {
    fn perform(&mut self, step: &Step) -> Result<Performed, KernelError> {
        let fails = self.steps_left == Some(0);
        self.steps_left = self.steps_left.map(|left| left.wrapping_sub(1));
        if fails && !self.fails_late {
            return Err(self.refusal());
        }
        self.work(step)?;
        if fails {
            return Err(self.refusal());
        }
        Ok(Performed::default())
    }

    fn undo(&mut self, undo: &Undo) -> Result<Undone, KernelError> {
        if self.stubborn {
            return Err(self.refusal());
        }
        let recorded = object(undo);
        if self.objects.remove(&recorded) {
            return Ok(Undone::Done);
        }
        match self.objects.iter().find(|(name, _)| *name == recorded.0) {
            Some((_, other)) => Ok(Undone::NotOurs {
                found: other.to_string(),
            }),
            None => Ok(Undone::AlreadyGone),
        }
    }

    fn verify(&mut self, _: &Step) -> Result<Vec<Mismatch>, KernelError> {
        Ok(Vec::new())
    }

    fn presence(&mut self, _: &Undo) -> Result<Presence, KernelError> {
        Ok(Presence::Unknown)
    }
}

fn netns() -> NetnsIdentity {
    NetnsIdentity {
        cookie: 9,
        path: "/run/netns/c".into(),
        nsid: Some(1),
    }
}

fn ours() -> MacAddress {
    MacAddress::from_seed(b"ours")
}

fn object(undo: &Undo) -> (String, MacAddress) {
    match undo {
        Undo::DeleteHostLink { name, mac, .. } => (format!("host {name}"), *mac),
        Undo::DeleteContainerLink { name, mac, .. } => (format!("container {name}"), *mac),
        other => (other.to_string(), ours()),
    }
}

fn step(kind: u8, name: &str) -> Step {
    match kind {
        0 => Step::Bridge(BridgeDevice {
            name: name.into(),
            mac: ours(),
            mtu: None,
            vlan_filtering: false,
            promiscuous: false,
            mcast_snooping: false,
            alias: String::new(),
        }),
        1 => Step::Veth(VethPair {
            host_name: name.into(),
            host_mac: ours(),
            container_name: "eth0".into(),
            container_mac: ours(),
            mtu: None,
            group: 1,
            alias: String::new(),
            link_local: false,
            port: None,
        }),
        2 => Step::Macvlan(MacvlanDevice {
            name: name.into(),
            master: None,
            master_in_container: false,
            mode: MacvlanMode::Bridge,
            mac: ours(),
            mtu: None,
            broadcast_queue_length: None,
            alias: String::new(),
        }),
        3 => Step::SpoofCheck(SpoofCheck {
            port: name.into(),
            mac: ours(),
        }),
        4 => Step::Masquerade(MasqueradeSources {
            network: NetworkTag::of(name),
            sources: Vec::new(),
        }),
        5 => Step::Forwarding {
            family: Family::Ipv6,
        },
        6 => Step::Ifb(IfbDevice {
            name: format!("ifb-{name}"),
            mac: ours(),
            mtu: None,
            group: 1,
            alias: String::new(),
        }),
        7 => Step::TokenBucket(TokenBucket {
            link: name.into(),
            rate: 8_000_000,
            burst: 80_000,
        }),
        8 => Step::Sysctl(ContainerSysctl {
            path: format!("net/core/{name}"),
            value: "1".into(),
            previous: Some("0".into()),
        }),
        9 => Step::PortForwards(PortForwards {
            tag: ForwardTag::of(name, SourceNat::Local, 13, &[]),
            forwards: vec![forward(name)],
        }),
        10 => Step::Flows(Flows {
            addresses: vec![address(name)],
            rules: Vec::new(),
            deny_by_default: Vec::new(),
        }),
        11 => Step::HostFirewallPass(HostFirewallPass {
            addresses: vec![address(name)],
        }),
        12 => Step::AmendRoutes(RouteAmendment {
            interface: name.into(),
            remove: Vec::new(),
            add: Vec::new(),
        }),
        13 => Step::FlowTable {},
        _ => Step::Loopback {},
    }
}

fn address(name: &str) -> IpAddr {
    let last = name.bytes().next().unwrap_or_default();
    IpAddr::from([10, 1, 0, last])
}

fn forward(name: &str) -> PortForward {
    PortForward {
        transport: Transport::Tcp,
        host_address: None,
        host_port: 8000 + u16::from(name.bytes().next().unwrap_or_default()),
        target: (address(name), 80).into(),
        zone: None,
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u8..15, 0_usize..NAMES.len()).prop_map(|(kind, name)| step(kind, NAMES[name]));
    proptest::collection::vec(step, 1..24)
}

/// What others have: the same names with an address of theirs.
fn foreign() -> impl Strategy<Value = BTreeSet<(String, MacAddress)>> {
    let object = (0_usize..NAMES.len(), any::<bool>()).prop_map(|(name, host)| {
        let place = if host { "host" } else { "container" };
        (
            format!("{place} {}", NAMES[name]),
            MacAddress::from_seed(b"another's"),
        )
    });
    proptest::collection::btree_set(object, 0..3)
}

fn run(model: &mut Model, steps: &[Step]) -> Result<Applied, Box<ApplyError>> {
    apply(model, steps, |step| step.undo(&netns()), &mut NoJournal)
}

/// A plan never makes two objects of one name; a repeat stands for one that another process made meanwhile.
fn without_repeats(steps: Vec<Step>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    let mut steps = steps;
    steps.retain(|step| seen.insert(step.to_string()));
    steps
}

proptest! {
    #[test]
    fn a_failure_at_any_step_leaves_everything_as_it_was(
        steps in steps(), foreign in foreign(), late in any::<bool>()
    ) {
        let steps = without_repeats(steps);
        for failing in 0..steps.len() {
            let mut model = Model {
                objects: foreign.clone(),
                steps_left: Some(failing),
                fails_late: late,
                ..Model::default()
            };
            let error = run(&mut model, &steps).unwrap_err();
            prop_assert!(error.clean_up_failures.is_empty());
            prop_assert_eq!(&model.objects, &foreign);
        }
    }

    #[test]
    fn undo_after_success_leaves_only_what_is_shared(steps in steps()) {
        let steps = without_repeats(steps);
        let mut model = Model::default();
        run(&mut model, &steps).unwrap();
        for undo in steps.iter().rev().filter_map(|step| step.undo(&netns())) {
            prop_assert_eq!(model.undo(&undo).unwrap(), Undone::Done);
            prop_assert_eq!(model.undo(&undo).unwrap(), Undone::AlreadyGone);
        }
        prop_assert!(model.objects.is_empty());
        let shared = steps.iter().filter(|step| step.undo(&netns()).is_none()).count();
        prop_assert_eq!(model.shared.len(), shared);
    }
}

#[test]
fn the_error_names_the_step_the_cause_and_each_failed_clean_up() {
    let mut model = Model {
        steps_left: Some(1),
        stubborn: true,
        ..Model::default()
    };
    let error = run(&mut model, &[step(1, "a"), step(2, "b")]).unwrap_err();
    assert_eq!(error.clean_up_failures.len(), 2);
    let text = error.to_string();
    assert!(text.starts_with("macvlan b failed: working: EIO"), "{text}");
    assert!(
        text.contains("delete macvlan b") && text.contains("delete veth a"),
        "{text}"
    );
    let newest_first = error
        .clean_up_failures
        .iter()
        .map(|failure| failure.undo().to_string());
    assert!(
        newest_first
            .map(|text| text.contains("macvlan"))
            .eq([true, false])
    );
}

#[test]
fn the_journal_hears_of_each_step_before_and_after() {
    #[derive(Default)]
    struct Diary(Vec<String>);
    impl Journal for Diary {
        fn about_to(&mut self, step: &Step) {
            self.0.push(format!("+ {step}"));
        }
        fn done(&mut self, step: &Step, outcome: Result<&Performed, &KernelError>) {
            self.0.push(format!(
                "{} {step}",
                if outcome.is_ok() { "=" } else { "!" }
            ));
        }
    }
    let mut diary = Diary::default();
    let mut model = Model {
        steps_left: Some(1),
        ..Model::default()
    };
    let steps = [step(0, "a"), step(14, ""), step(0, "never")];
    apply(&mut model, &steps, |_| None, &mut diary).unwrap_err();
    assert_eq!(diary.0, ["+ bridge a", "= bridge a", "+ lo up", "! lo up"]);
}
