//! `plugin remove`

use std::process::ExitCode;

use serde::Serialize;

use super::installed;
use crate::cli::RemoveArgs;
use crate::output::Output;

/// The answer.
#[derive(Debug, Serialize)]
struct Removed {
    name: String,
}

pub(super) fn run(args: RemoveArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    installed::store(&args.store)?.remove(&args.name)?;
    output.answer(&Removed { name: args.name }, |removed| {
        format!(
            "removed {}; its attachments can still be deleted",
            removed.name
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
