//! `wasm-cnictl lease`: addresses that are not free.

mod import;
mod list;
mod release;
mod view;

use std::process::ExitCode;

use crate::cli::LeaseCommand;
use crate::output::Output;

/// Runs one command and prints its answer.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(command: LeaseCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        LeaseCommand::List(args) => list::run(args, output),
        LeaseCommand::Import(args) => import::run(&args, output),
        LeaseCommand::Release(args) => release::run(args, output),
    }
}
