//! `wasm-cnictl plan`: what a network would do for an attachment. Neither kernel nor state is touched.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use cni::role::OWN_TYPE;
use plan::Attachment;
use runtime::dry_run::{self, DryRun, EntryCall};
use runtime::explain::{Entry, EntryRole};
use runtime::is_same_executable;
use serde_json::{Map, Value};

use crate::cli::PlanArgs;
use crate::net::{self, Additions, Network, Plugin, SearchPath};
use crate::output::{Output, exit_code};
use crate::{builtins, picture, state};

/// Longest file of a result, in bytes.
const MAX_RESULT_BYTES: u64 = 4 * 1024 * 1024;

/// Makes the plan and prints it. The exit status tells whether the attachment could be made.
///
/// # Errors
/// When the network can't be read, or the built-in plugins are needed and missing.
pub(crate) fn run(args: PlanArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = net::network(&path_or_name(&args.network), &args.conf_dir)?;
    let config = network.to_json();
    let settings = state::settings(&args.places)?;
    let builtin = builtins::for_plugins(builtins::named(&config))?;
    let previous = args.prev_result.as_deref().map(result).transpose()?;
    let runtime = Runtime::of(&args, &network)?;
    let mut dry_run = DryRun::new(settings, builtin, args.address);
    let entries = runtime.entries(&mut dry_run, previous);
    let attachment = Attachment {
        network: network.name.to_string(),
        container_id: args.container_id.to_string(),
        interface_name: args.ifname.to_string(),
    };
    let picture = dry_run::picture(&attachment, entries);
    let fine = picture.is_fine();
    picture::answer(output, &picture, args.mermaid)?;
    Ok(exit_code(fine))
}

/// A file that is here needs no slash.
fn path_or_name(network: &str) -> String {
    let is_file = !network.contains('/') && Path::new(network).is_file();
    if is_file {
        format!("./{network}")
    } else {
        network.to_owned()
    }
}

fn result(path: &Path) -> anyhow::Result<Value> {
    let context = || format!("the result in {}", path.display());
    let size = fs::metadata(path).with_context(context)?.len();
    ensure!(
        size <= MAX_RESULT_BYTES,
        "{} is larger than {MAX_RESULT_BYTES} bytes",
        path.display()
    );
    let text = fs::read(path).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
}

/// What a runtime hands to each entry.
struct Runtime<'a> {
    network: &'a Network,
    variables: Vec<(OsString, OsString)>,
    capability_arguments: BTreeMap<String, Value>,
    cni_args: Option<Value>,
    path: SearchPath,
}

impl<'a> Runtime<'a> {
    fn of(args: &PlanArgs, network: &'a Network) -> anyhow::Result<Self> {
        let netns = args.netns.as_deref().unwrap_or(args.container_id.as_str());
        let variable = |name: &str, value: &OsStr| (name.into(), value.to_owned());
        let mut variables = vec![
            variable("CNI_COMMAND", "ADD".as_ref()),
            variable("CNI_CONTAINERID", args.container_id.as_str().as_ref()),
            variable("CNI_IFNAME", args.ifname.as_str().as_ref()),
            variable("CNI_NETNS", net::netns_path(netns).as_os_str()),
            variable("CNI_PATH", args.cni_path.as_ref()),
        ];
        if let Some(arguments) = &args.args {
            variables.push(variable("CNI_ARGS", arguments.as_ref()));
        }
        Ok(Self {
            network,
            variables,
            capability_arguments: capability_arguments(args)?,
            cni_args: args.cni_args.clone(),
            path: SearchPath::parse(&args.cni_path),
        })
    }

    /// Each entry works on the result of the one before it; what comes behind one without a result is not reached.
    fn entries(&self, dry_run: &mut DryRun, given: Option<Value>) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut previous = None;
        let mut stopped = false;
        for plugin in &self.network.plugins {
            let name = plugin.executable.as_str();
            let entry = if stopped {
                not_reached(name)
            } else if self.is_ours(plugin) {
                self.entry(dry_run, plugin, previous.as_ref())
            } else {
                opaque(name, previous.clone().or_else(|| given.clone()))
            };
            stopped |= entry.failure.is_some();
            // An IPAM call by another vendor's plugin has no result of the entry.
            previous = entry.result.clone().or(previous);
            entries.push(entry);
        }
        entries
    }

    fn entry(&self, dry_run: &mut DryRun, plugin: &Plugin, previous: Option<&Value>) -> Entry {
        let request = net::request(
            self.network,
            plugin,
            Additions {
                capability_arguments: Some(&self.capability_arguments),
                cni_args: self.cni_args.as_ref(),
                previous_result: previous,
                valid_attachments: None,
            },
        );
        let name = plugin.executable.as_str();
        dry_run.entry(&EntryCall {
            program: OsStr::new(name),
            variables: &self.variables,
            stdin: Value::Object(request).to_string().as_bytes(),
            plugin_type: name,
        })
    }

    /// By its type, or because the file of that name is the same as ours.
    fn is_ours(&self, plugin: &Plugin) -> bool {
        let name = plugin.executable.as_str();
        let file = |name: &str| -> Option<PathBuf> { self.path.find(&name.parse().ok()?) };
        name == OWN_TYPE
            || file(name)
                .zip(file(OWN_TYPE))
                .is_some_and(|(found, ours)| is_same_executable(&found, &ours))
    }
}

fn opaque(name: &str, result: Option<Value>) -> Entry {
    let is_known = result.is_some();
    let mut entry = dry_run::opaque(name, result);
    if !is_known {
        let note = "what it would print can be given with --prev-result";
        entry.notes.push(note.to_owned());
    }
    entry
}

fn not_reached(name: &str) -> Entry {
    let mut entry = Entry::new(name, EntryRole::Opaque);
    entry.notes.push(format!("{name} is not reached"));
    entry
}

fn capability_arguments(args: &PlanArgs) -> anyhow::Result<BTreeMap<String, Value>> {
    let all = match &args.capability_args {
        None => Map::new(),
        Some(Value::Object(all)) => all.clone(),
        Some(other) => bail!("--capability-args must be an object, and is {other}"),
    };
    let single = args.capabilities.iter().cloned();
    Ok(all.into_iter().chain(single).collect())
}
