//! Making an attachment, or one stage's part of it: decide, write down how to undo it, do it.

mod addresses;
mod device;
mod ipam_only;
mod link;
mod link_first;
mod loopback;
mod stage;

pub(crate) use link::on_loopback;

use std::cell::OnceCell;
use std::sync::{Arc, Mutex};

use cni::request::Add;
use kernel::{Applied, ApplyError, Kernel, LinkFact, Linux, Netns, NoJournal, Presence};
use plan::{Attachment, MacAddress, Merged, NetnsIdentity, Step};
use store::{
    ContainerLock, CoolDown, Record, RecordState, StorageChanges, StorageOverlay, Store, StoreError,
};

use crate::clock::unix_seconds;
use crate::contested_sysctl::Others;
use crate::detach::{Detached, detach};
use crate::failure::Cause;
use crate::ipam::{Ipam, cool_down_seconds};
use crate::log::Level;
use crate::node::Node;
use crate::plugin_host;
use crate::turn::{self, TURN_WAIT};
use crate::{record, sweep};

/// How often plugins are run when other calls change what they read.
const MOST_TRIES: u32 = 4;

/// One ADD under way. The caller holds the attachment's lock. `N` is `Option<Netns>` where addresses alone are asked for.
pub(crate) struct Attaching<'a, N = Netns> {
    pub(crate) node: &'a Node,
    pub(crate) request: &'a Add,
    pub(crate) attachment: &'a Attachment,
    pub(crate) store: &'a Store,
    pub(crate) netns: N,
    /// Among the attachments of the container, once something is looked at that they share.
    pub(crate) turn: OnceCell<ContainerLock>,
}

/// What all plugins of one ADD write, each under its own keys.
type Overlay = Arc<Mutex<StorageOverlay>>;

/// A record that is written, and what must be written when it is applied.
struct Recorded {
    record: Record,
    /// All steps of this call, in their order.
    steps: Vec<Step>,
    storage: StorageChanges,
}

impl<N> Attaching<'_, N> {
    fn overlay(&self) -> Overlay {
        plugin_host::overlay(self.store, self.attachment)
    }

    fn info(&self) -> engine::AttachmentInfo {
        let request = self.request;
        plugin_host::info(self.attachment, &request.addresses, request.pod.as_ref())
    }

    /// An earlier attachment of this name: a dead call's remains are removed, a living one is an error.
    fn clear_way(&self, kernel: &mut Linux) -> Result<(), Cause> {
        let Some(record) = self.store.record(&self.attachment.key())? else {
            return Ok(());
        };
        if record.state == RecordState::Applied {
            for undo in record::links(&record) {
                if kernel.presence(undo)? == Presence::Present {
                    return Err(Cause::AlreadyAttached);
                }
            }
        }
        let search_path = &self.request.call.search_path;
        match detach(self.node, kernel, &record, search_path, self.cool_down())? {
            Detached::Gone => Ok(()),
            Detached::Unproven { evidence } => Err(Cause::Unproven(evidence.reason)),
        }
    }

    /// Writes the record with everything that this call is going to do. A port of the host that somebody else has is
    /// asked for again when its holder turns out to be dead. None: another call changed what a plugin had read.
    fn put(
        &self,
        record: Record,
        steps: Vec<Step>,
        storage: StorageChanges,
    ) -> Result<Option<Recorded>, Cause> {
        let mut swept = false;
        loop {
            match self.store.put_pending(&record, Some(&storage)) {
                Ok(()) => {
                    return Ok(Some(Recorded {
                        record,
                        steps,
                        storage,
                    }));
                }
                Err(StoreError::Conflict { .. }) => return Ok(None),
                Err(StoreError::PortTaken { holder, .. }) if !swept => {
                    swept = true;
                    let now = unix_seconds(self.node.now);
                    sweep::attachment(self.store, &holder.key(), &self.node.log, now);
                }
                Err(StoreError::PortQuarantined { .. }) if !swept => {
                    swept = true;
                    sweep::ports(self.store, &self.node.log);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn finish(
        &self,
        recorded: Recorded,
        result: &cni::result::CniResult,
        made: &[LinkFact],
    ) -> Result<(), Cause> {
        let mut record = recorded.record;
        record::keep_traces(&mut record, made);
        record::keep_result(&mut record, result)?;
        record.state = RecordState::Applied;
        self.store.mark_applied(&record)?;
        if let Err(error) = self.store.commit_durable(&recorded.storage) {
            // Durable values are hints; the attachment stands.
            self.node
                .log
                .write(Level::Warning, &format!("durable storage: {error}"));
        }
        Ok(())
    }

    /// Gives back what was reserved before anything was recorded.
    fn release_reserved(&self, ipam: Option<&Ipam>) -> Result<(), Cause> {
        if let Some(Ipam::Delegated(delegated)) = ipam {
            // The first failure is what the operator must see.
            let _ = delegated.forward(cni::verb::Verb::Del);
        }
        self.store
            .release_pending(&self.attachment.key(), CoolDown::NONE)?;
        Ok(())
    }

    fn requested_mac(&self) -> Option<MacAddress> {
        let wanted = self.request.mac.as_ref()?;
        Some(MacAddress(wanted.mac.octets()))
    }

    fn cool_down(&self) -> CoolDown {
        let seconds = cool_down_seconds(self.request.call.config.ipam.as_ref());
        CoolDown::lasting(unix_seconds(self.node.now), seconds)
    }
}

impl Attaching<'_> {
    fn apply(
        &self,
        kernel: &mut Linux,
        steps: &[Step],
        record: &Record,
    ) -> Result<Applied, Box<ApplyError>> {
        let netns = self.recorded_netns(record);
        // Without them a rollback restores what stood before anybody; the error itself is told by what follows.
        let others = self.others(steps).unwrap_or(Others::NONE);
        let undo = |step: &Step| step.undo(&netns).map(|undo| others.respecting(undo));
        let applied = kernel::apply(kernel, steps, undo, &mut NoJournal)?;
        if applied.firewall_recreated
            && let Err(cause) = crate::firewall::restore(self.store, kernel)
        {
            // Our own rules are in place; those of others come back with their next ADD or by hand.
            self.node
                .log
                .write(Level::Warning, &format!("restoring nftables: {cause}"));
        }
        Ok(applied)
    }

    fn recorded_netns(&self, record: &Record) -> NetnsIdentity {
        let recorded = record.netns.clone();
        recorded.unwrap_or_else(|| self.netns.identity())
    }

    /// The steps with what undo will have to restore.
    fn observed(&self, kernel: &Linux, steps: Vec<Step>) -> Result<Vec<Step>, Cause> {
        let others = self.others(&steps)?;
        let observe = |step: Step| {
            Ok(match kernel.observe(&step)? {
                Step::Sysctl(sysctl) => Step::Sysctl(others.since_the_first(sysctl)),
                step => step,
            })
        };
        steps.into_iter().map(observe).collect()
    }

    fn others(&self, steps: &[Step]) -> Result<Others, Cause> {
        if !turn::is_needed(steps) {
            return Ok(Others::NONE);
        }
        let netns = self.netns.identity();
        if self.turn.get().is_none() {
            let turn = self.store.lock_container(netns.cookie, TURN_WAIT)?;
            self.turn.get_or_init(|| turn);
        }
        Ok(Others::beside(self.store, &self.attachment.key(), &netns)?)
    }
}

/// The chain's outcome, if neither the stages nor the operator's list of sysctls speak against it.
fn agreed(node: &Node, merge: plan::Merge, interface: &str) -> Result<Merged, Cause> {
    let _span = tracing::trace_span!(target: "wasm_cni", "verify").entered();
    let merged = merge.finish().map_err(Cause::Chain)?;
    let list = &node.settings.sysctl_allow_list;
    let objections = crate::sysctl_allow_list::objections(list, &merged, interface)?;
    if objections.is_empty() {
        Ok(merged)
    } else {
        Err(Cause::Chain(objections))
    }
}

/// Did a stage decide about the resolver settings?
pub(crate) fn sets_dns(merged: &Merged) -> bool {
    merged
        .stages
        .iter()
        .flat_map(|stage| &stage.changes)
        .any(|change| matches!(change, plan::Change::SetDns(_)))
}

fn contended(plugin: &str) -> Cause {
    Cause::Contended {
        plugin: plugin.into(),
        tries: MOST_TRIES,
    }
}
