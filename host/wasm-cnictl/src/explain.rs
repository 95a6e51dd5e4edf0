//! `wasm-cnictl explain`: what happened for an attachment, from its record.

use std::process::ExitCode;

use anyhow::Context;
use engine::RecordedCall;
use plan::Attachment;
use runtime::explain::{self, Picture};
use runtime::operator::Operator;
use store::Record;

use crate::cli::ExplainArgs;
use crate::output::{Output, exit_code};
use crate::{builtins, picture, state};

/// Prints the picture of a record. With `--replay` the exit status tells whether every plugin decides the same today.
///
/// # Errors
/// There is no such record, or it can't be read.
pub(crate) fn run(args: ExplainArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let attachment = Attachment {
        network: args.network.to_string(),
        container_id: args.container_id.to_string(),
        interface_name: args.interface_name.to_string(),
    };
    let settings = state::settings(&args.places)?;
    let record = Operator::new(settings.clone())
        .attachment(&attachment)?
        .with_context(|| {
            format!("there is no record of {attachment}; `wasm-cnictl attachment list` shows what there is")
        })?;
    let picture = if args.replay {
        let operator = match builtins::for_plugins(called(&record).iter().map(String::as_str))? {
            Some(builtin) => Operator::with_builtin(settings, builtin),
            None => Operator::new(settings),
        };
        operator.replay(&record)
    } else {
        explain::of_record(&record)
    };
    let fine = decides_the_same(&picture);
    picture::answer(output, &picture, args.mermaid)?;
    Ok(exit_code(fine))
}

/// The plugins whose calls are on record.
fn called(record: &Record) -> Vec<String> {
    let calls = record.parts.iter().filter_map(|part| part.call.as_ref());
    let calls = calls.filter_map(|call| call.read::<RecordedCall>().ok());
    calls.map(|call| call.plugin).collect()
}

fn decides_the_same(picture: &Picture) -> bool {
    let parts = picture.entries.iter().flat_map(|entry| &entry.parts);
    parts
        .filter_map(|part| part.replay.as_ref())
        .all(|replay| replay.same)
}
