//! `plugin list`

use std::process::ExitCode;

use engine::{Engine, Manifest, PluginStore, StoreError};

use super::describe::Description;
use super::installed;
use crate::cli::ListArgs;
use crate::output::Output;
use crate::table::{self, Rows};

/// Answers with the list of plugins. What can't be read is told beside it and makes the call fail.
pub(super) fn run(args: ListArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = installed::store(&args.store)?;
    let engine = Engine::new()?;
    let (mut plugins, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for entry in store.list()? {
        match entry {
            Ok(manifest) => plugins.push(describe(&store, &engine, manifest)),
            Err(error) => {
                output.remark(&error.to_string());
                code = ExitCode::FAILURE;
            }
        }
    }
    output.answer(&plugins, |plugins| text(plugins))?;
    Ok(code)
}

/// An installed plugin, with what keeps it from being loaded.
pub(super) fn describe(store: &PluginStore, engine: &Engine, manifest: Manifest) -> Description {
    let opened = store.open(engine, &manifest.name, None);
    let problem = opened.err().map(|error: StoreError| error.to_string());
    Description::of_installed(manifest, problem)
}

fn text(plugins: &[Description]) -> String {
    let mut rows = Rows::new([
        "NAME",
        "SIZE",
        "GRANTS",
        "WASI",
        "USABLE",
        "INSTALLED",
        "DIGEST",
    ]);
    for plugin in plugins {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        rows.push([
            plugin.name.clone().unwrap_or_default(),
            table::size(plugin.size),
            table::list(plugin.grants.iter().map(|grant| (*grant).to_owned())),
            yes(plugin.wasi),
            yes(plugin.problem.is_none()),
            plugin.installed_at(),
            plugin.digest.clone(),
        ]);
    }
    rows.render()
}
