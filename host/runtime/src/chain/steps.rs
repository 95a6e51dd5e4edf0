//! From what a chain agrees on to the steps: the same for doing it and for showing it.

use std::time::SystemTime;

use ipnet::IpNet;
use plan::{
    Addressing, Attachment, ChainRequest, DeviceState, Identity, Link, LinkRequest, Merge, Merged,
    Plan, Proposal, Step,
};

use crate::failure::Cause;
use crate::identity;

/// What the operator wants, with the host's device where it is one.
pub(crate) struct WantedLink<'a> {
    pub(crate) link: &'a Link,
    pub(crate) device: Option<DeviceState>,
}

/// A chain on top of a link that is made with it.
pub(crate) fn merge_on_link(attachment: &Attachment, link: &Link, proposal: Proposal) -> Merge {
    let merge = Merge::new(&attachment.interface_name, proposal);
    match link.masquerade_exclusions() {
        Some(exclude) => merge.with_masquerade(exclude),
        None => merge,
    }
}

/// The identity with what the chain has set of it.
pub(crate) fn agreed_identity(identity: Identity, merged: &Merged) -> Identity {
    Identity {
        container_mac: merged.proposal.mac.unwrap_or(identity.container_mac),
        ..identity
    }
}

/// The steps of a link, and those of each of its stages.
///
/// # Errors
/// What the addressing lacks for this kind of link.
pub(crate) fn steps_on_link(
    attachment: &Attachment,
    wanted: &WantedLink<'_>,
    merged: &Merged,
    subnets: &[IpNet],
    identity: Identity,
    now: SystemTime,
) -> Result<(Plan, Vec<Vec<Step>>), Cause> {
    let plan = plan::build(&LinkRequest {
        attachment,
        link: wanted.link,
        addressing: &merged.proposal.addressing,
        mtu: merged.proposal.mtu,
        subnets,
        identity,
        device: wanted.device.as_ref(),
    })
    .map_err(Cause::Plan)?;
    let chain = plan::chain(&ChainRequest {
        attachment,
        merged,
        before: None,
        subnets,
        group: identity.group,
        ifb_mac: identity::made("ifb", attachment, now),
        bridge_is_ours: true,
    });
    Ok((plan, chain))
}

/// The steps of a link without addresses.
///
/// # Errors
/// When this kind of link can't do without.
pub(crate) fn steps_of_bare_link(
    attachment: &Attachment,
    wanted: &WantedLink<'_>,
    identity: Identity,
) -> Result<Plan, Cause> {
    plan_link(attachment, wanted, &Addressing::default(), identity)
}

/// The steps of a link that gets its addresses, `completed`, when it stands: those of the bare link, then the rest. And
/// those of each of its stages, which find an interface with these addresses.
///
/// # Errors
/// What the addressing lacks for this kind of link.
pub(crate) fn steps_on_bare_link(
    attachment: &Attachment,
    wanted: &WantedLink<'_>,
    merged: &Merged,
    completed: &Addressing,
    identity: Identity,
    now: SystemTime,
) -> Result<(Plan, Vec<Vec<Step>>), Cause> {
    let mut plan = steps_of_bare_link(attachment, wanted, identity)?;
    let full = plan_link(attachment, wanted, completed, identity)?;
    let rest = full.beyond(&plan);
    plan.steps.extend(rest);
    plan.addressing = full.addressing;
    let chain = steps_on_interface(attachment, merged, completed, identity.group, true, now);
    Ok((plan, chain))
}

fn plan_link(
    attachment: &Attachment,
    wanted: &WantedLink<'_>,
    addressing: &Addressing,
    identity: Identity,
) -> Result<Plan, Cause> {
    plan::build(&LinkRequest {
        attachment,
        link: wanted.link,
        addressing,
        mtu: wanted.link.mtu(),
        subnets: &[],
        identity,
        device: wanted.device.as_ref(),
    })
    .map_err(Cause::Plan)
}

/// The steps of each stage, on an interface that is there with this addressing.
pub(crate) fn steps_on_interface(
    attachment: &Attachment,
    merged: &Merged,
    before: &Addressing,
    group: u32,
    bridge_is_ours: bool,
    now: SystemTime,
) -> Vec<Vec<Step>> {
    plan::chain(&ChainRequest {
        attachment,
        merged,
        before: Some(before),
        subnets: &[],
        group,
        ifb_mac: identity::made("ifb", attachment, now),
        bridge_is_ours,
    })
}
