//! State that was removed while containers live: the kernel still knows their links, and the links know the addresses.

use std::time::SystemTime;

use kernel::{Linux, TaggedLink};
use plan::NetnsIdentity;
use store::{LinkEvidence, QuarantinedAddress, Store};

use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::log::{Level, Log};

/// Ends a store's creation: every address that a live link of ours carries is quarantined, so that nobody gets it.
pub(crate) fn fill(store: &Store, log: &Log, now: SystemTime) -> Result<(), Cause> {
    let links = Linux::host()?.tagged_links()?;
    let addresses: Vec<QuarantinedAddress> = links
        .iter()
        .flat_map(|link| quarantined(link, now))
        .collect();
    if !addresses.is_empty() {
        log.write(
            Level::Warning,
            &format!(
                "the node's state was lost; {} addresses of live links are quarantined",
                addresses.len()
            ),
        );
    }
    Ok(store.finish_new(&addresses)?)
}

fn quarantined(link: &TaggedLink, now: SystemTime) -> impl Iterator<Item = QuarantinedAddress> {
    link.alias
        .addresses
        .iter()
        .map(move |address| QuarantinedAddress {
            network: link.alias.network,
            address: *address,
            attachment: None,
            since: unix_seconds(now),
            evidence: LinkEvidence {
                link: link.name.clone(),
                index: None,
                mac: Some(link.mac),
                netns: link.nsid.map(in_namespace),
                reason: "a link of an attachment whose record is lost".into(),
            },
        })
}

/// The path is lost with the record; the id is enough to ask the kernel.
fn in_namespace(nsid: i32) -> NetnsIdentity {
    NetnsIdentity {
        cookie: 0,
        path: String::new(),
        nsid: Some(nsid),
    }
}
