use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `wasm-cnictl plugin …`
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Install a plugin: check it, compile it for this machine, keep it under a name.
    Install(InstallArgs),
    /// List installed plugins.
    List(ListArgs),
    /// Tell what a plugin imports and exports, and what follows from it.
    Inspect(InspectArgs),
    /// Remove a plugin. Attachments that it made can still be deleted.
    Remove(RemoveArgs),
    /// Make a component of a core module that carries its world (a `component-type` section).
    Componentize(ComponentizeArgs),
    /// Compile a component to native code, to embed it in an executable. For installing use `install`.
    Compile(CompileArgs),
}

/// Where installed plugins are.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Directory of installed plugins; only root may be able to write to it and to its parents.
    /// Unless given it is the node's own, /var/lib/wasm-cni/plugins.
    #[arg(long, value_name = "DIR")]
    pub(crate) plugin_dir: Option<PathBuf>,
}

/// `wasm-cnictl plugin install`
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// A component, or a core module that carries its world.
    pub(crate) file: PathBuf,
    /// The name by which networks refer to it; the file's name without its ending unless given.
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) adapters: AdapterArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `wasm-cnictl plugin list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `wasm-cnictl plugin inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The name of an installed plugin, or the path of a file (with a slash or ending in .wasm).
    #[arg(value_name = "NAME|FILE")]
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `wasm-cnictl plugin remove`
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The plugin's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What stands between a core module's imports and a component's.
#[derive(Debug, Default, Args)]
pub(crate) struct AdapterArgs {
    /// An adapter module for a core module built for another interface, such as
    /// wasi_snapshot_preview1.reactor.wasm for Go. NAME is the module that it stands in for; it is
    /// the file's name up to the first dot unless given. Repeatable.
    #[arg(long, value_name = "[NAME=]FILE")]
    pub(crate) adapt: Vec<String>,
}

/// `wasm-cnictl plugin componentize`
#[derive(Debug, Args)]
pub(crate) struct ComponentizeArgs {
    /// The core module.
    #[arg(value_name = "CORE.wasm")]
    pub(crate) module: PathBuf,
    #[command(flatten)]
    pub(crate) adapters: AdapterArgs,
    /// Where the component goes; beside the module, ending in .component.wasm, unless given.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `wasm-cnictl plugin compile`
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// The component, or a core module that carries its world.
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
    /// For the least processor of this architecture instead of the one at hand.
    #[arg(long)]
    pub(crate) baseline: bool,
    #[command(flatten)]
    pub(crate) adapters: AdapterArgs,
    /// Where the native code goes.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
