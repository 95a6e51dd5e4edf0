//! The node's log file. A runtime shows a plugin's stderr only sometimes, so what happened must stand in a file.
//!
//! Lines are of the form `key=value` (logfmt): `time`, `level`, then the fields of a call, or `msg` alone.

mod fields;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::settings::Settings;

pub(crate) use fields::Fields;

/// The file is turned over at this size, so that at most twice as much is on disk.
const LARGEST: u64 = 4 * 1024 * 1024;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For whoever writes a plugin.
    Debug,
    /// One line a call.
    Info,
    /// Something that an operator should look at.
    Warning,
    /// A call failed.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Appends lines to the log file. Never fails: a call must not fail because it can't be logged.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    file: PathBuf,
    level: Level,
}

impl Log {
    /// The log that the node's settings ask for.
    #[must_use]
    pub(crate) fn of(settings: &Settings) -> Self {
        Self::new(&settings.log_file, settings.log_level)
    }

    /// A log that keeps lines of `level` and above, and errors always.
    pub(crate) fn new(file: &Path, level: Level) -> Self {
        Self {
            file: file.into(),
            level: level.min(Level::Error),
        }
    }

    /// Writes a line that says this.
    pub(crate) fn write(&self, level: Level, text: &str) {
        let mut fields = Fields::default();
        fields.add("msg", text);
        self.line(level, &fields);
    }

    /// Writes a line with these fields.
    pub(crate) fn line(&self, level: Level, fields: &Fields) {
        if level < self.level {
            return;
        }
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let line = format!("time={time} level={}{fields}\n", level.name());
        // Best effort: there is nobody to tell.
        let _ = self.append(line.as_bytes());
    }

    fn append(&self, line: &[u8]) -> std::io::Result<()> {
        let open = || {
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(&self.file)
        };
        let mut file = match open() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if let Some(parent) = self.file.parent() {
                    fs::DirBuilder::new()
                        .recursive(true)
                        .mode(0o750)
                        .create(parent)?;
                }
                open()?
            }
            other => other?,
        };
        if file.metadata()?.len() > LARGEST {
            fs::rename(&self.file, self.file.with_extension("log.1"))?;
            file = open()?;
        }
        file.write_all(line)
    }
}

/// The text with control characters replaced, so that no plugin can forge a line or steer a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_cannot_forge_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sub/wasm-cni.log");
        let log = Log::new(&file, Level::Info);
        log.write(Level::Error, "one\n2026 error forged\x1b[2J");
        log.write(Level::Debug, "not kept");
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn the_file_is_turned_over_when_it_is_large() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("wasm-cni.log");
        fs::write(&file, vec![b'x'; usize::try_from(LARGEST).unwrap() + 1]).unwrap();
        Log::new(&file, Level::Info).write(Level::Info, "fresh");
        assert!(
            fs::read_to_string(&file)
                .unwrap()
                .ends_with("level=info msg=fresh\n")
        );
        assert!(directory.path().join("wasm-cni.log.1").exists());
    }
}
