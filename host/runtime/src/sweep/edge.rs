//! What each call does for others when its own work is done: nobody else looks while a node has addresses left.

use std::path::PathBuf;
use std::time::Duration;

use kernel::Linux;
use plan::AttachmentKey;
use store::{CoolDown, Record, Store};

use super::is_dead;
use crate::clock::unix_seconds;
use crate::detach::{self, Detached};
use crate::failure::Cause;
use crate::ipam::DEFAULT_COOL_DOWN_SECONDS;
use crate::log::Level;
use crate::node::Node;

/// So many attachments are looked at, which takes about 0.1 ms; none is likely to be dead.
const MOST: usize = 2;

/// What is dead can wait for a second, and in a storm the kernel's lock is what all wait for.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at a few other attachments, which are others for each call, and removes at most one that is provably gone.
/// Unlike other sweeps it knows by `CNI_PATH` where another vendor's IPAM is that must hear of it. Never fails: the call
/// itself has succeeded.
pub(crate) fn neighbours(node: &Node, own: &AttachmentKey, search_path: &[PathBuf]) {
    match remove_one(node, own, search_path) {
        Ok(None) => {}
        Ok(Some(record)) => {
            let text = format!("sweep: removed {}", record.attachment);
            node.log.write(Level::Info, &text);
        }
        Err(cause) => node.log.write(Level::Warning, &format!("sweep: {cause}")),
    }
}

fn remove_one(
    node: &Node,
    own: &AttachmentKey,
    search_path: &[PathBuf],
) -> Result<Option<Record>, Cause> {
    let store = node.store()?;
    let Ok(Some(_only)) = store.try_lock_sweep(PAUSE) else {
        return Ok(None);
    };
    let others = store.neighbours(own, MOST)?;
    if others.is_empty() {
        return Ok(None);
    }
    let mut kernel = Linux::host()?;
    for key in others {
        // Nobody is locked out for being looked at: the last ones of a storm of DELs are neighbours of all others.
        if dead(store, &key, &mut kernel)?.is_none() {
            continue;
        }
        let Ok(_lock) = store.try_lock_attachment(&key) else {
            continue;
        };
        let Some(record) = dead(store, &key, &mut kernel)? else {
            continue;
        };
        let cool_down = CoolDown::lasting(unix_seconds(node.now), DEFAULT_COOL_DOWN_SECONDS);
        let detached = detach::detach(node, &mut kernel, &record, search_path, cool_down)?;
        return Ok((detached == Detached::Gone).then_some(record));
    }
    Ok(None)
}

/// The record, if it is dead. None too when it is gone meanwhile, or written by another version.
fn dead(store: &Store, key: &AttachmentKey, kernel: &mut Linux) -> Result<Option<Record>, Cause> {
    match store.record(key) {
        Ok(Some(record)) if is_dead(kernel, &record)? => Ok(Some(record)),
        _ => Ok(None),
    }
}
