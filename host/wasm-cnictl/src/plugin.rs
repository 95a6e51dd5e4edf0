//! `wasm-cnictl plugin`: what operators install and authors build.

mod compile;
mod componentize;
mod describe;
mod inspect;
mod install;
mod installed;
mod interface;
mod list;
mod remove;
mod wasm_file;
mod written;

use std::process::ExitCode;

pub(crate) use wasm_file::component_of;

use crate::cli::PluginCommand;
use crate::output::Output;

/// Runs one command and prints its answer.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(command: PluginCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Install(args) => install::run(args, output),
        PluginCommand::List(args) => list::run(args, output),
        PluginCommand::Inspect(args) => inspect::run(args, output),
        PluginCommand::Remove(args) => remove::run(args, output),
        PluginCommand::Componentize(args) => componentize::run(args, output),
        PluginCommand::Compile(args) => compile::run(args, output),
    }
}
