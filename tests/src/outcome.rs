use std::process::{Command, Stdio};
use std::{io::Write, thread};

use anyhow::{Context, Result, ensure};

/// What a process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status; None when a signal ended it. 137 when it overstepped its time limit.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end, with this standard input.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn of(command: &mut Command, input: &[u8]) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let output = thread::scope(|scope| {
            if let Some(mut stdin) = child.stdin.take() {
                // A process that ends before it has read everything breaks the pipe: its own business.
                scope.spawn(move || stdin.write_all(input));
            }
            child.wait_with_output()
        })?;
        Ok(Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Did it end with status 0?
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// Its standard output, if it succeeded.
    ///
    /// # Errors
    /// When it failed; the error shows what it said.
    pub fn output(self) -> Result<String> {
        ensure!(
            self.success(),
            "status {:?}\nstdout: {}\nstderr: {}",
            self.status,
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }
}
