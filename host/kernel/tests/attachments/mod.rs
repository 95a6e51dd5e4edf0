//! Attachments on kernels of a test's own: a namespace that plays the host, others that play containers.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "only tests use it"
)]

#[path = "../nft_namespaces/mod.rs"]
#[allow(
    unreachable_pub,
    reason = "another test file uses it as its own module"
)]
pub(crate) mod namespaces;

use std::net::IpAddr;
use std::process::Command;

use kernel::{
    Applied, ApplyError, Kernel, KernelError, Linux, Netns, NoJournal, Presence, TaggedLink,
    Undone, apply,
};
use plan::{
    Addressing, Attachment, DeviceState, Identity, InterfaceAddress, Link, LinkRequest, MacAddress,
    Mismatch, NetnsIdentity, Plan, Step, Undo,
};
use serde_json::Value;

pub(crate) use namespaces::Namespace;

/// One container's attachment.
pub(crate) struct Pod {
    pub(crate) namespace: Namespace,
    pub(crate) attachment: Attachment,
    pub(crate) plan: Plan,
}

impl Pod {
    /// A container whose interface is to be `eth0`, with a plan for this `link` section; None where namespaces can't be
    /// made.
    pub(crate) fn new(number: u8, link: &str, addresses: &[(&str, Option<&str>)]) -> Option<Self> {
        let attachment = Attachment {
            network: "pods".into(),
            container_id: format!("c{number}"),
            interface_name: "eth0".into(),
        };
        Some(Self {
            namespace: Namespace::new()?,
            plan: plan_for(&attachment, number, link, addresses),
            attachment,
        })
    }

    pub(crate) fn netns(&self) -> Netns {
        Netns::open(self.namespace.path()).unwrap()
    }

    pub(crate) fn identity(&self) -> NetnsIdentity {
        self.netns().identity()
    }

    /// With the id by which the host knows the namespace.
    pub(crate) fn identity_with_nsid(&self, host: &Namespace) -> NetnsIdentity {
        let netns = self.netns();
        let nsid = host.run(|| Linux::host().unwrap().assign_nsid(&netns).unwrap());
        NetnsIdentity {
            nsid: Some(nsid),
            ..netns.identity()
        }
    }

    pub(crate) fn host_interface(&self) -> String {
        self.attachment.host_interface_name()
    }

    pub(crate) fn mac(&self) -> MacAddress {
        MacAddress::from_seed(self.attachment.container_id.as_bytes())
    }

    /// Performs the plan, as a transaction.
    pub(crate) fn add(&self, host: &Namespace) -> Result<Applied, Box<ApplyError>> {
        host.run(|| {
            let netns = self.netns();
            let identity = netns.identity();
            let mut linux = Linux::with_container(&netns).unwrap();
            apply(
                &mut linux,
                &self.plan.steps,
                |step| step.undo(&identity),
                &mut NoJournal,
            )
        })
    }

    /// Performs the steps that this picks, one by one.
    pub(crate) fn perform(
        &self,
        host: &Namespace,
        picked: impl Fn(&Step) -> bool + Sync,
    ) -> Result<(), KernelError> {
        host.run(|| {
            let mut linux = Linux::with_container(&self.netns())?;
            let mut steps = self.plan.steps.iter().filter(|step| picked(step));
            steps.try_for_each(|step| linux.perform(step).map(drop))
        })
    }

    pub(crate) fn verify(&self, host: &Namespace) -> Vec<Mismatch> {
        host.run(|| {
            let mut linux = Linux::with_container(&self.netns()).unwrap();
            let steps = self.plan.steps.iter();
            steps.flat_map(|step| linux.verify(step).unwrap()).collect()
        })
    }

    /// Undoes the plan from the host alone, newest first.
    pub(crate) fn delete(&self, host: &Namespace) -> Vec<Undone> {
        let undo = self.plan.undo(&self.identity());
        undo.iter()
            .rev()
            .map(|undo| take_back(host, undo))
            .collect()
    }

    /// What `ip -j` says of the container's interface.
    pub(crate) fn eth0(&self) -> Value {
        first(&self.namespace.ip("-j -d addr show dev eth0"))
    }
}

pub(crate) fn take_back(host: &Namespace, undo: &Undo) -> Undone {
    host.run(|| Linux::host().unwrap().undo(undo).unwrap())
}

pub(crate) fn presence(host: &Namespace, undo: &Undo) -> Presence {
    host.run(|| Linux::host().unwrap().presence(undo).unwrap())
}

pub(crate) fn tagged(host: &Namespace) -> Vec<TaggedLink> {
    host.run(|| Linux::host().unwrap().tagged_links().unwrap())
}

pub(crate) fn plan_for(
    attachment: &Attachment,
    group: u8,
    link: &str,
    addresses: &[(&str, Option<&str>)],
) -> Plan {
    plan_with(attachment, group, link, addresses, None)
}

/// With the device of the host that the link asks for.
pub(crate) fn plan_with(
    attachment: &Attachment,
    group: u8,
    link: &str,
    addresses: &[(&str, Option<&str>)],
    device: Option<&DeviceState>,
) -> Plan {
    let addresses = addresses
        .iter()
        .map(|(address, gateway)| InterfaceAddress {
            address: address.parse().unwrap(),
            gateway: gateway.map(|gateway| gateway.parse::<IpAddr>().unwrap()),
        })
        .collect();
    let link = read_link(link);
    let addressing = Addressing {
        addresses,
        ..Addressing::default()
    };
    plan::build(&LinkRequest {
        attachment,
        link: &link,
        addressing: &plan::complete(&link, &addressing),
        mtu: link.mtu(),
        subnets: &[],
        identity: Identity {
            container_mac: device
                .and_then(|device| device.mac)
                .unwrap_or_else(|| MacAddress::from_seed(attachment.container_id.as_bytes())),
            host_mac: MacAddress::from_seed(attachment.host_interface_name().as_bytes()),
            bridge_mac: MacAddress::from_seed(b"bridge"),
            group: 100 + u32::from(group),
        },
        device,
    })
    .unwrap()
}

/// Does this kernel make such links (`type dummy`)? Tells that the test is skipped where it does not.
pub(crate) fn offers(host: &Namespace, link: &str) -> bool {
    let words = format!("link add name probe0 {link}");
    let words: Vec<_> = words.split(' ').collect();
    let offered = host.run(|| Command::new("ip").args(&words).output().unwrap());
    if !offered.status.success() {
        println!("skipped: this kernel offers no link of {link}");
        return false;
    }
    host.ip("link del probe0");
    true
}

/// The one object that `ip -j` found.
pub(crate) fn first(json: &str) -> Value {
    let mut all: Vec<Value> = serde_json::from_str(json).unwrap();
    all.retain(|each| each.as_object().is_some_and(|object| !object.is_empty()));
    all.swap_remove(0)
}

/// What `ip -j -d link show` says of a link; None when there is none.
pub(crate) fn link(namespace: &Namespace, name: &str) -> Option<Value> {
    let all: Vec<Value> = serde_json::from_str(&namespace.ip("-j -d link show")).unwrap();
    all.into_iter().find(|link| link["ifname"] == name)
}

/// Addresses with their prefixes, as `ip -j` shows them, less link-local ones.
pub(crate) fn addresses(link: &Value) -> Vec<String> {
    let infos = link["addr_info"].as_array().unwrap();
    infos
        .iter()
        .filter(|info| info["scope"] != "link")
        .map(|info| {
            format!(
                "{}/{}",
                info["local"].as_str().unwrap(),
                info["prefixlen"].as_u64().unwrap()
            )
        })
        .collect()
}

/// One echo, so that an answer proves that the very first packet got through.
pub(crate) fn ping(namespace: &Namespace, target: &str) {
    let ping = || {
        Command::new("ping")
            .args(["-c", "1", "-W", "2", target])
            .output()
            .unwrap()
    };
    let output = namespace.run(ping);
    assert!(
        output.status.success(),
        "{target}: {}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn read_link(text: &str) -> Link {
    let serde_json::Value::Object(mut keys) = serde_json::from_str(text).unwrap() else {
        panic!("{text}");
    };
    let kind = keys.remove("kind").unwrap();
    Link::read(kind.as_str().unwrap(), serde_json::Value::Object(keys)).unwrap()
}
