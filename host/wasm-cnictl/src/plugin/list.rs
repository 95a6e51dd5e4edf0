//! `plugin list`

use std::process::ExitCode;

use engine::{Engine, Manifest, PluginStore, StoreError};
use serde::Serialize;

use super::describe::Description;
use super::installed;
use crate::cli::ListArgs;
use crate::output::Output;
use crate::table::{self, Rows};

/// The answer.
#[derive(Debug, Serialize)]
struct Listed {
    plugins: Vec<Description>,
    /// What is in the directory and can't be read, in words.
    unreadable: Vec<String>,
}

pub(super) fn run(args: ListArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = installed::store(&args.store)?;
    let engine = Engine::new()?;
    let mut listed = Listed {
        plugins: Vec::new(),
        unreadable: Vec::new(),
    };
    for entry in store.list()? {
        match entry {
            Ok(manifest) => listed.plugins.push(describe(&store, &engine, manifest)),
            Err(error) => listed.unreadable.push(error.to_string()),
        }
    }
    for problem in &listed.unreadable {
        output.remark(problem);
    }
    output.answer(&listed, text)?;
    Ok(ExitCode::SUCCESS)
}

/// An installed plugin, with what keeps it from being loaded.
pub(super) fn describe(store: &PluginStore, engine: &Engine, manifest: Manifest) -> Description {
    let opened = store.open(engine, &manifest.name, None);
    let problem = opened.err().map(|error: StoreError| error.to_string());
    Description::of_installed(manifest, problem)
}

fn text(listed: &Listed) -> String {
    let mut rows = Rows::new([
        "NAME",
        "SIZE",
        "GRANTS",
        "WASI",
        "USABLE",
        "INSTALLED",
        "DIGEST",
    ]);
    for plugin in &listed.plugins {
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
