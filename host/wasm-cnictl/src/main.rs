//! The tool of operators and plugin authors.
//!
//! The whole tree follows one pattern: `cli` says what may be asked, `install`, `plugin`, `net`, `lease`, `attachment`, `gc`,
//! `doctor`, `dry_run` (`plan`) and `explain` do it, and `output` is the only place that prints.

mod attachment;
mod builtins;
mod cli;
mod doctor;
mod dry_run;
mod explain;
mod gc;
mod install;
mod lease;
mod net;
mod output;
mod picture;
mod plugin;
mod printable;
mod state;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new(cli.json);
    match run(cli, &mut output) {
        Ok(code) => code,
        Err(error) => {
            output.failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, output: &mut Output) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Install(args) => install::run(&args, output),
        Command::Plugin(command) => plugin::run(command, output),
        Command::Net(command) => net::run(command, output),
        Command::Lease(command) => lease::run(command, output),
        Command::Attachment(command) => attachment::run(command, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Gc(args) => gc::run(args, output),
        Command::Plan(args) => dry_run::run(*args, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Completions { shell } => output.completions(shell, &mut Cli::command()),
    }
}
