//! `loopback` behind another plugin of the list: `lo` is set up, and what came before passes through.

use cni::result::CniResult;
use kernel::Linux;
use plan::{Addressing, Plan, Step};
use store::RecordState;

use super::{Attaching, Recorded};
use crate::chain::Stage;
use crate::failure::Cause;
use crate::ipam::Allocated;
use crate::plugin_host;
use crate::record;

impl Attaching<'_> {
    /// Adds a part to what earlier entries of the list recorded. None where they recorded nothing, or where the entry has a
    /// chain of its own: then it is a link like any other.
    pub(super) fn loopback_behind(&self, kernel: &mut Linux) -> Result<Option<CniResult>, Cause> {
        let config = &self.request.call.config;
        let Some(previous) = &config.previous_result else {
            return Ok(None);
        };
        if !Stage::of_chain(config).is_empty() {
            return Ok(None);
        }
        let Some(before) = self.standing_record(kernel)? else {
            return Ok(None);
        };
        if record::position_of_loopback(&before).is_some() {
            return Err(Cause::AlreadyAttached);
        }
        let plan = Plan {
            steps: vec![Step::Loopback {}],
            addressing: Addressing::default(),
        };
        let netns = self.recorded_netns(&before);
        let part = record::link_part("loopback", config, &plan, &netns, &Allocated::default());
        let mut record = before.clone();
        record.parts.push(part);
        record.state = RecordState::Pending;
        self.store.put_pending(&record, None)?;
        let applied = match self.apply(kernel, &plan.steps, &record) {
            Ok(applied) => applied,
            Err(error) => return Err(self.give_up_stage(Some(before), error)),
        };
        let recorded = Recorded {
            record,
            steps: plan.steps,
            storage: plugin_host::changes(self.store, self.attachment, &self.overlay()),
        };
        self.finish(recorded, &previous.result, &applied.links)?;
        Ok(Some(previous.result.clone()))
    }
}
