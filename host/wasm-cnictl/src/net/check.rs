//! `net check`

use std::process::ExitCode;

use anyhow::Context;
use cni::attachment::Attachment;
use cni::verb::Verb;
use serde::Serialize;

use super::cache::Cache;
use super::target::Target;
use crate::cli::CheckArgs;
use crate::output::Output;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    #[serde(flatten)]
    attachment: Attachment,
    /// False where the network says `disableCheck`, so that no plugin was asked.
    checked: bool,
}

pub(super) fn run(args: CheckArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let cache = Cache::open(&args.places.cache_dir)?;
    let _guard = cache.share()?;
    let netns = args.netns.as_deref();
    let target = Target::find(&args.network, netns, &args.attachment, &args.places, &cache)?;
    let attachment = &target.entry.attachment;
    Verb::Check.require(target.network.version)?;
    let checked = !target.network.disable_check;
    if checked {
        let result = target.entry.result.as_ref().with_context(|| {
            format!("no result of {attachment} is kept, and CHECK needs it; only what `wasm-cnictl net add` has attached can be checked here")
        })?;
        target
            .chain()
            .check(result)
            .with_context(|| format!("{attachment} is not in order"))?;
    }
    let answer = Checked {
        attachment: attachment.clone(),
        checked,
    };
    output.answer(&answer, |answer| match answer.checked {
        true => format!("{} is in order", answer.attachment),
        false => format!(
            "{} was not checked: its network says disableCheck",
            answer.attachment
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}
