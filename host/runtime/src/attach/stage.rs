//! One stage as an entry of the network's list by itself: it works on `prevResult`, whoever made the interface.

use cni::result::CniResult;
use kernel::{ApplyError, ContainerInterface, KernelError, Linux, Place};
use plan::{Merge, Merged, Proposal, Step, Undo};
use store::{Document, Record, RecordState};

use super::{Attaching, MOST_TRIES, Overlay, Recorded, agreed, contended, sets_dns};
use crate::chain::{self, Stage};
use crate::clock::unix_seconds;
use crate::detach::{Detached, detach};
use crate::failure::Cause;
use crate::ipam::PluginIpam;
use crate::log::Level;
use crate::plugin_host::{self, PluginStorage};
use crate::{record, result, sweep};

/// What the stage finds.
struct Found {
    /// What earlier entries of the list recorded with us.
    record: Option<Record>,
    interface: ContainerInterface,
    previous: CniResult,
    proposal: Proposal,
}

impl Attaching<'_> {
    pub(crate) fn stage(&self) -> Result<CniResult, Cause> {
        let config = &self.request.call.config;
        let stage = Stage::of_entry(config).ok_or(Cause::NoStage)?;
        let previous = config.previous_result.as_ref().ok_or(Cause::NoStage)?;
        let mut kernel = Linux::with_container(&self.netns)?;
        let found = self.find(&mut kernel, previous.result.clone())?;
        let (recorded, merged) = self.decide_stage(&kernel, &stage, &found)?;
        let applied = match self.apply(&mut kernel, &recorded.steps, &recorded.record) {
            Ok(applied) => applied,
            Err(error) => return Err(self.give_up_stage(found.record, error)),
        };
        let result = result::amended(
            &found.previous,
            self.attachment,
            &found.proposal,
            &merged.proposal,
            sets_dns(&merged),
            &applied.links,
        );
        self.finish(recorded, &result, &applied.links)?;
        Ok(result)
    }

    fn find(&self, kernel: &mut Linux, previous: CniResult) -> Result<Found, Cause> {
        let name = &self.attachment.interface_name;
        let interface = kernel
            .container_interface(name)?
            .ok_or_else(|| KernelError::NotFound {
                name: name.clone(),
                place: Place::Container,
            })?;
        let record = self.standing_record(kernel)?;
        let mut proposal = chain::of_previous(self.attachment, &previous, &interface);
        proposal.rules = kernel.routing_rules()?;
        Ok(Found {
            record,
            interface,
            previous,
            proposal,
        })
    }

    /// What earlier entries of the list recorded in this ADD. A record of another namespace, or of a link that is gone, is
    /// that of a dead container of the same name, whose DEL was lost.
    pub(super) fn standing_record(&self, kernel: &mut Linux) -> Result<Option<Record>, Cause> {
        let Some(record) = self.store.record(&self.attachment.key())? else {
            return Ok(None);
        };
        let recorded = record.netns.as_ref();
        let same_netns = recorded.is_none_or(|netns| netns.cookie == self.netns.cookie());
        let gone = sweep::is_gone(kernel, &record)?;
        if same_netns && !gone {
            return Ok(Some(record));
        }
        if !gone {
            return Err(Cause::AlreadyAttached);
        }
        let search_path = &self.request.call.search_path;
        match detach(self.node, kernel, &record, search_path, self.cool_down())? {
            Detached::Gone => Ok(None),
            Detached::Unproven { evidence } => Err(Cause::Unproven(evidence.reason)),
        }
    }

    fn decide_stage(
        &self,
        kernel: &Linux,
        stage: &Stage,
        found: &Found,
    ) -> Result<(Recorded, Merged), Cause> {
        for _ in 0..MOST_TRIES {
            let overlay = self.overlay();
            let (merged, call) = self.run_stage(stage, found, &overlay)?;
            let storage = plugin_host::changes(self.store, self.attachment, &overlay);
            let (record, steps) =
                self.record_stage(kernel, stage, found, &merged, call.as_ref())?;
            if let Some(recorded) = self.put(record, steps, storage)? {
                return Ok((recorded, merged));
            }
        }
        Err(contended(&stage.name.plugin))
    }

    fn run_stage(
        &self,
        stage: &Stage,
        found: &Found,
        overlay: &Overlay,
    ) -> Result<(Merged, Option<Document>), Cause> {
        let mut merge = Merge::new(&self.attachment.interface_name, found.proposal.clone());
        let stages = std::slice::from_ref(stage);
        let storage = |plugin: &str| PluginStorage::of(overlay, plugin, true);
        let mut calls = chain::run(self.node, stages, &self.info(), &storage, &mut merge)?;
        let merged = agreed(self.node, merge, &self.attachment.interface_name)?;
        let (before, after) = (&found.proposal.addressing, &merged.proposal.addressing);
        self.settle_addresses(recorded_ipam(found.record.as_ref()).as_ref(), before, after)?;
        Ok((merged, calls.pop().flatten()))
    }

    fn record_stage(
        &self,
        kernel: &Linux,
        stage: &Stage,
        found: &Found,
        merged: &Merged,
        call: Option<&Document>,
    ) -> Result<(Record, Vec<Step>), Cause> {
        let mut record = match &found.record {
            Some(record) => record.clone(),
            None => self.new_record()?,
        };
        if record.netns.is_none() {
            self.identify(kernel, found, &mut record)?;
        }
        let netns = self.recorded_netns(&record);
        let steps = chain::steps_on_interface(
            self.attachment,
            merged,
            &found.proposal.addressing,
            record.group,
            record::link_kind(&record) == Some("bridge"),
            self.node.now,
        );
        let steps = self.observed(kernel, steps.into_iter().flatten().collect())?;
        check_flows(&record, &steps)?;
        let changes = merged.stages.first().map(|stage| stage.changes.as_slice());
        record.parts.push(record::stage_part(
            stage,
            changes.unwrap_or_default(),
            call,
            &steps,
            &netns,
        ));
        record.state = RecordState::Pending;
        Ok((record, steps))
    }

    fn new_record(&self) -> Result<Record, Cause> {
        let group = self.store.next_group()?;
        let now = unix_seconds(self.node.now);
        Ok(record::pending(
            self.attachment,
            None,
            group,
            now,
            Vec::new(),
        ))
    }

    /// Another vendor made the link: its end on the host will tell whether the container lives, or else its namespace.
    fn identify(&self, kernel: &Linux, found: &Found, record: &mut Record) -> Result<(), Cause> {
        record.witness = found.interface.peer.as_ref().and_then(|end| {
            Some(Undo::DeleteHostLink {
                name: end.name.clone(),
                kind: plan::LinkKind::Veth,
                mac: end.mac?,
                trace: None,
            })
        });
        record.netns = Some(match record.witness {
            Some(_) => self.netns.identity(),
            None => kernel.mark_netns(&self.netns)?,
        });
        Ok(())
    }

    /// After a failed plan: the record is again what it was, unless something is left for the DEL that follows.
    pub(super) fn give_up_stage(&self, before: Option<Record>, error: Box<ApplyError>) -> Cause {
        if error.clean_up_failures.is_empty() {
            let restored = match before {
                Some(record) if record.state == RecordState::Applied => {
                    self.store.mark_applied(&record)
                }
                Some(record) => self.store.put_pending(&record, None),
                None => self
                    .store
                    .remove(&self.attachment.key(), self.cool_down())
                    .map(|_| ()),
            };
            if let Err(store) = restored {
                let text = format!("{}: {store}", self.attachment);
                self.node.log.write(Level::Error, &text);
            }
        }
        error.into()
    }
}

/// Flow rules of one attachment are one set of disjoint elements, so they can't come from two entries of the list.
fn check_flows(record: &Record, steps: &[Step]) -> Result<(), Cause> {
    let has = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Flows(_)));
    let earlier = record.parts.iter().find(|part| has(&part.steps));
    match earlier {
        Some(part) if has(steps) => Err(Cause::FlowsElsewhere {
            plugin: part.plugin.clone(),
        }),
        _ => Ok(()),
    }
}

/// The plugin of ours that gave the addresses, if an earlier entry of the list recorded one.
fn recorded_ipam(record: Option<&Record>) -> Option<PluginIpam> {
    let config = record::config(record?)?;
    let section = config.ipam.as_ref()?;
    if !section.is_own_type() {
        return None;
    }
    PluginIpam::new(&config, section).ok()
}
