//! `lease release`

use std::process::ExitCode;

use anyhow::{Context, bail};
use runtime::operator::Operator;
use store::Lease;

use super::view::{self, LeaseView};
use crate::cli::ReleaseArgs;
use crate::output::Output;
use crate::state;

pub(super) fn run(args: ReleaseArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let operator = state::operator(&args.places)?;
    let network = args.network.as_str();
    let leases = operator.leases(Some(network))?;
    let lease = leases
        .into_iter()
        .find(|lease| lease.address == args.address);
    let lease =
        lease.with_context(|| format!("{} is free on network {network} already", args.address))?;
    if !args.force {
        refuse_if_in_use(&operator, &lease)?;
    }
    operator
        .release(network, args.address)?
        .with_context(|| format!("{} was freed by another call meanwhile", args.address))?;
    // As it was: what is free has no lease to show.
    output.answer(&LeaseView::from(lease), |lease| {
        format!(
            "released, was:\n{}",
            view::text(std::slice::from_ref(lease))
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn refuse_if_in_use(operator: &Operator, lease: &Lease) -> anyhow::Result<()> {
    let Some(holder) = &lease.attachment else {
        return Ok(());
    };
    if lease.state.kind() == store::LeaseKind::Cooling || operator.attachment(holder)?.is_none() {
        return Ok(());
    }
    bail!(
        "{} belongs to attachment {holder}, which is on record; delete that (`wasm-cnictl net del`, \
         or the runtime that made it), or use --force and have two containers with one address",
        lease.address
    )
}
