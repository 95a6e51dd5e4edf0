use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// A call that succeeded.
pub(crate) struct Answered {
    /// From before the process is made to after it has been waited for.
    pub(crate) took: Duration,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

pub(crate) fn timed(command: &mut Command, input: &[u8]) -> Result<Answered> {
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
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output()?;
    let took = begun.elapsed();
    ensure!(
        status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    Ok(Answered {
        took,
        stdout,
        stderr,
    })
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.to_owned())?;
    ensure!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
