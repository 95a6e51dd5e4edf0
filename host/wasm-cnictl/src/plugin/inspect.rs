//! `plugin inspect`

use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use engine::{Engine, StoreError};
use runtime::is_built_in;
use sha2::{Digest, Sha256};

use super::describe::Description;
use super::{installed, interface, list, wasm_file};
use crate::cli::{AdapterArgs, InspectArgs};
use crate::output::Output;

pub(super) fn run(args: InspectArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let description = if is_path(&args.plugin) {
        of_file(Path::new(&args.plugin))?
    } else {
        let store = installed::store(&args.store)?;
        let manifest = store
            .inspect(&args.plugin)
            .map_err(|error| explain(error, &args.plugin))?;
        list::describe(&store, &Engine::new()?, manifest)
    };
    output.answer(&description, Description::text)?;
    Ok(ExitCode::SUCCESS)
}

/// The built-in plugins are part of `wasm-cni`, so nothing is known of them here.
fn explain(error: StoreError, name: &str) -> anyhow::Error {
    let missing = matches!(error, StoreError::NotInstalled { .. });
    if missing && is_built_in(name) {
        return anyhow!("{name} is built into wasm-cni; nothing is installed under this name");
    }
    error.into()
}

/// What has a slash or ends like a file is one; the rest are names.
fn is_path(plugin: &str) -> bool {
    plugin.contains('/') || plugin.ends_with(".wasm")
}

fn of_file(path: &Path) -> anyhow::Result<Description> {
    let component = wasm_file::component(path, &AdapterArgs::default())?;
    let interface = interface::of_component(&component)?;
    let digest: String = Sha256::digest(&component)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let size = u64::try_from(component.len()).unwrap_or(u64::MAX);
    Ok(Description::of_component(
        format!("sha256:{digest}"),
        size,
        interface,
    ))
}
