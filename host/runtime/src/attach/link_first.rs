//! A link whose addresses another vendor's executable gives. It is asked when the bare link is there, as the reference
//! plugins have it: a DHCP client sends through the container's own interface. Both halves are one record.

use cni::result::CniResult;
use cni::verb::Verb;
use kernel::{Applied, LinkFact, Linux, Side};
use plan::{Addressing, Identity, Merged, Plan, Step};
use store::{Document, Record};

use super::{Attaching, MOST_TRIES, Recorded, agreed, contended, sets_dns};
use crate::chain::{self, Stage, WantedLink};
use crate::clock::unix_seconds;
use crate::detach::{self, Detached};
use crate::failure::Cause;
use crate::ipam::{Allocated, DelegatedIpam};
use crate::log::Level;
use crate::plugin_host::{self, PluginStorage};
use crate::{identity, record, result};

/// The bare link, made.
struct Bare<'a> {
    wanted: &'a WantedLink<'a>,
    identity: Identity,
    plan: Plan,
    record: Record,
    facts: Vec<LinkFact>,
}

impl Attaching<'_> {
    pub(super) fn link_first(
        &self,
        kernel: &mut Linux,
        wanted: &WantedLink<'_>,
        user_space: Option<LinkFact>,
        ipam: &DelegatedIpam,
    ) -> Result<CniResult, Cause> {
        let mut bare = self.make_bare(kernel, wanted)?;
        bare.facts.extend(user_space);
        let mut record = bare.record.clone();
        match self.finish_link(kernel, &bare, ipam, &mut record) {
            Ok(result) => Ok(result),
            Err(cause) => Err(self.take_back(kernel, &record, ipam, cause)),
        }
    }

    fn make_bare<'a>(
        &self,
        kernel: &mut Linux,
        wanted: &'a WantedLink<'a>,
    ) -> Result<Bare<'a>, Cause> {
        let link = wanted.link;
        let identity = identity::choose(
            kernel,
            self.store,
            self.attachment,
            link,
            self.requested_mac().or_else(|| wanted.device.as_ref()?.mac),
            None,
            self.node.now,
        )?;
        let plan = chain::steps_of_bare_link(self.attachment, wanted, identity)?;
        let netns = self.netns_identity(kernel, &plan)?;
        let config = &self.request.call.config;
        let part = record::link_part(link.kind(), config, &plan, &netns, &Allocated::default());
        let now = unix_seconds(self.node.now);
        let record = record::pending(self.attachment, netns, identity.group, now, vec![part]);
        // No plugin has run yet, so there is nothing that another call could contend for.
        self.store.put_pending(&record, None)?;
        match self.apply(kernel, &plan.steps, &record) {
            Ok(Applied { links, .. }) => Ok(Bare {
                wanted,
                identity,
                plan,
                record,
                facts: links,
            }),
            Err(error) => Err(self.give_up(None, error)),
        }
    }

    /// Addresses, routes and the chain. `record` is what must be undone, whenever this fails.
    fn finish_link(
        &self,
        kernel: &mut Linux,
        bare: &Bare<'_>,
        ipam: &DelegatedIpam,
        record: &mut Record,
    ) -> Result<CniResult, Cause> {
        let completed = plan::complete(bare.wanted.link, &ipam.ask()?);
        let (recorded, merged) = self.decide_rest(kernel, bare, &completed)?;
        record.clone_from(&recorded.record);
        let applied = self.apply(kernel, &recorded.steps, &recorded.record)?;
        let mut facts: Vec<LinkFact> = bare
            .facts
            .iter()
            .map(|fact| with_settings(fact, &merged))
            .collect();
        facts.extend(applied.links);
        let result = result::of_link(
            bare.wanted.link,
            &self.request.call.config,
            &merged.proposal.addressing,
            sets_dns(&merged),
            &facts,
            &self.request.netns,
        );
        self.finish(recorded, &result, &facts)?;
        Ok(result)
    }

    /// Runs the chain on the link as it stands and writes down the second half, until no other call interferes.
    fn decide_rest(
        &self,
        kernel: &Linux,
        bare: &Bare<'_>,
        completed: &Addressing,
    ) -> Result<(Recorded, Merged), Cause> {
        let stages = Stage::of_chain(&self.request.call.config);
        for _ in 0..MOST_TRIES {
            let overlay = self.overlay();
            let mut proposal = chain::of_link(
                self.attachment,
                bare.wanted.link,
                bare.identity,
                completed.clone(),
            );
            if !stages.is_empty() {
                proposal.rules = kernel.routing_rules()?;
            }
            let mut merge = chain::merge_on_link(self.attachment, bare.wanted.link, proposal);
            let storage = |plugin: &str| PluginStorage::of(&overlay, plugin, true);
            let calls = chain::run(self.node, &stages, &self.info(), &storage, &mut merge)?;
            let merged = agreed(self.node, merge, &self.attachment.interface_name)?;
            self.settle_addresses(None, completed, &merged.proposal.addressing)?;
            let storage = plugin_host::changes(self.store, self.attachment, &overlay);
            let (record, steps) =
                self.record_rest(kernel, bare, completed, &stages, &merged, &calls)?;
            if let Some(recorded) = self.put(record, steps, storage)? {
                return Ok((recorded, merged));
            }
        }
        Err(contended("of the chain"))
    }

    fn record_rest(
        &self,
        kernel: &Linux,
        bare: &Bare<'_>,
        completed: &Addressing,
        stages: &[Stage],
        merged: &Merged,
        calls: &[Option<Document>],
    ) -> Result<(Record, Vec<Step>), Cause> {
        let (whole, of_stages) = chain::steps_on_bare_link(
            self.attachment,
            bare.wanted,
            merged,
            completed,
            bare.identity,
            self.node.now,
        )?;
        let mut record = bare.record.clone();
        let netns = self.recorded_netns(&record);
        let config = &self.request.call.config;
        let allocated = Allocated::by_delegate(completed.clone());
        record.parts = vec![record::link_part(
            bare.wanted.link.kind(),
            config,
            &whole,
            &netns,
            &allocated,
        )];
        let mut steps: Vec<Step> = whole
            .steps
            .iter()
            .skip(bare.plan.steps.len())
            .cloned()
            .collect();
        let decisions = stages.iter().zip(&merged.stages);
        for ((stage, wanted), (call, of_stage)) in decisions.zip(calls.iter().zip(of_stages)) {
            let of_stage = self.observed(kernel, of_stage)?;
            let part = record::stage_part(stage, &wanted.changes, call.as_ref(), &of_stage, &netns);
            record.parts.push(part);
            steps.extend(of_stage);
        }
        Ok((record, steps))
    }

    /// The link goes first, then its addresses: a delegate may hand them out again at once.
    fn take_back(
        &self,
        kernel: &mut Linux,
        record: &Record,
        ipam: &DelegatedIpam,
        cause: Cause,
    ) -> Cause {
        let clean_up = match detach::undo(self.store, kernel, record) {
            Ok(Detached::Gone) => {
                // The first failure is what the operator must see.
                let _ = ipam.forward(Verb::Del);
                let removed = self.store.remove(&self.attachment.key(), self.cool_down());
                if let Err(error) = removed {
                    let text = format!("{}: {error}", self.attachment);
                    self.node.log.write(Level::Error, &text);
                }
                return cause;
            }
            Ok(Detached::Unproven { evidence }) => evidence.reason,
            Err(error) => error.to_string(),
        };
        Cause::NotTakenBack {
            cause: Box::new(cause),
            clean_up,
        }
    }
}

/// A link's fact with what the chain has set since.
fn with_settings(fact: &LinkFact, merged: &Merged) -> LinkFact {
    let mut fact = fact.clone();
    if fact.side == Side::Container {
        fact.mtu = merged.proposal.mtu.unwrap_or(fact.mtu);
        fact.mac = merged.proposal.mac.or(fact.mac);
    }
    fact
}
