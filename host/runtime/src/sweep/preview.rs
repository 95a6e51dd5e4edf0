use kernel::Linux;
use plan::NetworkTag;
use store::Store;

use super::{Swept, candidates, is_for_sweep};
use crate::failure::Cause;
use crate::record;

/// What a sweep of one network, or of all, would do now; nothing is changed.
///
/// # Errors
/// When kernel or store can't be asked at all.
pub(crate) fn preview(store: &Store, network: Option<NetworkTag>) -> Result<Swept, Cause> {
    let mut kernel = Linux::host()?;
    let mut swept = Swept::default();
    for record in record::all(store, network)? {
        let key = record.attachment.key();
        let Ok(_lock) = store.try_lock_attachment(&key) else {
            continue;
        };
        match is_for_sweep(&mut kernel, &record) {
            Ok(true) => swept.removed.push(record.attachment.to_string()),
            Ok(false) => {}
            Err(cause) => swept
                .failures
                .push(format!("{}: {cause}", record.attachment)),
        }
    }
    candidates::orphans(store, network, |attachment| {
        swept.removed.push(attachment.to_string());
        Ok(())
    })?;
    candidates::quarantined(store, &mut kernel, network, |_, lease| {
        swept.freed.push(lease.address);
        Ok(())
    })?;
    Ok(swept)
}
