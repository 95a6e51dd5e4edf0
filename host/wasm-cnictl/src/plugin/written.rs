//! A file that a command has made.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::output::Output;
use crate::table;

/// The answer of `plugin componentize` and `plugin compile`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    file: String,
    /// In bytes.
    size: usize,
}

impl Written {
    /// Writes `bytes` to `path`, whole or not at all, so that no build embeds half a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let context = || format!("can't write {}", path.display());
        if path.exists() && !path.is_file() {
            // Such as /dev/null, which must not be replaced.
            File::options()
                .write(true)
                .open(path)?
                .write_all(bytes)
                .with_context(context)?;
        } else {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let mut file =
                NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).with_context(context)?;
            file.write_all(bytes).with_context(context)?;
            let permissions = fs::Permissions::from_mode(0o644);
            file.as_file()
                .set_permissions(permissions)
                .with_context(context)?;
            file.persist(path)
                .map_err(|error| error.error)
                .with_context(context)?;
        }
        Ok(Self {
            file: path.display().to_string(),
            size: bytes.len(),
        })
    }

    /// Says what was written.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(super) fn answer(&self, output: &mut Output) -> anyhow::Result<ExitCode> {
        let bytes = u64::try_from(self.size).unwrap_or(u64::MAX);
        output.answer(self, |written| {
            format!("wrote {}, {}", written.file, table::size(bytes))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_a_device_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        Written::write(&path, b"one").unwrap();
        Written::write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        Written::write(Path::new("/dev/null"), b"x").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        assert!(Written::write(&directory.path().join("no/such"), b"x").is_err());
    }
}
