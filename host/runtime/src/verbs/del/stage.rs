//! DEL of one stage that is an entry of the network's list by itself: its own part goes, the rest stays.

use cni::request::Del;
use kernel::Linux;
use plan::Attachment;
use store::{CoolDown, Record, RecordState, Store};

use super::super::lock::lock;
use crate::chain::Stage;
use crate::failure::Cause;
use crate::log::Level;
use crate::node::Node;
use crate::turn::{self, TURN_WAIT};
use crate::{detach, record};

/// A part that is gone, or a record that is, is no error: DEL is repeated, and the link's own DEL takes every part with it.
pub(super) fn remove(node: &Node, request: &Del, attachment: &Attachment) -> Result<(), Cause> {
    let store = node.store()?;
    let _lock = lock(store, &request.call, attachment)?;
    let Some(record) = store.record(&attachment.key())? else {
        return Ok(());
    };
    let stage = Stage::of_entry(&request.call.config);
    let index = match &stage {
        Some(stage) => record::position_of_stage(&record, stage),
        None => spoilt(request).and_then(|plugin| record::latest_of_plugin(&record, plugin)),
    };
    let Some(index) = index else {
        return Ok(());
    };
    take_part(store, record, index)?;
    if let Some(stage) = stage
        && let Err(cause) = stage.release(node, attachment)
    {
        let text = format!("{attachment}: {}", cause.in_stage(&stage.name));
        node.log.write(Level::Warning, &text);
    }
    Ok(())
}

/// Undoes the part at this position and forgets it.
pub(super) fn take_part(store: &Store, mut record: Record, position: usize) -> Result<(), Cause> {
    let _turn = turn::to_take_back(store, &record, TURN_WAIT)?;
    let part = record.parts.remove(position);
    detach::undo_part(store, &mut Linux::host()?, &part, &record)?;
    if record.parts.is_empty() {
        store.remove(&record.attachment.key(), CoolDown::NONE)?;
    } else if record.state == RecordState::Applied {
        store.mark_applied(&record)?;
    } else {
        store.put_pending(&record, None)?;
    }
    Ok(())
}

/// The plugin that a configuration names which can't be read otherwise.
fn spoilt(request: &Del) -> Option<&str> {
    request.call.config.raw.get("plugin")?.as_str()
}
