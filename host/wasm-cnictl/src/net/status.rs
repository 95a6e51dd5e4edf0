//! `net status`

use std::process::ExitCode;

use cni::error::Code;
use cni::ids::NetworkName;
use cni::verb::Verb;
use cni::version::SpecVersion;
use serde::Serialize;

use super::chain::Chain;
use super::exec::{SearchPath, Variables};
use super::locate;
use super::request::Additions;
use crate::cli::StatusArgs;
use crate::output::{Output, exit_code};
use crate::table::Rows;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    network: NetworkName,
    cni_version: SpecVersion,
    /// No plugin refuses.
    ready: bool,
    /// False where the network's version has no STATUS, so that no plugin was asked.
    asked: bool,
    plugins: Vec<PluginStatus>,
}

/// One plugin's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PluginStatus {
    #[serde(rename = "type")]
    executable: String,
    ready: bool,
    /// The CNI error code, where the plugin gave one.
    code: Option<Code>,
    message: Option<String>,
    details: Option<String>,
}

pub(super) fn run(args: StatusArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = locate::network(&args.network, &args.places.conf_dir)?;
    let path = SearchPath::parse(&args.places.cni_path);
    let chain = Chain {
        network: &network,
        path: &path,
        variables: Variables::default(),
        additions: Additions::default(),
    };
    let asked = network.version >= Verb::Status.since();
    let plugins: Vec<PluginStatus> = match asked {
        true => chain
            .status()
            .into_iter()
            .map(|(plugin, failure)| read(plugin, failure))
            .collect(),
        false => Vec::new(),
    };
    let ready = plugins.iter().all(|plugin| plugin.ready);
    let (network, cni_version) = (network.name, network.version);
    output.answer(
        &Status {
            network,
            cni_version,
            ready,
            asked,
            plugins,
        },
        text,
    )?;
    Ok(exit_code(ready))
}

fn read(executable: String, failure: Option<super::PluginFailure>) -> PluginStatus {
    let object = failure.as_ref().and_then(super::PluginFailure::object);
    PluginStatus {
        executable,
        ready: failure.is_none(),
        code: object.map(|object| object.code),
        details: object
            .map(|object| object.details.clone())
            .filter(|text| !text.is_empty()),
        message: failure.map(|failure| failure.cause.to_string()),
    }
}

fn text(status: &Status) -> String {
    if !status.asked {
        return format!(
            "{} has CNI version {}, which has no STATUS; nothing was asked (1.1.0 has it)",
            status.network, status.cni_version
        );
    }
    let mut rows = Rows::new(["PLUGIN", "READY", "REASON"]);
    for plugin in &status.plugins {
        let reason = [&plugin.message, &plugin.details];
        let reason: Vec<&str> = reason.into_iter().flatten().map(String::as_str).collect();
        rows.push([
            plugin.executable.clone(),
            if plugin.ready { "yes" } else { "no" }.to_owned(),
            if reason.is_empty() {
                "-".to_owned()
            } else {
                reason.join("; ")
            },
        ]);
    }
    rows.render()
}
