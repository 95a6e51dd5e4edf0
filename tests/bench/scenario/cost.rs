//! Memory and processor time of one call. A process between measures it: the kernel counts what a process has waited for.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::json;

use super::Extent;
use crate::attached::Container;
use crate::figure::{Figures, Side, Unit};
use crate::pace;
use crate::subject::{Sides, Subject, subnet};

/// The argument that makes the benchmark the process between.
pub(crate) const COST_OF: &str = "--cost-of";

/// Calls the executable, and writes to standard error what it took: peak memory in KiB and processor time in µs.
pub(crate) fn report(executable: &Path) -> Result<ExitCode> {
    let status = Command::new(executable).status()?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = usage.user_time() + usage.system_time();
    write!(
        io::stderr(),
        "\n{} {}",
        usage.max_rss(),
        processor.num_microseconds()
    )?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let plain = sides.bridge("cost", json!({}), &subnet());
    for (scenario, (ours, reference)) in [("bridge", plain), ("six stages", sides.six_stages())] {
        for (side, subject) in [(Side::Ours, ours), (Side::Reference, reference)] {
            let (memory, processor) = cost(watched(subject)?, extent.rounds)?;
            figures.value(
                scenario,
                "ADD, peak memory",
                side,
                (memory, Unit::MebiBytes),
            );
            figures.value(
                scenario,
                "ADD, processor time",
                side,
                (processor, Unit::Milliseconds),
            );
        }
    }
    Ok(())
}

fn watched(mut subject: Subject) -> Result<Subject> {
    let own = std::env::current_exe()?;
    for plugin in &mut subject.plugins {
        let executable = plugin
            .executable
            .to_str()
            .context("a path that is not UTF-8")?;
        plugin.arguments = vec![COST_OF.into(), executable.into()];
        plugin.executable = own.clone();
    }
    Ok(subject)
}

/// The largest peak of a process in MiB, and the median of the processor times of all plugins together in ms.
fn cost(subject: Subject, rounds: usize) -> Result<(f64, f64)> {
    // The first call makes what all attachments share, and reads the records of all.
    pace::alone(&subject, 0)?;
    let (mut peak, mut processor) = (0.0_f64, Vec::new());
    for _ in 0..rounds {
        let container = Container::make("cost", 0)?;
        let attached = container.attach(&subject)?;
        let mut all = 0.0;
        for stderr in &attached.stderr {
            let (kibibytes, microseconds) = figures_of(stderr)?;
            peak = peak.max(kibibytes / 1024.0);
            all += microseconds / 1000.0;
        }
        processor.push(all);
        attached.detach()?;
        container.delete()?;
    }
    processor.sort_by(f64::total_cmp);
    let median = processor.get(processor.len() / 2).copied();
    Ok((peak, median.unwrap_or_default()))
}

fn figures_of(stderr: &[u8]) -> Result<(f64, f64)> {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().last().unwrap_or_default();
    match last.split_once(' ') {
        Some((memory, processor)) => Ok((memory.parse()?, processor.parse()?)),
        None => bail!("no cost in {text:?}"),
    }
}
