//! Running one plugin: found on the search path, fed a request, its answer read.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use cni::error::ErrorObject;
use cni::ids::{ContainerId, InterfaceName, PluginType};
use cni::verb::Verb;
use serde_json::{Map, Value};

use super::failure::{Cause, PluginFailure};
use crate::output;

/// Most that is read of a plugin's standard output, in bytes.
const MAX_OUTPUT_BYTES: u64 = 4 * 1024 * 1024;

/// Longest line of standard error that is passed on in one piece, in bytes.
const MAX_LINE_BYTES: u64 = 16 * 1024;

/// Most of standard error that is kept for a message, in bytes.
const KEPT_STDERR_BYTES: usize = 4096;

/// How often and how long to wait for an executable that is being written, as the reference
/// library does: whoever installs it has it open still.
const BUSY_RETRIES: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The directories in which plugins are looked for, in order.
#[derive(Debug, Clone)]
pub(crate) struct SearchPath(Vec<PathBuf>);

impl SearchPath {
    /// Directories separated by colons; empty parts are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        Self(
            text.split(':')
                .filter(|part| !part.is_empty())
                .map(PathBuf::from)
                .collect(),
        )
    }

    /// The directories.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.0
    }

    /// The first regular file of that name.
    pub(crate) fn find(&self, plugin: &PluginType) -> Option<PathBuf> {
        self.0
            .iter()
            .map(|directory| directory.join(plugin.as_str()))
            .find(|path| path.is_file())
    }

    /// The directories as `CNI_PATH` spells them.
    fn joined(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|part| part.display().to_string())
            .collect();
        parts.join(":")
    }
}

/// The variables of one call besides the verb and the search path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Variables<'a> {
    /// `CNI_CONTAINERID` and `CNI_IFNAME`; absent on GC and STATUS.
    pub(crate) attachment: Option<(&'a ContainerId, &'a InterfaceName)>,
    /// `CNI_NETNS`; on DEL it may be absent.
    pub(crate) netns: Option<&'a Path>,
    /// `CNI_ARGS`.
    pub(crate) arguments: Option<&'a str>,
}

/// Calls `plugin` and returns what it wrote to standard output.
///
/// # Errors
/// When it can't be run, and when it fails; then with the error object that it printed.
pub(crate) fn call(
    verb: Verb,
    plugin: &PluginType,
    path: &SearchPath,
    variables: Variables<'_>,
    request: &Map<String, Value>,
) -> Result<Vec<u8>, PluginFailure> {
    let failed = |cause| PluginFailure {
        verb,
        plugin: plugin.clone(),
        cause,
    };
    let executable = path.find(plugin).ok_or_else(|| {
        failed(Cause::NotFound {
            searched: path.joined(),
        })
    })?;
    let command = command(&executable, verb, path, variables);
    let request = serde_json::to_vec(request).map_err(|error| failed(Cause::Run(error.into())))?;
    run(command, plugin, request).map_err(failed)
}

/// The command with its environment: ours, less every `CNI_` variable, plus those of the call.
fn command(executable: &Path, verb: Verb, path: &SearchPath, variables: Variables<'_>) -> Command {
    let mut command = Command::new(executable);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CNI_") {
            command.env_remove(name);
        }
    }
    command
        .env("CNI_COMMAND", verb.as_str())
        .env("CNI_PATH", path.joined());
    if let Some((container_id, interface_name)) = variables.attachment {
        command.env("CNI_CONTAINERID", container_id.as_str());
        command.env("CNI_IFNAME", interface_name.as_str());
        // The reference library sets these even when they are empty, and plugins of its kind ask for them.
        command.env("CNI_NETNS", variables.netns.unwrap_or(Path::new("")));
        command.env("CNI_ARGS", variables.arguments.unwrap_or_default());
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(mut command: Command, plugin: &PluginType, request: Vec<u8>) -> Result<Vec<u8>, Cause> {
    let mut child = spawn(&mut command).map_err(Cause::Run)?;
    let name = plugin.as_str();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // Three pipes that may each fill up: one thread for each of the two that are not read here.
    let (answer, said) = thread::scope(|scope| {
        scope.spawn(|| feed(stdin, &request));
        let said = scope.spawn(|| match stderr {
            Some(stderr) => pass_on(stderr, |line| output::remark(&format!("{name}: {line}"))),
            None => String::new(),
        });
        let answer = read_answer(stdout, &mut child);
        (answer, said.join().unwrap_or_default())
    });
    let status = child.wait().map_err(Cause::Run)?;
    let answer = answer?;
    if status.success() {
        return Ok(answer);
    }
    Err(match serde_json::from_slice::<ErrorObject>(&answer) {
        Ok(object) => Cause::Reported(Box::new(object)),
        Err(_) => Cause::Silent {
            status,
            stderr: said,
        },
    })
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut retries = BUSY_RETRIES;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && retries > 0 => {
                retries -= 1;
                thread::sleep(BUSY_PAUSE);
            }
            other => return other,
        }
    }
}

/// Writes the request. A plugin need not read it (VERSION, or one that has failed already), so a
/// closed pipe is no failure; the plugin's own answer says how it went.
fn feed(stdin: Option<ChildStdin>, request: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(request);
    }
}

fn read_answer(stdout: Option<ChildStdout>, child: &mut Child) -> Result<Vec<u8>, Cause> {
    let mut answer = Vec::new();
    let Some(stdout) = stdout else {
        return Ok(answer);
    };
    let read = stdout
        .take(MAX_OUTPUT_BYTES + 1)
        .read_to_end(&mut answer)
        .map_err(Cause::Run)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_OUTPUT_BYTES) {
        return Ok(answer);
    }
    // It would write on for ever. That it is gone already is as good.
    let _ = child.kill();
    Err(Cause::TooMuchOutput {
        limit: MAX_OUTPUT_BYTES,
    })
}

/// Passes standard error on, line by line, and returns its end.
fn pass_on(stderr: impl Read, tell: impl Fn(&str)) -> String {
    let mut reader = BufReader::new(stderr);
    let mut kept = String::new();
    loop {
        let mut line = Vec::new();
        // A pipe that can't be read any more has said all that it can.
        match reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return kept,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        tell(line.trim_end());
        kept.push_str(&line);
        let excess = kept.len().saturating_sub(KEPT_STDERR_BYTES);
        kept.drain(..kept.ceil_char_boundary(excess));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_regular_file_on_the_path_is_taken() {
        let first = tempfile::tempdir().unwrap();
        let second = tempfile::tempdir().unwrap();
        std::fs::create_dir(first.path().join("bridge")).unwrap();
        std::fs::write(second.path().join("bridge"), "").unwrap();
        let text = format!("{}::{}", first.path().display(), second.path().display());
        let path = SearchPath::parse(&text);
        let plugin = |name: &str| name.parse::<PluginType>().unwrap();
        assert_eq!(
            path.find(&plugin("bridge")),
            Some(second.path().join("bridge"))
        );
        assert_eq!(path.find(&plugin("ptp")), None);
    }

    #[test]
    fn the_end_of_a_long_standard_error_is_kept() {
        let text = format!("{}\nlast words", "ä".repeat(10_000));
        let told = std::cell::Cell::new(0);
        let kept = pass_on(text.as_bytes(), |_| told.set(told.get() + 1));
        assert!(kept.ends_with("last words"));
        assert!(
            told.get() > 1,
            "a line without end must not be collected first"
        );
        assert!(kept.len() <= KEPT_STDERR_BYTES + 1);
    }
}
