use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::log::Level;

/// The node's own settings file; only root may write it.
pub const SETTINGS_FILE: &str = "/etc/wasm-cni/config.json";
const LARGEST: u64 = 64 * 1024;

/// Where this node keeps what. Fixed, or set in [`SETTINGS_FILE`]; never taken from the environment, which belongs to
/// whoever calls us.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// State that dies with the boot: leases and attachment records.
    pub run_directory: PathBuf,
    /// State that survives it: plugins, their precompiled files, durable storage.
    pub state_directory: PathBuf,
    /// The log file; bounded, one older file is kept beside it.
    pub log_file: PathBuf,
    /// The list of sysctls that stages may set, in the form of the reference plugin tuning; without the file each sysctl of
    /// the container's network may be set.
    pub sysctl_allow_list: PathBuf,
    /// What is logged besides errors.
    pub log_level: Level,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            run_directory: "/run/wasm-cni".into(),
            state_directory: "/var/lib/wasm-cni".into(),
            log_file: "/var/log/wasm-cni/wasm-cni.log".into(),
            sysctl_allow_list: "/etc/cni/tuning/allowlist.conf".into(),
            log_level: Level::Info,
        }
    }
}

/// The settings file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It can't be read.
    #[error("settings file {path} can't be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else than root could have written it.
    #[error(
        "settings file {path} is not trusted: it must belong to root and be writable by root alone (owner {owner}, mode {mode:o})"
    )]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not what it should be.
    #[error("settings file {path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        source: serde_json::Error,
    },
}

impl Settings {
    /// The node's settings: the file's where there is one, else the fixed ones.
    ///
    /// # Errors
    /// When the file is there and can't be read, trusted or understood.
    pub fn load() -> Result<Self, SettingsError> {
        Self::from_file(Path::new(SETTINGS_FILE))
    }

    /// As [`Settings::load`], from a file that a tool or a test names.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let io = |source| SettingsError::Io {
            path: path.into(),
            source,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(io(error)),
        };
        // The descriptor is judged, not the path: a path can change under us.
        let metadata = file.metadata().map_err(io)?;
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        if owner != 0 || mode & 0o022 != 0 {
            return Err(SettingsError::Untrusted {
                path: path.into(),
                owner,
                mode,
            });
        }
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text).map_err(io)?;
        serde_json::from_slice(&text).map_err(|source| SettingsError::Invalid {
            path: path.into(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn without_a_file_the_fixed_places_hold() {
        let settings = Settings::from_file(Path::new("/nonexistent/wasm-cni")).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_file_that_others_can_write_is_not_trusted() {
        let file = file("{}", 0o666);
        assert!(matches!(
            Settings::from_file(file.path()),
            Err(SettingsError::Untrusted { .. })
        ));
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let file = file(r#"{"runDir":"/x"}"#, 0o600);
        // Only root's files are trusted, so another user sees that error first.
        let error = Settings::from_file(file.path()).unwrap_err().to_string();
        assert!(
            error.contains("runDir") || error.contains("not trusted"),
            "{error}"
        );
    }
}
