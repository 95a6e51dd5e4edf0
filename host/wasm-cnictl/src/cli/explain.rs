use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use cni::ids::{ContainerId, InterfaceName, NetworkName};
use plan::InterfaceAddress;
use serde_json::Value;

use super::{StateArgs, net};

/// `wasm-cnictl plan`
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The network: its file, or its name.
    #[arg(value_name = "CONFLIST")]
    pub(crate) network: String,
    /// The container's id.
    #[arg(long, value_name = "ID", default_value = "plan")]
    pub(crate) container_id: ContainerId,
    /// The interface's name inside the namespace.
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    pub(crate) ifname: InterfaceName,
    /// The namespace: its name as `ip netns` knows it, or a path. It need not be there; named after
    /// the container unless given.
    #[arg(long, value_name = "PATH")]
    pub(crate) netns: Option<String>,
    /// An argument for plugins that declare the capability, e.g. 'ips=["10.1.0.9"]'. Repeatable.
    #[arg(long = "cap", value_name = "NAME=JSON", value_parser = net::capability)]
    pub(crate) capabilities: Vec<(String, Value)>,
    /// The arguments of capabilities as one object, e.g. '{"ips":["10.1.0.9"]}'.
    #[arg(long, value_name = "JSON", value_parser = net::json)]
    pub(crate) capability_args: Option<Value>,
    /// The variable CNI_ARGS, e.g. 'IgnoreUnknown=1;K8S_POD_NAME=web'.
    #[arg(long, value_name = "K=V;…")]
    pub(crate) args: Option<String>,
    /// The key args.cni of each plugin's configuration, e.g. '{"ips":["10.1.0.9"]}'.
    #[arg(long, value_name = "JSON", value_parser = net::json)]
    pub(crate) cni_args: Option<Value>,
    /// What another vendor's IPAM is taken to give, e.g. 10.1.0.9/16,10.1.0.1. Repeatable.
    #[arg(long, value_name = "ADDRESS/LENGTH[,GATEWAY]", value_parser = address)]
    pub(crate) address: Vec<InterfaceAddress>,
    /// A file with the CNI result that another vendor's interface plugin is taken to print.
    #[arg(long, value_name = "FILE")]
    pub(crate) prev_result: Option<PathBuf>,
    /// Answer as a Mermaid flowchart.
    #[arg(long, conflicts_with = "json")]
    pub(crate) mermaid: bool,
    /// Directory of network configurations.
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    pub(crate) conf_dir: PathBuf,
    /// Directories of plugin executables, separated by colons: what is wasm-cni under another name
    /// is looked into as well.
    #[arg(long, value_name = "DIRS", default_value = "/opt/cni/bin:/usr/lib/cni")]
    pub(crate) cni_path: String,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// `wasm-cnictl explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The network.
    pub(crate) network: NetworkName,
    /// The container's id.
    pub(crate) container_id: ContainerId,
    /// The interface's name inside the container.
    #[arg(default_value = "eth0")]
    pub(crate) interface_name: InterfaceName,
    /// Run the plugins again on what they were told then, and compare: exit status 1 if one decides
    /// differently, or can't be run.
    #[arg(long)]
    pub(crate) replay: bool,
    /// Answer as a Mermaid flowchart.
    #[arg(long, conflicts_with = "json")]
    pub(crate) mermaid: bool,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

fn address(text: &str) -> anyhow::Result<InterfaceAddress> {
    let (address, gateway) = match text.split_once(',') {
        Some((address, gateway)) => (address, Some(gateway)),
        None => (text, None),
    };
    let gateway = gateway.map(str::parse::<IpAddr>).transpose();
    Ok(InterfaceAddress {
        address: address
            .parse()
            .context("write the address with its prefix length, e.g. 10.1.0.9/16")?,
        gateway: gateway.context("the gateway is an address without a prefix length")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_gateway() {
        let both = address("10.1.0.9/16,10.1.0.1").unwrap();
        assert_eq!(both.address.to_string(), "10.1.0.9/16");
        assert_eq!(both.gateway, Some("10.1.0.1".parse().unwrap()));
        assert_eq!(address("fd00::2/64").unwrap().gateway, None);
        for wrong in ["10.1.0.9", "10.1.0.9/16,", "10.1.0.9/16,10.1.0.1/16", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
