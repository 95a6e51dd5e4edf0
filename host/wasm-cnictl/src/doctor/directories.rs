//! Directories and files that only root may be able to change, with each of their parents.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Severity};

const SUBJECT: &str = "permissions";

/// Where something lies, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) owner: u32,
    /// Permission bits, the sticky one among them.
    pub(super) mode: u32,
    pub(super) is_directory: bool,
}

/// All places on the way to what we trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Directories {
    pub(super) places: Vec<Place>,
    /// What can't be looked at, with the reason.
    pub(super) unseen: Vec<(PathBuf, String)>,
}

impl Directories {
    /// Looks at each path and its parents, as far as they exist. Symbolic links are followed: what counts is what they
    /// lead to.
    pub(super) fn gather<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut found = Self::default();
        let mut known = BTreeSet::new();
        for path in paths {
            let resolved = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            for place in resolved.ancestors() {
                if !place.as_os_str().is_empty() && known.insert(place.to_owned()) {
                    found.look(place);
                }
            }
        }
        found.places.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn look(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) => self.places.push(Place {
                path: path.to_owned(),
                owner: metadata.uid(),
                mode: metadata.mode() & 0o7777,
                is_directory: metadata.is_dir(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.unseen.push((path.to_owned(), error.to_string())),
        }
    }

    /// Which of them others could change.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let unseen = self.unseen.iter().map(|(path, why)| {
            Severity::Error.finding(
                SUBJECT,
                path.display().to_string(),
                format!("it can't be looked at: {why}"),
                "run as root",
            )
        });
        let places = self.places.iter().filter_map(Place::judge);
        places.chain(unseen).collect()
    }
}

impl Place {
    fn judge(&self) -> Option<Finding> {
        let place = self.path.display().to_string();
        if self.owner != 0 {
            let problem = format!(
                "it belongs to user {}, and root trusts what is in it",
                self.owner
            );
            let remedy = format!("chown root {place}");
            return Some(Severity::Error.finding(SUBJECT, place, problem, remedy));
        }
        // Others can't rename what is not theirs in a directory with the sticky bit.
        let sticky = self.is_directory && self.mode & 0o1000 != 0;
        if self.mode & 0o022 != 0 && !sticky {
            let problem = format!("others than root can write to it (mode {:o})", self.mode);
            let remedy = format!("chmod go-w {place}");
            return Some(Severity::Error.finding(SUBJECT, place, problem, remedy));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(owner: u32, mode: u32, is_directory: bool) -> Place {
        Place {
            path: "/run/wasm-cni".into(),
            owner,
            mode,
            is_directory,
        }
    }

    #[test]
    fn only_what_others_can_change_is_found() {
        for sound in [
            place(0, 0o755, true),
            place(0, 0o1777, true),
            place(0, 0o600, false),
        ] {
            assert_eq!(sound.judge(), None);
        }
        for (unsound, remedy) in [
            (place(1000, 0o700, true), "chown root /run/wasm-cni"),
            (place(0, 0o775, true), "chmod go-w /run/wasm-cni"),
            (place(0, 0o1666, false), "chmod go-w /run/wasm-cni"),
        ] {
            assert_eq!(unsound.judge().unwrap().remedy, remedy);
        }
    }

    #[test]
    fn parents_are_looked_at_once_and_what_is_missing_is_no_finding() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("a");
        fs::create_dir(&inside).unwrap();
        let missing = inside.join("missing");
        let found = Directories::gather([inside.as_path(), missing.as_path()]);
        let paths: Vec<_> = found
            .places
            .iter()
            .map(|place| place.path.clone())
            .collect();
        assert!(paths.contains(&inside) && paths.contains(&"/".into()));
        assert!(!paths.contains(&missing));
        assert_eq!(paths.iter().filter(|path| **path == inside).count(), 1);
        assert_eq!(found.unseen, []);
    }
}
