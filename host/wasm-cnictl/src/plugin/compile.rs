//! `plugin compile`

use std::process::ExitCode;

use engine::Target;

use super::wasm_file;
use super::written::Written;
use crate::cli::CompileArgs;
use crate::output::Output;

pub(super) fn run(args: CompileArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let component = wasm_file::component(&args.component, &args.adapters)?;
    let target = if args.baseline {
        Target::Baseline
    } else {
        Target::Machine
    };
    let native = engine::compile(&component, target)?;
    Written::write(&args.output, &native)?.answer(output)
}
