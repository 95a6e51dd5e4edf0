//! Times our executable and the reference plugins as a runtime calls them: a process a call, configuration on standard
//! input. All take turns on the same machine, so that its load falls on each. The floor (`tests/floor`) does the bare
//! netlink work of an attachment to a bridge.
//!
//! `make bench`, as root. docs/performance.md tells what the figures are and which variables change what is measured.

mod attached;
mod call;
mod chart;
mod figure;
mod goals;
mod pace;
mod scenario;
mod subject;
mod table;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use figure::Figures;
use scenario::Extent;
use subject::Sides;

/// Everything happens in namespaces and file systems of its own, which end with this process.
const PRIVATE: &str = "mount --make-rprivate / && mount -t tmpfs t /run && mount -t tmpfs t /var/lib && \
    mount -t tmpfs t /var/log && mkdir -p /run/netns && ip link set lo up && exec \"$0\" --inside";

fn main() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some(scenario::COST_OF) => {
            let executable = arguments.next().context("an executable is missing")?;
            return scenario::report_cost(Path::new(&executable));
        }
        Some("--inside") => {}
        _ => {
            let error = Command::new("unshare")
                .args(["--mount", "--net", "sh", "-c", PRIVATE])
                .arg(env::current_exe()?)
                .exec();
            return Err(error).context("unshare (package util-linux) is needed");
        }
    }
    let reference = PathBuf::from(variable("REFERENCE", "/usr/lib/cni"));
    ensure!(
        reference.join("bridge").exists(),
        "{} has no reference plugins: install containernetworking-plugins, or name a directory by REFERENCE",
        reference.display()
    );
    let sides = Sides {
        ours: &wasm_cni_tests::binary("wasm-cni")?,
        reference: &reference,
        floor: &wasm_cni_tests::binary("wasm-cni-floor")?,
        wasm_cnictl: &wasm_cni_tests::binary("wasm-cnictl")?,
    };
    let extent = Extent {
        rounds: variable("ROUNDS", "50").parse().context("ROUNDS")?,
        attachments: variable("ATTACHMENTS", "1000")
            .parse()
            .context("ATTACHMENTS")?,
    };
    let names = variable("SCENARIOS", "");
    let names: Vec<&str> = names.split_whitespace().collect();
    make_floor_bridge()?;
    let mut figures = Figures::default();
    let measured = scenario::measure(&names, &sides, &extent, &mut figures, |name| {
        let _ = writeln!(io::stderr(), "measuring: {name}");
    });
    // What came before a failure took long to measure.
    write!(
        io::stdout(),
        "{}\n{}",
        table::table(&figures)?,
        goals::report(&figures)?
    )?;
    keep(&figures)?;
    measured.map(|()| ExitCode::SUCCESS)
}

fn variable(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn make_floor_bridge() -> Result<()> {
    let bridge = subject::FLOOR_BRIDGE;
    // As ours are made.
    let kind = ["type", "bridge", "mcast_snooping", "0"];
    call::run("ip", &[&["link", "add", bridge][..], &kind].concat())?;
    call::run("ip", &["link", "set", bridge, "up"])
}

/// `bench.json` and `bench.svg`, beside the executables that were measured.
fn keep(figures: &Figures) -> Result<()> {
    let directory = wasm_cni_tests::binary("wasm-cni")?;
    let directory = directory.parent().context("no directory")?;
    let (json, chart) = (directory.join("bench.json"), directory.join("bench.svg"));
    fs::write(&json, serde_json::to_string_pretty(figures)?)?;
    chart::draw(figures, &chart)?;
    write!(io::stdout(), "\n{}\n{}\n", json.display(), chart.display())?;
    Ok(())
}
