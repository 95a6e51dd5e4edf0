//! `wasm-cnictl net`: a small container runtime's half of CNI.
//!
//! It does what libcni does, and differs where an operator is better served: a failed ADD is taken
//! back at once, DEL uses the configuration of its ADD and says what was not called, and GC counts
//! what other runtimes attached as in use.

mod add;
pub(crate) mod cache;
mod chain;
mod check;
mod conflist;
mod container;
mod del;
mod exec;
mod failure;
mod gc;
mod locate;
mod purge;
mod request;
mod restore;
mod runtimes;
mod status;
mod target;
mod version;

use std::process::ExitCode;

pub(crate) use conflist::{Network, Plugin};
pub(crate) use container::netns_path;
pub(crate) use exec::SearchPath;
pub(crate) use failure::PluginFailure;
pub(crate) use locate::{all, network};
pub(crate) use request::{Additions, build as request};
pub(crate) use version::versions;

use crate::cli::NetCommand;
use crate::output::Output;

/// Runs one command and prints its answer.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(command: NetCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        NetCommand::Add(args) => add::run(args, output),
        NetCommand::Del(args) => del::run(args, output),
        NetCommand::Check(args) => check::run(args, output),
        NetCommand::Gc(args) => gc::run(args, output),
        NetCommand::Status(args) => status::run(args, output),
        NetCommand::Purge(args) => purge::run(&args, output),
        NetCommand::Restore(args) => restore::run(&args, output),
    }
}
