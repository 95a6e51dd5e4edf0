//! What attachments of one container share: sysctls, and the VRFs of the container. Whose part in it depends on the others'
//! has a turn, until its own record is written or gone.

use std::time::Duration;

use plan::{Step, Undo};
use store::{ContainerLock, LockError, Record, Store};

/// How long a call waits for its turn.
pub(crate) const TURN_WAIT: Duration = Duration::from_secs(10);

/// Must a call that does this have its turn?
pub(crate) fn is_needed(steps: &[Step]) -> bool {
    steps
        .iter()
        .any(|step| matches!(step, Step::Sysctl(_) | Step::JoinVrf(_)))
}

/// The turn of a call that takes this record back, until it is forgotten; None where it shares nothing.
///
/// # Errors
/// [`LockError::Busy`] when the wait is over.
pub(crate) fn to_take_back(
    store: &Store,
    record: &Record,
    wait: Duration,
) -> Result<Option<ContainerLock>, LockError> {
    let mut undos = record.parts.iter().flat_map(|part| &part.undo);
    let shares =
        undos.any(|undo| matches!(undo, Undo::RestoreSysctl { .. } | Undo::LeaveVrf { .. }));
    match &record.netns {
        Some(netns) if shares => store.lock_container(netns.cookie, wait).map(Some),
        _ => Ok(None),
    }
}
