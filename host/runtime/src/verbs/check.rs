use std::ops::Range;

use cni::config::NetworkConfig;
use cni::request::Check;
use cni::result::CniResult;
use cni::role::Role;
use cni::verb::Verb;
use kernel::{Kernel, KernelError, Linux, Netns, Place};
use plan::{Addressing, Attachment, Step};
use store::{Record, RecordState, Store};

use super::expectation::expectation;
use super::lock::lock;
use super::superseded::without_superseded;
use super::{key, link};
use crate::chain::{self, Stage};
use crate::contested_sysctl::Others;
use crate::failure::Cause;
use crate::ipam::Ipam;
use crate::log::Level;
use crate::node::Node;
use crate::{plugin_host, record};

/// CNI CHECK: is everything that ADD made still there?
pub(crate) fn check(node: &Node, request: &Check) -> Result<(), Cause> {
    let attachment = &key(&request.attachment);
    let netns = match request.call.role {
        Role::Ipam => Netns::find(&request.netns)?,
        Role::Link | Role::Stage => Some(Netns::open(&request.netns)?),
    };
    let store = node.store()?;
    let _lock = lock(store, &request.call, attachment)?;
    let record = store.record(&attachment.key())?;
    let record = record
        .filter(|record| record.state == RecordState::Applied)
        .ok_or(Cause::NoRecord)?;
    if let (Some(recorded), Some(netns)) = (&record.netns, &netns)
        && recorded.cookie != netns.cookie()
    {
        return Err(Cause::OtherNetns {
            path: request.netns.display().to_string(),
        });
    }
    let config = &request.call.config;
    let (stages, which) = match request.call.role {
        Role::Ipam => (Vec::new(), 0..0),
        Role::Link => (Stage::of_chain(config), parts_of_link(config, &record)),
        Role::Stage => {
            let stage = Stage::of_entry(config).ok_or(Cause::NoStage)?;
            let position = record::position_of_stage(&record, &stage).ok_or(Cause::NoRecord)?;
            (vec![stage], position..position + 1)
        }
    };
    if let Some(netns) = &netns {
        let mut kernel = Linux::with_container(netns)?;
        verify_parts(store, request, &mut kernel, &record, which)?;
        ask_stages(node, request, attachment, &kernel, &stages)?;
    }
    match request.call.role {
        Role::Stage => Ok(()),
        Role::Link | Role::Ipam => verify_ipam(node, request, attachment, &record),
    }
}

/// All of them, but for a `loopback` behind another plugin.
fn parts_of_link(config: &NetworkConfig, record: &Record) -> Range<usize> {
    match record::position_of_loopback(record) {
        Some(position @ 1..) if link::is_of_kind(config, "loopback") => position..position + 1,
        _ => 0..record.parts.len(),
    }
}

/// Asks the plugins themselves. One that is not installed any more is for STATUS to tell.
fn ask_stages(
    node: &Node,
    request: &Check,
    attachment: &Attachment,
    kernel: &Linux,
    stages: &[Stage],
) -> Result<(), Cause> {
    if stages.is_empty() {
        return Ok(());
    }
    let name = &attachment.interface_name;
    let interface = kernel
        .container_interface(name)?
        .ok_or_else(|| KernelError::NotFound {
            name: name.clone(),
            place: Place::Container,
        })?;
    let last = &request.previous_result.result;
    let proposal = chain::of_previous(attachment, last, &interface);
    let info = plugin_host::info(attachment, &[], request.pod.as_ref());
    for stage in stages {
        match stage.check(node, attachment, &info, &proposal) {
            Err(cause @ (Cause::PluginStore(_) | Cause::Load(_))) => {
                let text = format!("CHECK {attachment}: {}", cause.in_stage(&stage.name));
                node.log.write(Level::Warning, &text);
            }
            outcome => outcome.map_err(|cause| cause.in_stage(&stage.name))?,
        }
    }
    Ok(())
}

/// Compares the kernel with these of the record's parts.
fn verify_parts(
    store: &Store,
    request: &Check,
    kernel: &mut Linux,
    record: &Record,
    which: Range<usize>,
) -> Result<(), Cause> {
    let mut mismatches = Vec::new();
    let last = &request.previous_result.result;
    let parts = &record.parts;
    let undos = parts.iter().flat_map(|part| &part.undo);
    let others = Others::beside_record(store, record, undos)?;
    for (position, part) in parts.iter().enumerate() {
        if !which.contains(&position) {
            continue;
        }
        for step in &part.steps {
            let later = parts.iter().skip(position + 1).flat_map(|part| &part.steps);
            let expected = without_superseded(step.clone(), later)
                // Another network of the container has set it since, or may have.
                .filter(|step| !matches!(step, Step::Sysctl(sysctl) if others.contests(sysctl)))
                .and_then(|step| expectation(&step, last));
            if let Some(expected) = expected {
                mismatches.extend(kernel.verify(&expected)?);
            }
        }
    }
    if mismatches.is_empty() {
        Ok(())
    } else {
        Err(Cause::Differs(mismatches))
    }
}

fn verify_ipam(
    node: &Node,
    request: &Check,
    attachment: &Attachment,
    record: &Record,
) -> Result<(), Cause> {
    let addressing = record
        .parts
        .iter()
        .find_map(|part| part.addressing.as_ref());
    match (Ipam::of_call(node, &request.call)?, addressing) {
        (Some(Ipam::Delegated(delegated)), _) => Ok(delegated.forward(Verb::Check)?),
        (Some(Ipam::Plugin(plugin)), Some(addressing)) => {
            let told = with_gateways_of(&request.previous_result.result, addressing);
            match plugin.check(node, attachment, request, &told) {
                // The attachment works; that its plugin was removed since is for STATUS to tell.
                Err(cause @ (Cause::PluginStore(_) | Cause::Load(_))) => {
                    node.log
                        .write(Level::Warning, &format!("CHECK {attachment}: {cause}"));
                    Ok(())
                }
                outcome => outcome,
            }
        }
        (Some(Ipam::Plugin(_)) | None, _) => Ok(()),
    }
}

/// What was given, with the gateways that the final result tells.
fn with_gateways_of(last: &CniResult, given: &Addressing) -> Addressing {
    let mut told = given.clone();
    for entry in &mut told.addresses {
        let same = last.ips.iter().find(|ip| ip.address == entry.address);
        entry.gateway = same.and_then(|ip| ip.gateway).or(entry.gateway);
    }
    told
}
