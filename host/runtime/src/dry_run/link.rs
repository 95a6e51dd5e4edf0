//! A link with its IPAM and its chain.

use std::ffi::OsStr;
use std::net::IpAddr;

use cni::config::NetworkConfig;
use cni::request::Add;
use engine::Leases;
use ipnet::IpNet;
use kernel::{HostDeviceFound, Linux};
use plan::{Addressing, Attachment, DeviceState, Identity, InterfaceAddress, Link, MacAddress};

use super::leases::MemoryLeases;
use super::services::{Shared, Words};
use super::stage::note_previous;
use super::{DryRun, Outcome, facts, netns, refuse};
use crate::attach::{on_loopback, sets_dns};
use crate::chain::{self, Stage, WantedLink};
use crate::delegate::Delegate;
use crate::executable;
use crate::explain::{Entry, Part, PartKind, PlannedStep};
use crate::failure::Cause;
use crate::ipam::PluginIpam;
use crate::plugin_host;
use crate::{identity, result, verbs};

/// The addresses that the kernel gives `lo`.
const LOOPBACK: [&str; 2] = ["127.0.0.1/8", "::1/128"];

impl DryRun {
    pub(super) fn link(
        &mut self,
        program: &OsStr,
        add: &Add,
        attachment: &Attachment,
        entry: &mut Entry,
    ) -> Outcome {
        let config = &add.call.config;
        let link = verbs::parse_link(config)?;
        let allocated = self.allocate(program, add, attachment, entry)?;
        let leased = self.leases.as_ref().and_then(|_| allocated.first());
        let device = Self::device(&link, entry);
        let identity = self.identity(add, attachment, &link, device.as_ref(), leased, entry);
        let completed = plan::complete(&link, &allocated);
        let proposal = chain::of_link(attachment, &link, identity, completed.clone());
        let mut merge = chain::merge_on_link(attachment, &link, proposal);
        let stages = Stage::of_chain(config);
        let info = plugin_host::info(attachment, &add.addresses, add.pod.as_ref());
        let (mut parts, failure) = self.ask(&stages, &info, &mut merge);
        let (mut merged, refused) = merge.without_refused();
        refuse(entry, &mut parts, refused);
        self.obey_allow_list(attachment, &mut merged, entry, &mut parts)?;
        self.settle(&completed, &merged.proposal.addressing, entry);
        let subnets = self.subnets();
        let identity = chain::agreed_identity(identity, &merged);
        let now = self.node.now;
        let asked_when_it_stands =
            config.ipam.is_some() && self.leases.is_none() && link.stands_without_addresses();
        let wanted = WantedLink {
            link: &link,
            device,
        };
        let (plan, steps) = if asked_when_it_stands {
            chain::steps_on_bare_link(attachment, &wanted, &merged, &completed, identity, now)?
        } else {
            chain::steps_on_link(attachment, &wanted, &merged, &subnets, identity, now)?
        };
        let netns = netns(add);
        let mut own = Part::new(PartKind::Link, link.kind());
        own.steps = plan
            .steps
            .iter()
            .map(|step| PlannedStep::new(step, &netns))
            .collect();
        entry.parts.push(own);
        for (part, steps) in parts.iter_mut().zip(&steps) {
            part.steps = steps
                .iter()
                .map(|step| PlannedStep::new(step, &netns))
                .collect();
            self.note_flows(&part.name, steps, entry);
            note_previous(steps, entry);
        }
        entry.parts.append(&mut parts);
        if let Some(cause) = failure {
            return Err(cause);
        }
        self.made_bridge = matches!(link, Link::Bridge(_));
        self.before = merged.proposal.clone();
        let all = plan.steps.iter().chain(steps.iter().flatten());
        let addressing = match &link {
            Link::Loopback {} => loopback_addressing(),
            _ => merged.proposal.addressing.clone(),
        };
        Ok(result::of_link(
            &link,
            config,
            &addressing,
            sets_dns(&merged),
            &facts::of_steps(all),
            &add.netns,
        ))
    }

    /// What IPAM decides; another vendor's is taken to answer what the caller gave.
    fn allocate(
        &mut self,
        program: &OsStr,
        add: &Add,
        attachment: &Attachment,
        entry: &mut Entry,
    ) -> Result<Addressing, Cause> {
        let config = &add.call.config;
        let Some(section) = &config.ipam else {
            return Ok(Addressing::default());
        };
        if let Some(foreign) = foreign_ipam(program, config, add) {
            return self.given(foreign, entry);
        }
        let plugin = PluginIpam::new(config, section)?;
        let leases = Shared::new(MemoryLeases::new(plugin.policy(&add.addresses)));
        let words = Shared::<Words>::default();
        let services = self.services(plugin.name(), Some(leases.leases()), &words);
        let info = plugin_host::info(attachment, &add.addresses, add.pod.as_ref());
        let (outcome, call) = plugin.ask(&self.node, services, &info, &add.gateways)?;
        let mut part = Part::new(PartKind::Ipam, plugin.name()).with_call(call);
        part.said = words.take();
        let addressing = match outcome {
            Ok(addressing) => addressing,
            Err(error) => {
                part.failure = Some(error.to_string());
                entry.parts.push(part);
                return Err(error.into());
            }
        };
        part.addressing = Some(addressing.clone());
        entry.parts.push(part);
        let problems = leases.lock().problems(&addressing);
        if !problems.is_empty() {
            return Err(Cause::Answer {
                plugin: plugin.name().into(),
                problems,
            });
        }
        self.leases = Some(leases);
        Ok(addressing)
    }

    fn given(&self, foreign: &str, entry: &mut Entry) -> Result<Addressing, Cause> {
        if self.given.is_empty() {
            return Err(Cause::IpamSection(format!(
                "the addresses come from {foreign}, which is not called here: say which ones it would give (--address)"
            )));
        }
        entry.notes.push(format!(
            "{foreign} gives the addresses and was not asked: those that were given are taken instead"
        ));
        let mut part = Part::new(PartKind::Ipam, foreign);
        let addressing = Addressing {
            addresses: self.given.clone(),
            ..Addressing::default()
        };
        part.addressing = Some(addressing.clone());
        entry.parts.push(part);
        Ok(addressing)
    }

    fn identity(
        &self,
        add: &Add,
        attachment: &Attachment,
        link: &Link,
        device: Option<&DeviceState>,
        leased: Option<IpAddr>,
        entry: &mut Entry,
    ) -> Identity {
        let made = |end: &str| identity::made(end, attachment, self.node.now);
        let requested = add.mac.as_ref().map(|mac| MacAddress(mac.mac.octets()));
        if identity::master_with_address(link).is_some() {
            let note = "the Ethernet address is that of the master; a made one is shown";
            entry.notes.push(note.into());
        }
        let on_master = matches!(link, Link::Macvlan(_) | Link::Ipvlan(_) | Link::Vlan(_));
        if on_master && link.mtu().is_none() {
            let note = "the MTU is that of the master; 1500 is shown";
            entry.notes.push(note.into());
        }
        Identity {
            container_mac: requested
                .or_else(|| identity::configured(link))
                .or_else(|| device?.mac)
                .or_else(|| identity::of_holder(link, leased))
                .unwrap_or_else(|| made("container")),
            host_mac: made("host"),
            bridge_mac: made("bridge"),
            group: 0,
        }
    }

    /// The host's device as it is now, or as it might be.
    fn device(link: &Link, entry: &mut Entry) -> Option<DeviceState> {
        let Link::HostDevice(wanted) = link else {
            return None;
        };
        let selector = wanted.selector()?;
        let found = Linux::host().and_then(|kernel| kernel.find_host_device(&selector));
        match found {
            Ok(HostDeviceFound::Interface(device)) => Some(device),
            Ok(HostDeviceFound::UserSpace { driver }) => {
                entry.notes.push(format!(
                    "driver {driver} hands {selector} to a program: it has no interface that could be moved"
                ));
                None
            }
            Err(error) => {
                entry.notes.push(format!(
                    "ADD would fail now, and is shown all the same: {error}"
                ));
                Some(DeviceState {
                    name: selector.to_string(),
                    kind: String::new(),
                    mac: None,
                    mtu: facts::ETHERNET_MTU,
                    alias: None,
                    up: false,
                })
            }
        }
    }

    /// Addresses that the chain has added must be had of the network, as in ADD.
    pub(super) fn settle(&self, before: &Addressing, after: &Addressing, entry: &mut Entry) {
        if before.addresses == after.addresses {
            return;
        }
        let Some(leases) = &self.leases else {
            entry.objections.push(Cause::ForeignAddresses.to_string());
            return;
        };
        let is_new = |new: &&InterfaceAddress| {
            let address = new.address.addr();
            !before
                .addresses
                .iter()
                .any(|known| known.address.addr() == address)
        };
        for new in after.addresses.iter().filter(is_new) {
            let address = new.address.addr();
            if let Err(source) = leases.lock().reserve(address) {
                let cause = Cause::AddedAddress { address, source };
                entry.objections.push(cause.to_string());
            }
        }
        let problems = leases.lock().problems(after);
        let problems = problems.iter().map(ToString::to_string);
        entry.objections.extend(problems);
    }

    fn subnets(&self) -> Vec<IpNet> {
        let leases = self.leases.as_ref();
        leases.map_or_else(Vec::new, |leases| leases.lock().subnets())
    }
}

/// The executable of another vendor that gives the addresses.
fn foreign_ipam<'a>(program: &OsStr, config: &'a NetworkConfig, add: &Add) -> Option<&'a str> {
    let section = config.ipam.as_ref()?;
    if section.is_own_type() {
        return None;
    }
    let find = |name: &str| Delegate::find(name, &add.call.search_path, &[]).ok();
    let name = section.plugin_type.as_str();
    // The entry's own file under that name is run in its process.
    let own = program.to_str().and_then(find).zip(find(name));
    (!own.is_some_and(|(own, ipam)| executable::is_same(own.executable(), ipam.executable())))
        .then_some(name)
}

fn loopback_addressing() -> Addressing {
    let addresses: Vec<IpNet> = LOOPBACK
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect();
    on_loopback(&addresses)
}
