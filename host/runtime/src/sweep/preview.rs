use kernel::Linux;
use plan::NetworkTag;
use store::{LeaseFilter, LeaseKind, LeaseState, Store};

use super::{Swept, is_dead, link_is_gone};
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
        // Another vendor's IPAM must hear of it first, so a sweep leaves it.
        match is_dead(&mut kernel, &record) {
            Ok(true) if record::names_other_ipam(&record) => {}
            Ok(true) => swept.removed.push(record.attachment.to_string()),
            Ok(false) => {}
            Err(cause) => swept
                .failures
                .push(format!("{}: {cause}", record.attachment)),
        }
    }
    orphans(store, network, &mut swept)?;
    quarantined(store, &mut kernel, network, &mut swept)?;
    Ok(swept)
}

fn orphans(store: &Store, network: Option<NetworkTag>, swept: &mut Swept) -> Result<(), Cause> {
    let mut after = None;
    loop {
        let page = store.orphaned_leases(after)?;
        for (attachment, _) in &page.orphans {
            let other = network.is_some_and(|network| network != attachment.network_tag());
            if !other && store.try_lock_attachment(&attachment.key()).is_ok() {
                swept.removed.push(attachment.to_string());
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn quarantined(
    store: &Store,
    kernel: &mut Linux,
    network: Option<NetworkTag>,
    swept: &mut Swept,
) -> Result<(), Cause> {
    let filter = LeaseFilter {
        network,
        kind: Some(LeaseKind::Quarantined),
    };
    let mut after = None;
    loop {
        let page = store.list_leases(filter, after)?;
        for lease in &page.leases {
            let recorded = match &lease.attachment {
                Some(attachment) => store.record(&attachment.key())?.is_some(),
                None => false,
            };
            let LeaseState::Quarantined { evidence } = &lease.state else {
                continue;
            };
            if !recorded && link_is_gone(kernel, evidence)? {
                swept.freed.push(lease.address);
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
