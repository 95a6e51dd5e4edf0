//! Stages: those of a link's chain, and one that is an entry by itself.

use cni::request::Add;
use cni::result::CniResult;
use engine::AttachmentInfo;
use plan::{Attachment, Merge, Merged, Proposal, Step};

use super::services::{Shared, Words};
use super::{DryRun, Outcome, facts, name_part, netns, previous, refuse};
use crate::attach::sets_dns;
use crate::chain::{self, Asked, Stage};
use crate::explain::{AskedFor, Entry, Part, PartKind, PlannedStep};
use crate::failure::Cause;
use crate::{plugin_host, result, sysctl_allow_list};

impl DryRun {
    pub(super) fn stage(
        &mut self,
        add: &Add,
        attachment: &Attachment,
        entry: &mut Entry,
    ) -> Outcome {
        let config = &add.call.config;
        let stage = Stage::of_entry(config).ok_or(Cause::NoStage)?;
        let before = config.previous_result.as_ref().ok_or(Cause::NoStage)?;
        let before = before.result.clone();
        let proposal = self.found(attachment, &before);
        let mut merge = Merge::new(&attachment.interface_name, proposal.clone());
        let info = plugin_host::info(attachment, &add.addresses, add.pod.as_ref());
        let (mut parts, failure) = self.ask(std::slice::from_ref(&stage), &info, &mut merge);
        let (mut merged, refused) = merge.without_refused();
        refuse(entry, &mut parts, refused);
        self.obey_allow_list(attachment, &mut merged, entry, &mut parts)?;
        self.settle(&proposal.addressing, &merged.proposal.addressing, entry);
        let steps = chain::steps_on_interface(
            attachment,
            &merged,
            &proposal.addressing,
            0,
            self.made_bridge,
            self.node.now,
        );
        let steps: Vec<Step> = steps.into_iter().flatten().collect();
        if let Some(part) = parts.first_mut() {
            let netns = netns(add);
            part.steps = steps
                .iter()
                .map(|step| PlannedStep::new(step, &netns))
                .collect();
        }
        entry.parts.append(&mut parts);
        if let Some(cause) = failure {
            return Err(cause);
        }
        self.note_flows(&stage.name.plugin, &steps, entry);
        note_previous(&steps, entry);
        self.before = merged.proposal.clone();
        Ok(result::amended(
            &before,
            attachment,
            &proposal,
            &merged.proposal,
            sets_dns(&merged),
            &facts::of_steps(&steps),
        ))
    }

    /// What `prevResult` says, with what earlier entries have made in place of what the kernel would tell.
    fn found(&self, attachment: &Attachment, before: &CniResult) -> Proposal {
        let interface = previous::interface(attachment, before, self.before.mtu);
        let mut proposal = chain::of_previous(attachment, before, &interface);
        if !self.before.links.is_empty() {
            proposal.links.clone_from(&self.before.links);
        }
        proposal.mac = proposal.mac.or(self.before.mac);
        proposal.rules.clone_from(&self.before.rules);
        proposal
    }

    /// Asks the stages in their order, until one fails.
    pub(super) fn ask(
        &self,
        stages: &[Stage],
        info: &AttachmentInfo,
        merge: &mut Merge,
    ) -> (Vec<Part>, Option<Cause>) {
        let mut parts = Vec::new();
        for stage in stages {
            let mut part = name_part(Part::new(PartKind::Stage, &stage.name.plugin), &stage.name);
            part.saw = Some(merge.proposal().clone());
            let words = Shared::<Words>::default();
            let services = self.services(&stage.name.plugin, None, &words);
            let asked = stage.ask(&self.node, info, services, merge.proposal());
            part.said = words.take();
            let outcome = asked.and_then(|asked| {
                let Asked {
                    outcome,
                    granted,
                    call,
                } = asked;
                part = part.clone().with_call(call);
                Ok((outcome?, granted))
            });
            match outcome {
                Ok((changes, granted)) => {
                    part.changes = changes.iter().map(AskedFor::new).collect();
                    merge.amend(&stage.name, |kind| granted.allows(kind), changes);
                    parts.push(part);
                }
                Err(cause) => {
                    part.failure = Some(cause.to_string());
                    parts.push(part);
                    return (parts, Some(cause.in_stage(&stage.name)));
                }
            }
        }
        (parts, None)
    }

    /// The operator's list of sysctls speaks last, as in ADD.
    pub(super) fn obey_allow_list(
        &self,
        attachment: &Attachment,
        merged: &mut Merged,
        entry: &mut Entry,
        parts: &mut [Part],
    ) -> Result<(), Cause> {
        let list = &self.node.settings.sysctl_allow_list;
        let interface = &attachment.interface_name;
        for objection in sysctl_allow_list::objections(list, merged, interface)? {
            let why = objection.to_string();
            if let plan::Objection::Refused { stage, change, .. } = &objection {
                let stages = merged.stages.iter_mut().zip(parts.iter_mut());
                for (wanted, part) in stages.filter(|(wanted, _)| wanted.stage == *stage) {
                    wanted.changes.retain(|known| known.to_string() != *change);
                    let refused = part
                        .changes
                        .iter_mut()
                        .filter(|known| known.text == *change);
                    refused.for_each(|known| known.refused = Some(why.clone()));
                }
            }
            entry.objections.push(why);
        }
        Ok(())
    }

    /// Flow rules of one attachment can't come from two entries of the list.
    pub(super) fn note_flows(&mut self, plugin: &str, steps: &[Step], entry: &mut Entry) {
        if !steps.iter().any(|step| matches!(step, Step::Flows(_))) {
            return;
        }
        if let Some(earlier) = self.flows_of.replace(plugin.to_owned()) {
            let cause = Cause::FlowsElsewhere { plugin: earlier };
            entry.objections.push(cause.to_string());
        }
    }
}

const PREVIOUS: &str =
    "undo gives sysctls and attributes of a link that was there before the value that they had";

/// What is read from the kernel right before it is changed can't be shown.
pub(super) fn note_previous(steps: &[Step], entry: &mut Entry) {
    let is_observed = |step: &Step| matches!(step, Step::Sysctl(_) | Step::LinkSettings(_));
    let is_known = entry.notes.iter().any(|note| note == PREVIOUS);
    if !is_known && steps.iter().any(is_observed) {
        entry.notes.push(PREVIOUS.into());
    }
}
