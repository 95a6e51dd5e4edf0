//! `plugin componentize`

use std::process::ExitCode;

use super::wasm_file;
use super::written::Written;
use crate::cli::ComponentizeArgs;
use crate::output::Output;

pub(super) fn run(args: ComponentizeArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let component = wasm_file::component_of_module(&args.module, &args.adapters)?;
    Written::write(&args.output, &component)?.answer(output)
}
