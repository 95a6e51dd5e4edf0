//! `net restore`

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::StateArgs;
use crate::output::{Output, exit_code};
use crate::{printable, state};

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// What was missing and is there again.
    restored: Vec<Restored>,
    /// What failed, in words. Everything else was done.
    failures: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    what: String,
    attachments: Vec<String>,
}

pub(super) fn run(args: &StateArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let restored = state::operator(args)?.restore()?;
    let answer = Answer {
        restored: restored
            .restored
            .into_iter()
            .map(|missing| Restored {
                what: missing.what,
                attachments: missing.attachments,
            })
            .collect(),
        failures: restored.failures,
    };
    output.answer(&answer, text)?;
    Ok(exit_code(answer.failures.is_empty()))
}

fn text(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer.restored.iter().map(line).collect();
    let failures = answer.failures.iter();
    lines.extend(failures.map(|failure| format!("failed: {}", printable::line(failure))));
    if lines.is_empty() {
        lines.push("nothing was missing".to_owned());
    }
    lines.join("\n")
}

fn line(restored: &Restored) -> String {
    let of = match restored.attachments.as_slice() {
        [one] => one.clone(),
        many => format!("{} attachments", many.len()),
    };
    printable::line(&format!("restored {} ({of})", restored.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each_and_nothing_forged() {
        let answer = Answer {
            restored: vec![Restored {
                what: "masquerade of 10.0.0.2".into(),
                attachments: vec!["pods/a\n/eth0".into()],
            }],
            failures: vec!["x: y".into()],
        };
        let text = text(&answer);
        assert_eq!(
            text,
            "restored masquerade of 10.0.0.2 (pods/a\\n/eth0)\nfailed: x: y"
        );
        let none = Answer {
            restored: Vec::new(),
            failures: Vec::new(),
        };
        assert_eq!(super::text(&none), "nothing was missing");
    }
}
