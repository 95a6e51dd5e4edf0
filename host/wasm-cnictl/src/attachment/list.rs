//! `attachment list`

use std::process::ExitCode;

use super::summary::Summary;
use crate::cli::AttachmentListArgs;
use crate::output::Output;
use crate::state;
use crate::table::{self, Rows};

pub(super) fn run(args: AttachmentListArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = args.network.as_ref().map(AsRef::as_ref);
    let records = state::operator(&args.places)?.attachments(network)?;
    let mut summaries: Vec<Summary> = records.iter().map(Summary::of).collect();
    summaries.sort_by(|a, b| {
        let key = |s: &Summary| {
            (
                s.network.clone(),
                s.container_id.clone(),
                s.interface_name.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    output.answer(&summaries, |summaries| text(summaries))?;
    Ok(ExitCode::SUCCESS)
}

fn text(summaries: &[Summary]) -> String {
    let mut rows = Rows::new([
        "NETWORK",
        "CONTAINER",
        "INTERFACE",
        "STATE",
        "ADDRESSES",
        "PLUGINS",
        "SINCE",
    ]);
    for summary in summaries {
        rows.push([
            summary.network.clone(),
            summary.container_id.clone(),
            summary.interface_name.clone(),
            summary.state.to_owned(),
            table::list(summary.addresses.clone()),
            table::list(summary.plugins.clone()),
            table::time(summary.created_at),
        ]);
    }
    rows.render()
}
