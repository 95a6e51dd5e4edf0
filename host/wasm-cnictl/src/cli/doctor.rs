use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use plan::PortRange;

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
    /// Range of the cluster's node ports: the API server's --service-node-port-range.
    #[arg(long, value_name = "FIRST-LAST", default_value = "30000-32767", value_parser = port_range)]
    pub(crate) node_port_range: PortRange,
    /// Data directory of the reference plugin host-local.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/cni/networks")]
    pub(crate) host_local_dir: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

fn port_range(text: &str) -> Result<PortRange, String> {
    let bounds = text
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match bounds {
        Some((first, last)) if first <= last => Ok(PortRange { first, last }),
        _ => Err("two ports with a hyphen, as 30000-32767".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_is_two_of_them_in_order() {
        let range = PortRange {
            first: 30_000,
            last: 32_767,
        };
        assert_eq!(port_range("30000-32767"), Ok(range));
        for text in ["30000", "2-1", "1-65536", "a-b", "-"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }
}
