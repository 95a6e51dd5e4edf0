//! `wasm-cnictl attachment`: what `wasm-cni` has attached.

mod list;
mod show;
mod summary;

use std::process::ExitCode;

use crate::cli::AttachmentCommand;
use crate::output::Output;

/// Runs one command and prints its answer.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(command: AttachmentCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        AttachmentCommand::List(args) => list::run(args, output),
        AttachmentCommand::Show(args) => show::run(args, output),
    }
}
