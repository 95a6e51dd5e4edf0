//! `lease list`

use std::process::ExitCode;

use store::LeaseKind;

use super::view::{self, LeaseView};
use crate::cli::{LeaseListArgs, LeaseStateArg};
use crate::output::Output;
use crate::state;

pub(super) fn run(args: LeaseListArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = args.network.as_ref().map(AsRef::as_ref);
    let mut leases = state::operator(&args.places)?.leases(network)?;
    if let Some(wanted) = args.state.map(kind) {
        leases.retain(|lease| lease.state.kind() == wanted);
    }
    let leases: Vec<LeaseView> = leases.into_iter().map(LeaseView::from).collect();
    output.answer(&leases, |leases| view::text(leases))?;
    Ok(ExitCode::SUCCESS)
}

fn kind(state: LeaseStateArg) -> LeaseKind {
    match state {
        LeaseStateArg::Pending => LeaseKind::Pending,
        LeaseStateArg::Held => LeaseKind::Held,
        LeaseStateArg::Cooling => LeaseKind::Cooling,
        LeaseStateArg::Quarantined => LeaseKind::Quarantined,
    }
}
