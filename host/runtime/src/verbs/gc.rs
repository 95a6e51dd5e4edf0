use std::collections::BTreeSet;
use std::path::PathBuf;

use cni::request::Gc;
use cni::verb::Verb;
use kernel::Linux;
use plan::{Attachment, AttachmentKey, NetworkTag};
use store::{CoolDown, Store};

use crate::clock::unix_seconds;
use crate::detach::detach;
use crate::failure::Cause;
use crate::ipam::{Ipam, cool_down_seconds};
use crate::node::Node;
use crate::sweep;

/// CNI GC: everything on this network that is not in the list of valid attachments goes. It carries on past errors and
/// tells them all.
pub(crate) fn gc(node: &Node, request: &Gc) -> Result<(), Cause> {
    let store = node.store()?;
    let network = request.call.config.name.to_string();
    let valid: BTreeSet<AttachmentKey> = request
        .valid
        .iter()
        .map(|valid| {
            let attachment = Attachment {
                network: network.clone(),
                container_id: valid.container_id.to_string(),
                interface_name: valid.interface_name.to_string(),
            };
            attachment.key()
        })
        .collect();
    let seconds = cool_down_seconds(request.call.config.ipam.as_ref());
    let cool_down = CoolDown::lasting(unix_seconds(node.now), seconds);
    let tag = NetworkTag::of(&network);
    let mut failures = Vec::new();
    for key in stale(store, tag, &valid, unix_seconds(node.now))? {
        if let Err(failure) = remove(node, &key, &request.call.search_path, cool_down) {
            failures.push(failure.to_string());
        }
    }
    failures.extend(sweep::sweep(store, Some(tag), unix_seconds(node.now))?.failures);
    match forward(node, request) {
        // Alone it keeps its own code.
        Err(cause) if failures.is_empty() => return Err(cause),
        Err(cause) => failures.push(cause.to_string()),
        Ok(()) => {}
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Cause::CleanUp(failures))
    }
}

fn forward(node: &Node, request: &Gc) -> Result<(), Cause> {
    if let Some(Ipam::Delegated(delegated)) = Ipam::of_call(node, &request.call)? {
        delegated.forward(Verb::Gc)?;
    }
    Ok(())
}

/// The attachments on record that are not valid and were recorded before this call: an ADD may run beside it.
fn stale(
    store: &Store,
    network: NetworkTag,
    valid: &BTreeSet<AttachmentKey>,
    begun: u64,
) -> Result<Vec<AttachmentKey>, Cause> {
    let mut stale = Vec::new();
    let mut after = None;
    loop {
        let page = store.records_of_network(network, after)?;
        let old = page
            .records
            .iter()
            .filter(|record| record.created_at <= begun);
        stale.extend(
            old.map(|record| record.attachment.key())
                .filter(|key| !valid.contains(key)),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(stale),
        }
    }
}

fn remove(
    node: &Node,
    key: &AttachmentKey,
    search_path: &[PathBuf],
    cool_down: CoolDown,
) -> Result<(), Cause> {
    let store = node.store()?;
    // Who holds the lock is being added or deleted right now.
    let Ok(_lock) = store.try_lock_attachment(key) else {
        return Ok(());
    };
    let Some(record) = store.record(key)? else {
        return Ok(());
    };
    detach(node, &mut Linux::host()?, &record, search_path, cool_down).map(|_| ())
}
