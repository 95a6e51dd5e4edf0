use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use serde_json::{Value, json};

use crate::subject::{Plugin, Subject};

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
    repeated(rounds, || {
        timed(Command::new("/bin/true").env_clear(), b"").map(|(took, _)| took)
    })
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
        .map(|(took, _)| took)
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

/// Ports of the host that one attachment of a scenario forwards.
pub(crate) const PORTS: u16 = 3;

fn attach_and_detach(subject: &Subject) -> Result<(Duration, Duration)> {
    let attached = Attached::new(subject, "bench", 1)?;
    let add = attached.took;
    Ok((add, attached.detach()?))
}

/// One container on a subject's network.
pub(crate) struct Attached<'a> {
    subject: &'a Subject,
    container: String,
    ports: Value,
    result: Value,
    /// How long ADD took, all plugins together.
    pub(crate) took: Duration,
}

impl<'a> Attached<'a> {
    /// Adds a container; `number` decides which ports of the host it gets.
    pub(crate) fn new(subject: &'a Subject, container: &str, number: u16) -> Result<Self> {
        ip(&["netns", "add", container])?;
        let first = 10_000 + number * PORTS;
        let ports = (first..first + PORTS)
            .map(|port| json!({"hostPort": port, "containerPort": 80, "protocol": "tcp"}))
            .collect();
        let mut attached = Self {
            subject,
            container: container.to_owned(),
            ports,
            result: Value::Null,
            took: Duration::ZERO,
        };
        for plugin in &subject.plugins {
            let (took, result) = attached.call("ADD", plugin)?;
            attached.took += took;
            attached.result = serde_json::from_slice(&result)?;
        }
        Ok(attached)
    }

    /// Removes it, plugins in reverse; tells how long that took.
    pub(crate) fn detach(self) -> Result<Duration> {
        let mut all = Duration::ZERO;
        for plugin in self.subject.plugins.iter().rev() {
            all += self.call("DEL", plugin)?.0;
        }
        ip(&["netns", "del", &self.container])?;
        Ok(all)
    }

    fn call(&self, verb: &str, plugin: &Plugin) -> Result<(Duration, Vec<u8>)> {
        let mut config = plugin.config.clone();
        if let Some(config) = config.as_object_mut() {
            config.insert(
                "runtimeConfig".into(),
                json!({ "portMappings": self.ports }),
            );
            if !self.result.is_null() {
                config.insert("prevResult".into(), self.result.clone());
            }
        }
        let mut command = Command::new(&plugin.executable);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", &self.container)
            .env("CNI_NETNS", format!("/run/netns/{}", self.container))
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", &self.subject.path);
        timed(&mut command, config.to_string().as_bytes())
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    ensure!(
        Command::new("ip").args(arguments).status()?.success(),
        "ip {arguments:?}"
    );
    Ok(())
}

/// From before the process is made to after it has been waited for.
fn timed(command: &mut Command, input: &[u8]) -> Result<(Duration, Vec<u8>)> {
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
    Ok((took, output.stdout))
}
