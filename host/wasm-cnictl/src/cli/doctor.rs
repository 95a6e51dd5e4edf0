use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;

use super::StateArgs;

/// `wasm-cnictl doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Directory of network configurations.
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    pub(crate) conf_dir: PathBuf,
    /// Directories of plugin executables, separated by colons.
    #[arg(long, value_name = "DIRS", default_value = "/opt/cni/bin:/usr/lib/cni")]
    pub(crate) cni_path: String,
    /// Range of the cluster's services; two with a comma or by giving it twice. Unless given it is
    /// read from the control plane's manifests, where this node has them.
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(crate) service_cidr: Vec<IpNet>,
    /// Data directory of the reference plugin host-local.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/cni/networks")]
    pub(crate) host_local_dir: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
