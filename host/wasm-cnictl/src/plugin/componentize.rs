//! `plugin componentize`

use std::process::ExitCode;

use super::wasm_file;
use super::written::Written;
use crate::cli::ComponentizeArgs;
use crate::output::Output;

pub(super) fn run(args: ComponentizeArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let component = wasm_file::component_of_module(&args.module, &args.adapters)?;
    let path = args
        .output
        .unwrap_or_else(|| args.module.with_extension("component.wasm"));
    Written::write(&path, &component)?.answer(output)
}
