//! Where installed plugins are.

use std::path;

use anyhow::Context;
use engine::PluginStore;

use crate::cli::StoreArgs;

/// The store that the command line names, else the node's own. Never one from the environment,
/// whose owner would then choose what code root runs.
///
/// # Errors
/// When the node's settings can't be used.
pub(super) fn store(args: &StoreArgs) -> anyhow::Result<PluginStore> {
    let directory = match &args.plugin_dir {
        Some(directory) => path::absolute(directory)
            .with_context(|| format!("{} is no path", directory.display()))?,
        None => runtime::Settings::load()?.state_directory.join("plugins"),
    };
    Ok(PluginStore::at(directory))
}
