//! `net purge`

use std::process::ExitCode;

use cni::ids::NetworkName;
use serde::Serialize;

use crate::cli::PurgeArgs;
use crate::output::{Output, exit_code};
use crate::{printable, state};

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    network: NetworkName,
    /// Attachments that were detached first.
    detached: Vec<String>,
    /// What is gone, in words.
    removed: Vec<String>,
    /// What was left, each with the reason.
    kept: Vec<String>,
}

pub(super) fn run(args: &PurgeArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let purged = state::operator(&args.places)?.purge(args.network.as_str(), args.force)?;
    let answer = Answer {
        network: args.network.clone(),
        detached: purged.detached,
        removed: purged.removed,
        kept: purged.kept,
    };
    output.answer(&answer, text)?;
    Ok(exit_code(answer.kept.is_empty()))
}

fn text(answer: &Answer) -> String {
    let said = |word: &str, items: &[String]| -> Vec<String> {
        items.iter().map(|item| format!("{word} {item}")).collect()
    };
    let mut lines = said("detached", &answer.detached);
    lines.extend(said("removed", &answer.removed));
    lines.extend(said("kept", &answer.kept));
    if lines.is_empty() {
        lines.push(format!("nothing is there of network {}", answer.network));
    }
    let lines: Vec<String> = lines.iter().map(|line| printable::line(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_with_what_is_gone() {
        let answer = |removed: &[&str]| Answer {
            network: "pods".parse().unwrap(),
            detached: Vec::new(),
            removed: removed.iter().map(ToString::to_string).collect(),
            kept: removed
                .iter()
                .map(|_| "bridge b: it has ports: p".into())
                .collect(),
        };
        assert_eq!(
            text(&answer(&["3 leases"])),
            "removed 3 leases\nkept bridge b: it has ports: p"
        );
        assert_eq!(text(&answer(&[])), "nothing is there of network pods");
    }
}
