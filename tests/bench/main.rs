//! Times ADD and DEL as a runtime sees them: a process a call, configuration on standard input. Ours and the reference
//! plugins take turns on the same machine, so that its load falls on both; what starting a process costs is shown too.
//!
//! Then it tells whether an attachment costs more where a thousand are already.
//!
//! `make bench`, as root; `ROUNDS=200 make bench` for more rounds, `ATTACHMENTS=100` for fewer neighbours.

mod measure;
mod report;
mod scale;
mod subject;

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use measure::Measured;
use subject::Sides;

/// Everything happens in namespaces and file systems of its own, which end with this process.
const PRIVATE: &str = "mount --make-rprivate / && mount -t tmpfs t /run && mount -t tmpfs t /var/lib && \
    mount -t tmpfs t /var/log && mkdir -p /run/netns && ip link set lo up && exec \"$0\" --inside";

fn main() -> Result<()> {
    let own = std::env::current_exe()?;
    if !std::env::args().any(|argument| argument == "--inside") {
        let error = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-c", PRIVATE])
            .arg(own)
            .exec();
        return Err(error).context("unshare (package util-linux) is needed");
    }
    let rounds = number("ROUNDS", 50);
    let ours = wasm_cni_tests::binary("wasm-cni")?;
    let reference = Path::new("/usr/lib/cni");
    ensure!(
        reference.join("bridge").exists(),
        "package containernetworking-plugins is needed"
    );
    let sides = Sides {
        ours: &ours,
        reference,
    };
    let subjects = sides.pairs();
    let floor = measure::process_start(rounds)?;
    let version = measure::version(&ours, rounds)?;
    let measured: Vec<(&str, Measured, Measured)> = subjects
        .iter()
        .map(|(scenario, ours, reference)| {
            let (ours, reference) = measure::in_turn(ours, reference, rounds)?;
            Ok((*scenario, ours, reference))
        })
        .collect::<Result<_>>()?;
    let megabytes = std::fs::metadata(&ours)?.len() as f64 / 1e6;
    let table = report::table(&measured, floor)?;
    write!(
        io::stdout(),
        "starting a process (/bin/true): {floor:.2?}\nwasm-cni: {megabytes:.2} MB, VERSION: {version:.2?}\n\n{table}"
    )?;
    let beside = number("ATTACHMENTS", 1000);
    let mut table = format!(
        "\n{:<22} {:>5} {:>18} {:>18} {:>7}\n",
        "milliseconds",
        "",
        "alone",
        format!("beside {beside}"),
        "ratio"
    );
    for (scenario, subject) in sides.of_many() {
        scale::measure(&subject, beside, rounds)?.lines(scenario, &mut table)?;
    }
    write!(io::stdout(), "{table}")?;
    Ok(())
}

fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
