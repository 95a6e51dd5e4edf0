use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::subject::Subject;

/// Not counted: the page cache is cold, and the bridge is made.
const WARM_UP: usize = 3;

/// The times of all rounds, in the order of measuring.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) add: Vec<Duration>,
    pub(crate) del: Vec<Duration>,
}

/// The middle of the sorted times, or the given quantile.
pub(crate) fn quantile(times: &[Duration], of: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * of).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// What starting and ending any process costs here.
pub(crate) fn process_start(rounds: usize) -> Result<Duration> {
    repeated(rounds, || timed(Command::new("/bin/true").env_clear(), b""))
}

/// A call that does nothing but answer.
pub(crate) fn version(executable: &Path, rounds: usize) -> Result<Duration> {
    repeated(rounds, || {
        timed(
            Command::new(executable)
                .env_clear()
                .env("CNI_COMMAND", "VERSION"),
            b"",
        )
    })
}

fn repeated(rounds: usize, call: impl Fn() -> Result<Duration>) -> Result<Duration> {
    let times: Vec<Duration> = (0..rounds + WARM_UP)
        .map(|_| call())
        .collect::<Result<_>>()?;
    Ok(quantile(times.get(WARM_UP..).unwrap_or_default(), 0.5))
}

/// Both subjects, one after the other in each round.
pub(crate) fn in_turn(
    ours: &Subject,
    reference: &Subject,
    rounds: usize,
) -> Result<(Measured, Measured)> {
    let (mut of_ours, mut of_reference) = (Measured::default(), Measured::default());
    for round in 0..rounds + WARM_UP {
        for (subject, measured) in [(ours, &mut of_ours), (reference, &mut of_reference)] {
            let (add, del) = attach_and_detach(subject)?;
            if round >= WARM_UP {
                measured.add.push(add);
                measured.del.push(del);
            }
        }
    }
    Ok((of_ours, of_reference))
}

fn attach_and_detach(subject: &Subject) -> Result<(Duration, Duration)> {
    ip(&["netns", "add", "bench"])?;
    let call = |verb| {
        let mut command = Command::new(&subject.executable);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", "bench")
            .env("CNI_NETNS", "/run/netns/bench")
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", &subject.path);
        timed(&mut command, subject.config.to_string().as_bytes())
    };
    let times = (call("ADD")?, call("DEL")?);
    ip(&["netns", "del", "bench"])?;
    Ok(times)
}

fn ip(arguments: &[&str]) -> Result<()> {
    ensure!(
        Command::new("ip").args(arguments).status()?.success(),
        "ip {arguments:?}"
    );
    Ok(())
}

/// From before the process is made to after it has been waited for.
fn timed(command: &mut Command, input: &[u8]) -> Result<Duration> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    // A process that reads nothing may be gone already.
    let _ = child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(input);
    let output = child.wait_with_output()?;
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{command:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(took)
}
