//! `attachment sweep`

use std::net::IpAddr;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::SweepArgs;
use crate::output::Output;
use crate::state;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Swept {
    /// Attachments that were gone and are cleaned up now.
    removed: Vec<String>,
    /// Quarantined addresses that are free again.
    freed: Vec<IpAddr>,
    /// What failed, in words. Everything else was done.
    failures: Vec<String>,
}

pub(super) fn run(args: SweepArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = args.network.as_ref().map(AsRef::as_ref);
    let swept = state::operator(&args.places)?.sweep(network)?;
    let swept = Swept {
        removed: swept.removed,
        freed: swept.freed,
        failures: swept.failures,
    };
    let failed = !swept.failures.is_empty();
    output.answer(&swept, text)?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn text(swept: &Swept) -> String {
    let mut lines: Vec<String> = swept
        .removed
        .iter()
        .map(|attachment| format!("removed {attachment}"))
        .collect();
    lines.extend(swept.freed.iter().map(|address| format!("freed {address}")));
    lines.extend(
        swept
            .failures
            .iter()
            .map(|failure| format!("failed: {failure}")),
    );
    if lines.is_empty() {
        lines.push("nothing was left over".to_owned());
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| crate::printable::line(line))
        .collect();
    lines.join("\n")
}
