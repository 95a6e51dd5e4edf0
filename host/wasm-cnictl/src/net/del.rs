//! `net del`

use std::process::ExitCode;

use cni::attachment::Attachment;
use serde::Serialize;

use super::cache::Cache;
use super::chain::DelFailure;
use super::target::Target;
use crate::cli::DelArgs;
use crate::output::Output;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    #[serde(flatten)]
    attachment: Attachment,
    /// Was it one that `net add` had made?
    known: bool,
}

pub(super) fn run(args: DelArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let cache = Cache::open(&args.places.cache_dir)?;
    let _guard = cache.share()?;
    let netns = args.netns.as_deref();
    let target = Target::find(&args.network, netns, &args.attachment, &args.places, &cache)?;
    let known = delete(&target, &cache, args.force, output)?;
    let deleted = Deleted {
        attachment: target.entry.attachment,
        known,
    };
    output.answer(&deleted, |deleted| {
        let remark = if known {
            ""
        } else {
            " (nothing was kept of it)"
        };
        format!("deleted {}{remark}", deleted.attachment)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs DEL and forgets the attachment. True if it was known.
///
/// # Errors
/// The first plugin's failure. Without `force` the attachment is then still known, so that DEL can be
/// repeated.
pub(super) fn delete(
    target: &Target,
    cache: &Cache,
    force: bool,
    output: &Output,
) -> anyhow::Result<bool> {
    let known = cache.get(&target.entry.attachment)?.is_some();
    let deleted = target.chain().del(target.entry.result.as_ref(), force);
    if deleted.is_ok() || force {
        cache.remove(&target.entry.attachment)?;
    }
    match deleted {
        Ok(()) => Ok(known),
        Err(failed) => Err(explain(failed, &target.entry.attachment, output)),
    }
}

fn explain(failed: DelFailure, attachment: &Attachment, output: &Output) -> anyhow::Error {
    if !failed.not_called.is_empty() {
        output.remark(&format!(
            "not called because of it: {}; repeat when the cause is mended, or use --force",
            failed.not_called.join(", ")
        ));
    }
    let mut failures = failed.failures.into_iter();
    let Some(first) = failures.next() else {
        return anyhow::anyhow!("{attachment} was not fully deleted");
    };
    for another in failures {
        output.remark(&format!("failed as well: {another}"));
    }
    anyhow::Error::new(first).context(format!("{attachment} was not fully deleted"))
}
