//! An interface with its IPAM and its chain, as one transaction.

use cni::config::NetworkConfig;
use ipnet::IpNet;
use kernel::{ApplyError, KernelError, Linux, Place};
use plan::{Addressing, Identity, InterfaceAddress, Link, Merged, NetnsIdentity, Plan, Step};

use super::{Attaching, MOST_TRIES, Overlay, Recorded, agreed, contended, sets_dns};
use store::Document;

use crate::chain::{self, Stage, WantedLink};
use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::identity;
use crate::ipam::{Allocated, Ipam, PluginIpam};
use crate::log::Level;
use crate::plugin_host::{self, PluginStorage};
use crate::{record, result};

/// What IPAM and the chain agree on.
struct Decided {
    allocated: Allocated,
    merged: Merged,
    /// What was recorded of each stage's call.
    calls: Vec<Option<Document>>,
    identity: Identity,
}

impl Attaching<'_> {
    pub(crate) fn link(&self, link: &Link) -> Result<cni::result::CniResult, Cause> {
        let mut kernel = Linux::with_container(&self.netns)?;
        if matches!(link, Link::Loopback {})
            && let Some(result) = self.loopback_behind(&mut kernel)?
        {
            return Ok(result);
        }
        self.clear_way(&mut kernel)?;
        self.name_is_free(&kernel, link)?;
        let (device, user_space) = self.device(&kernel, link)?;
        let wanted = WantedLink { link, device };
        let config = &self.request.call.config;
        let ipam = Ipam::of_call(self.node, &self.request.call)?;
        if let Some(Ipam::Delegated(delegated)) = &ipam
            && link.stands_without_addresses()
        {
            return self.link_first(&mut kernel, &wanted, user_space, delegated);
        }
        let (recorded, merged) = self.decide_and_record(&kernel, &wanted, ipam.as_ref())?;
        let mut applied = match self.apply(&mut kernel, &recorded.steps, &recorded.record) {
            Ok(applied) => applied,
            Err(error) => return Err(self.give_up(ipam.as_ref(), error)),
        };
        let addressing = match link {
            Link::Loopback {} => on_loopback(&kernel.loopback_addresses()?),
            _ => merged.proposal.addressing.clone(),
        };
        applied.links.extend(user_space);
        let dns_is_decided = sets_dns(&merged);
        let result = result::of_link(
            link,
            config,
            &addressing,
            dns_is_decided,
            &applied.links,
            &self.request.netns,
        );
        self.finish(recorded, &result, &applied.links)?;
        Ok(result)
    }

    fn name_is_free(&self, kernel: &Linux, link: &Link) -> Result<(), Cause> {
        let name = &self.attachment.interface_name;
        if !matches!(link, Link::Loopback {}) && kernel.interface_exists(name)? {
            let place = Place::Container;
            return Err(KernelError::InterfaceExists {
                name: name.clone(),
                place,
            }
            .into());
        }
        Ok(())
    }

    /// Runs IPAM and the chain, makes the plan and writes down how to undo it, until no other call interferes.
    fn decide_and_record(
        &self,
        kernel: &Linux,
        wanted: &WantedLink<'_>,
        ipam: Option<&Ipam>,
    ) -> Result<(Recorded, Merged), Cause> {
        let stages = Stage::of_chain(&self.request.call.config);
        for _ in 0..MOST_TRIES {
            let overlay = self.overlay();
            let written = self
                .decide(kernel, wanted, ipam, &stages, &overlay)
                .and_then(|decided| {
                    let storage = plugin_host::changes(self.store, self.attachment, &overlay);
                    let (record, steps) = self.record(kernel, wanted, ipam, &stages, &decided)?;
                    let recorded = self.put(record, steps, storage)?;
                    Ok(recorded.map(|recorded| (recorded, decided.merged)))
                });
            match written {
                Ok(Some(decided)) => return Ok(decided),
                Ok(None) => self.release_reserved(ipam)?,
                Err(cause) => {
                    self.release_reserved(ipam)?;
                    return Err(cause);
                }
            }
        }
        Err(contended(match ipam {
            Some(Ipam::Plugin(plugin)) => plugin.name(),
            _ => "of the chain",
        }))
    }

    fn decide(
        &self,
        kernel: &Linux,
        wanted: &WantedLink<'_>,
        ipam: Option<&Ipam>,
        stages: &[Stage],
        overlay: &Overlay,
    ) -> Result<Decided, Cause> {
        let link = wanted.link;
        let allocated = match ipam {
            None => adopted(&self.request.call.config, link),
            Some(Ipam::Delegated(delegated)) => Allocated::by_delegate(delegated.allocate()?),
            Some(Ipam::Plugin(plugin)) => {
                plugin.allocate(self.node, self.attachment, self.request, overlay)?
            }
        };
        let identity = identity::choose(
            kernel,
            self.store,
            self.attachment,
            link,
            self.requested_mac().or_else(|| wanted.device.as_ref()?.mac),
            plugin(ipam).and_then(|_| allocated.addressing.first()),
            self.node.now,
        )?;
        let completed = plan::complete(link, &allocated.addressing);
        let mut proposal = chain::of_link(self.attachment, link, identity, completed.clone());
        if !stages.is_empty() {
            proposal.rules = kernel.routing_rules()?;
        }
        let mut merge = chain::merge_on_link(self.attachment, link, proposal);
        let storage = |plugin: &str| PluginStorage::of(overlay, plugin, true);
        let calls = chain::run(self.node, stages, &self.info(), &storage, &mut merge)?;
        let merged = agreed(self.node, merge, &self.attachment.interface_name)?;
        self.settle_addresses(plugin(ipam), &completed, &merged.proposal.addressing)?;
        let identity = chain::agreed_identity(identity, &merged);
        Ok(Decided {
            allocated,
            merged,
            calls,
            identity,
        })
    }

    fn record(
        &self,
        kernel: &Linux,
        wanted: &WantedLink<'_>,
        ipam: Option<&Ipam>,
        stages: &[Stage],
        decided: &Decided,
    ) -> Result<(store::Record, Vec<Step>), Cause> {
        let link = wanted.link;
        let subnets = match plugin(ipam) {
            Some(plugin) => plugin.policy(&self.request.addresses).subnets(),
            None => Vec::new(),
        };
        let (plan, chain) = chain::steps_on_link(
            self.attachment,
            wanted,
            &decided.merged,
            &subnets,
            decided.identity,
            self.node.now,
        )?;
        let netns = self.netns_identity(kernel, &plan)?;
        let config = &self.request.call.config;
        let mut steps = plan.steps.clone();
        let mut parts = vec![record::link_part(
            link.kind(),
            config,
            &plan,
            &netns,
            &decided.allocated,
        )];
        let decisions = stages.iter().zip(&decided.merged.stages);
        for ((stage, wanted), (call, of_stage)) in decisions.zip(decided.calls.iter().zip(chain)) {
            let of_stage = self.observed(kernel, of_stage)?;
            parts.push(record::stage_part(
                stage,
                &wanted.changes,
                call.as_ref(),
                &of_stage,
                &netns,
            ));
            steps.extend(of_stage);
        }
        let now = unix_seconds(self.node.now);
        let record = record::pending(self.attachment, netns, decided.identity.group, now, parts);
        Ok((record, steps))
    }

    /// A link without an end on the host is found again by its namespace's id.
    pub(super) fn netns_identity(
        &self,
        kernel: &Linux,
        plan: &Plan,
    ) -> Result<NetnsIdentity, Cause> {
        let mut identity = self.netns.identity();
        if plan.steps.iter().any(Step::is_link_inside) {
            identity.nsid = Some(kernel.assign_nsid(&self.netns)?);
        }
        Ok(identity)
    }

    /// After a failed plan: what is undone is forgotten, what is not stays on record for the DEL that follows.
    pub(super) fn give_up(&self, ipam: Option<&Ipam>, error: Box<ApplyError>) -> Cause {
        if error.clean_up_failures.is_empty() {
            let removed = self.store.remove(&self.attachment.key(), self.cool_down());
            if let Some(Ipam::Delegated(delegated)) = ipam {
                // The step's failure is what the operator must see.
                let _ = delegated.forward(cni::verb::Verb::Del);
            }
            if let Err(store) = removed {
                let text = format!("{}: {store}", self.attachment);
                self.node.log.write(Level::Error, &text);
            }
        }
        error.into()
    }
}

/// The addresses that `prevResult` has for an ipvlan without IPAM, as with the reference plugin.
fn adopted(config: &NetworkConfig, link: &Link) -> Allocated {
    match (link, &config.previous_result) {
        (Link::Ipvlan(_), Some(previous)) => Allocated {
            addressing: result::addressing(&previous.result),
            ..Allocated::default()
        },
        _ => Allocated::default(),
    }
}

fn plugin(ipam: Option<&Ipam>) -> Option<&PluginIpam> {
    match ipam {
        Some(Ipam::Plugin(plugin)) => Some(plugin),
        Some(Ipam::Delegated(_)) | None => None,
    }
}

/// Nobody decided about these; the result tells them all the same, as the reference plugin's does.
pub(crate) fn on_loopback(addresses: &[IpNet]) -> Addressing {
    let entry = |address: &IpNet| InterfaceAddress {
        address: *address,
        gateway: None,
    };
    Addressing {
        addresses: addresses.iter().map(entry).collect(),
        ..Addressing::default()
    }
}
