use std::path::PathBuf;

use clap::Args;

/// Where runtimes look for CNI executables unless they are told otherwise.
const BIN_DIR: &str = "/opt/cni/bin";

/// `wasm-cnictl install`
#[derive(Debug, Args)]
pub(crate) struct NodeInstallArgs {
    /// The runtime's directory of CNI executables.
    #[arg(long, value_name = "DIR", default_value = BIN_DIR)]
    pub(crate) bin_dir: PathBuf,
    /// The wasm-cni executable to install; unless given the one that is in the directory already,
    /// else the one beside this tool.
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    pub(crate) executable: Option<PathBuf>,
    /// Also put it in the place of the reference plugins (bridge, host-local, portmap, …). What was
    /// there is kept as NAME.reference.
    #[arg(long)]
    pub(crate) drop_in: bool,
    /// With --drop-in: this reference plugin alone; may be repeated.
    #[arg(long = "name", value_name = "NAME", requires = "drop_in", value_parser = cni::drop_in::names().collect::<Vec<_>>())]
    pub(crate) names: Vec<String>,
    /// With --drop-in: take the names back, and put what was there into its place again.
    #[arg(long, requires = "drop_in")]
    pub(crate) remove: bool,
}
