//! `net gc`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use cni::attachment::ValidAttachment;
use cni::ids::NetworkName;
use cni::verb::Verb;
use serde::Serialize;

use super::cache::{Cache, Entry};
use super::chain::Chain;
use super::conflist::Network;
use super::exec::{SearchPath, Variables};
use super::request::Additions;
use super::target::Target;
use super::{container, del, locate, runtimes};
use crate::cli::GcArgs;
use crate::output::{Output, exit_code};
use crate::table::Rows;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    network: NetworkName,
    dry_run: bool,
    /// False where the network says `disableGC`: then nothing was done.
    allowed: bool,
    /// Were the plugins given the list? Not in versions without GC, and not in a dry run.
    plugins_called: bool,
    attachments: Vec<Judged>,
    /// What failed, in words. Everything else was done.
    failures: Vec<String>,
}

/// One attachment of the network.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Judged {
    container_id: String,
    interface_name: String,
    /// `in-use`, `other-runtime` (in use as well) or `stale`.
    verdict: &'static str,
}

pub(super) fn run(args: GcArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = locate::network(&args.network, &args.places.conf_dir)?;
    let path = SearchPath::parse(&args.places.cni_path);
    let cache = Cache::open(&args.places.cache_dir)?;
    let _guard = cache.exclude()?;
    let mut answer = Collected {
        network: network.name.clone(),
        dry_run: args.dry_run,
        allowed: !network.disable_gc,
        plugins_called: false,
        attachments: Vec::new(),
        failures: Vec::new(),
    };
    if answer.allowed {
        let (stale, valid) = judge(&network, &cache, &args, &mut answer)?;
        if !args.dry_run {
            delete_stale(stale, &path, &cache, output, &mut answer);
            collect(&network, &path, &valid, &mut answer);
        }
    }
    output.answer(&answer, text)?;
    Ok(exit_code(answer.failures.is_empty()))
}

/// Which attachments are stale, and which ones the plugins must keep.
fn judge(
    network: &Network,
    cache: &Cache,
    args: &GcArgs,
    answer: &mut Collected,
) -> anyhow::Result<(Vec<Entry>, Vec<ValidAttachment>)> {
    let entries = cache
        .all()?
        .into_iter()
        .filter(|e| e.attachment.network == network.name);
    let (stale, living): (Vec<Entry>, Vec<Entry>) =
        entries.partition(|entry| container::netns_is_gone(&entry.netns));
    let mut valid: Vec<ValidAttachment> = living.iter().map(valid_attachment).collect();
    let mut judged: Vec<Judged> = valid.iter().map(|v| Judged::new(v, "in-use")).collect();
    judged.extend(
        stale
            .iter()
            .map(|entry| Judged::new(&valid_attachment(entry), "stale")),
    );
    let usual = PathBuf::from(runtimes::USUAL_DIRECTORY);
    for directory in args.runtime_results.iter().chain([&usual]) {
        for other in runtimes::attachments(directory, &network.name)? {
            judged.push(Judged::new(&other, "other-runtime"));
            valid.push(other);
        }
    }
    valid.sort();
    valid.dedup();
    judged.sort_by(|a, b| a.container_id.cmp(&b.container_id));
    answer.attachments = judged;
    Ok((stale, valid))
}

/// DEL of what is stale. One failure keeps none of the others from being deleted.
fn delete_stale(
    stale: Vec<Entry>,
    path: &SearchPath,
    cache: &Cache,
    output: &Output,
    answer: &mut Collected,
) {
    for entry in stale {
        let deleted = Network::from_json(entry.network_config.clone())
            .context("the network that ADD kept can't be used")
            .and_then(|network| {
                let target = Target {
                    entry,
                    network,
                    path: path.clone(),
                };
                del::delete(&target, cache, false, output)
            });
        if let Err(error) = deleted {
            answer.failures.push(format!("{error:#}"));
        }
    }
}

/// GC by the plugins, where the network's version has it.
fn collect(
    network: &Network,
    path: &SearchPath,
    valid: &[ValidAttachment],
    answer: &mut Collected,
) {
    if network.version < Verb::Gc.since() {
        return;
    }
    let (variables, additions) = (Variables::default(), Additions::default());
    let failures = Chain {
        network,
        path,
        variables,
        additions,
    }
    .gc(valid);
    answer.plugins_called = true;
    answer
        .failures
        .extend(failures.iter().map(ToString::to_string));
}

fn valid_attachment(entry: &Entry) -> ValidAttachment {
    ValidAttachment {
        container_id: entry.attachment.container_id.clone(),
        interface_name: entry.attachment.interface_name.clone(),
    }
}

impl Judged {
    fn new(attachment: &ValidAttachment, verdict: &'static str) -> Self {
        Self {
            container_id: attachment.container_id.to_string(),
            interface_name: attachment.interface_name.to_string(),
            verdict,
        }
    }
}

fn text(answer: &Collected) -> String {
    if !answer.allowed {
        return format!(
            "nothing was done: network {} says disableGC, so another runtime shares it",
            answer.network
        );
    }
    let mut rows = Rows::new(["CONTAINER", "INTERFACE", "VERDICT"]);
    for judged in &answer.attachments {
        let Judged {
            container_id,
            interface_name,
            verdict,
        } = judged;
        rows.push([
            container_id.clone(),
            interface_name.clone(),
            (*verdict).to_owned(),
        ]);
    }
    let mut lines = vec![rows.render()];
    if answer.dry_run {
        lines.push("dry run: nothing was deleted".to_owned());
    } else if !answer.plugins_called {
        lines.push("the network's version has no GC, so the plugins were not called".to_owned());
    }
    lines.extend(
        answer
            .failures
            .iter()
            .map(|failure| format!("failed: {failure}")),
    );
    lines.join("\n")
}
