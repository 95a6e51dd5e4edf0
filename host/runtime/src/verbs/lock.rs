use std::time::Duration;

use cni::request::Call;
use cni::role::Role;
use plan::Attachment;
use store::{AttachmentLock, LockError, Store};

use crate::executable;
use crate::failure::Cause;

/// Runtimes do not call twice for one attachment; a call that waits longer waits for one that hangs.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Locks the attachment. It waits for another call, but not for the one that runs us: that one holds the lock until we
/// have answered.
pub(super) fn lock(
    store: &Store,
    call: &Call,
    attachment: &Attachment,
) -> Result<AttachmentLock, Cause> {
    let key = attachment.key();
    match store.try_lock_attachment(&key) {
        Err(LockError::Busy { .. }) if call.role == Role::Ipam => {}
        Err(LockError::Busy { .. }) => return Ok(store.lock_attachment(&key, LOCK_WAIT)?),
        outcome => return Ok(outcome?),
    }
    match executable::calling_build() {
        Some(executable) => Err(Cause::OtherBuild { executable }),
        None => Ok(store.lock_attachment(&key, LOCK_WAIT)?),
    }
}
