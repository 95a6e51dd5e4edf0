//! `wasm-cnictl gc`: cleaning up without a runtime's help.

use std::net::IpAddr;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::GarbageArgs;
use crate::output::{Output, exit_code};
use crate::state;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    /// True: nothing was done, and the rest says what would be.
    dry_run: bool,
    /// Attachments that were gone and are cleaned up now.
    removed: Vec<String>,
    /// Quarantined addresses that are free again.
    freed: Vec<IpAddr>,
    /// What failed, in words. Everything else was done.
    failures: Vec<String>,
}

/// Runs the command and prints its answer.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(args: GarbageArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = args.network.as_ref().map(AsRef::as_ref);
    let operator = state::operator(&args.places)?;
    let swept = if args.dry_run {
        operator.sweepable(network)?
    } else {
        operator.sweep(network)?
    };
    let answer = Collected {
        dry_run: args.dry_run,
        removed: swept.removed,
        freed: swept.freed,
        failures: swept.failures,
    };
    output.answer(&answer, text)?;
    Ok(exit_code(answer.failures.is_empty()))
}

fn text(answer: &Collected) -> String {
    let (removed, freed) = if answer.dry_run {
        ("would remove", "would free")
    } else {
        ("removed", "freed")
    };
    let attachments = answer.removed.iter();
    let mut lines: Vec<String> = attachments
        .map(|attachment| format!("{removed} {attachment}"))
        .collect();
    let addresses = answer.freed.iter();
    lines.extend(addresses.map(|address| format!("{freed} {address}")));
    let failures = answer.failures.iter();
    lines.extend(failures.map(|failure| format!("failed: {failure}")));
    if lines.is_empty() {
        lines.push("nothing is left over".to_owned());
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| crate::printable::line(line))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_what_would_be_done() {
        let answer = |dry_run| Collected {
            dry_run,
            removed: vec!["pods/a\n/eth0".into()],
            freed: vec![IpAddr::from([10, 1, 0, 2])],
            failures: Vec::new(),
        };
        assert_eq!(
            text(&answer(false)),
            "removed pods/a\\n/eth0\nfreed 10.1.0.2"
        );
        let dry = text(&answer(true));
        assert_eq!(dry, "would remove pods/a\\n/eth0\nwould free 10.1.0.2");
    }
}
