//! The only place that prints.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap_complete::Shell;
use serde::Serialize;
use serde_json::json;

use crate::net::PluginFailure;
use crate::printable;

/// Where a command's answer goes: standard output for the answer, standard error for remarks.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Answers as JSON where `json`, else as text.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// The answer: `data` as JSON, or what `text` makes of it.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn answer<T: Serialize>(
        &mut self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let shown = if self.json {
            serde_json::to_string_pretty(data)?
        } else {
            text(data)
        };
        write(&shown).context("can't write to standard output")
    }

    /// A remark for people, which is no part of the answer.
    pub(crate) fn remark(&self, text: &str) {
        remark(text);
    }

    /// What failed: the causes as text on standard error and, with `--json`, as an object with the
    /// one field `error` on standard output.
    pub(crate) fn failure(&mut self, error: &anyhow::Error) {
        let message = message(error);
        remark(&format!("error: {message}"));
        let reported = error
            .downcast_ref::<PluginFailure>()
            .and_then(PluginFailure::object);
        let details = reported
            .map(|object| &object.details)
            .filter(|text| !text.is_empty());
        if let Some(details) = details {
            remark(&format!("details: {details}"));
        }
        if self.json {
            let code = reported.map(|object| object.code);
            let object = json!({"error": {"message": message, "code": code, "details": details}});
            // The exit status says that it failed, even where this can't be written.
            let _ = write(&printable::json(&format!("{object:#}")));
        }
    }

    /// A shell's completion script for `command`.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn completions(
        &mut self,
        shell: Shell,
        command: &mut clap::Command,
    ) -> anyhow::Result<ExitCode> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, command, name, &mut script);
        write(String::from_utf8_lossy(&script).trim_end())
            .context("can't write to standard output")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How the program ends after an answer: as a failure where the answer tells of one.
pub(crate) fn exit_code(fine: bool) -> ExitCode {
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The error with its causes, each said once: some errors' texts hold their cause's already.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

/// Writes `text` and a line's end. A reader that has gone away (`| head`) is no failure.
fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line to standard error, best effort: nobody could be told that it failed.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable::lines(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("no such file")
            .context("a: no such file")
            .context("b");
        assert_eq!(message(&error), "b: a: no such file");
    }
}
