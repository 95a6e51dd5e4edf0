//! `plugin install`

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use engine::Engine;
use runtime::is_built_in;

use super::describe::Description;
use super::{installed, wasm_file};
use crate::cli::InstallArgs;
use crate::output::Output;

pub(super) fn run(args: InstallArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let name = match args.name {
        Some(name) => name,
        None => name_of(&args.file)?,
    };
    let component = wasm_file::component(&args.file, &args.adapters)?;
    let store = installed::store(&args.store)?;
    let manifest = store.install(&Engine::new()?, &name, &component, SystemTime::now())?;
    if is_built_in(&name) {
        output.remark(&format!(
            "a plugin named {name} is built into wasm-cni; networks get this one only where they \
             pin its digest"
        ));
    }
    output.answer(
        &Description::of_installed(manifest, None),
        Description::text,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A file's name up to its first dot: `tenant-ipam` of `tenant-ipam.component.wasm`.
fn name_of(file: &Path) -> anyhow::Result<String> {
    file.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.split('.').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .with_context(|| {
            format!(
                "no name follows from {}; give one with --name",
                file.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_called_as_its_file() {
        assert_eq!(
            name_of(Path::new("x/tenant-ipam.component.wasm")).unwrap(),
            "tenant-ipam"
        );
        assert!(name_of(Path::new("x/.wasm")).is_err());
        assert!(name_of(Path::new("..")).is_err());
    }
}
