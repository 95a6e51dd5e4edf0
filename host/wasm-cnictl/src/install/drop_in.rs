//! The names of the reference plugins.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cni::drop_in::KEPT_SUFFIX;
use cni::role::OWN_TYPE;
use runtime::{is_any_build, is_same_executable};

use super::Done;
use super::file::{keep_as, link_into_place};

/// Makes the name lead to the `wasm-cni` of the directory. What was there, if it is another program, is kept.
pub(super) fn install(directory: &Path, name: &str) -> anyhow::Result<Done> {
    let (own, target, kept) = (
        directory.join(OWN_TYPE),
        directory.join(name),
        kept(directory, name),
    );
    if is_same_executable(&own, &target) {
        return Ok(Done::Unchanged);
    }
    let done = if !exists(&target) {
        Done::Installed
    } else if is_ours_at(&target) {
        Done::Updated
    } else {
        // An older one that was kept has been updated by its package since.
        if exists(&kept) {
            fs::remove_file(&kept).with_context(|| kept.display().to_string())?;
        }
        keep_as(&target, &kept)?;
        Done::Replaced
    };
    link_into_place(&own, &target)?;
    Ok(done)
}

/// Takes the name back; None where nothing was ever laid there.
pub(super) fn remove(directory: &Path, name: &str) -> anyhow::Result<Option<Done>> {
    let (target, kept) = (directory.join(name), kept(directory, name));
    let failed = || format!("can't take {} back", target.display());
    let is_foreign = exists(&target) && !is_ours_at(&target);
    match (exists(&kept), is_foreign) {
        (_, true) => Ok(exists(&kept).then_some(Done::Foreign)),
        (true, false) => {
            fs::rename(&kept, &target).with_context(failed)?;
            Ok(Some(Done::Restored))
        }
        (false, false) if exists(&target) => {
            fs::remove_file(&target).with_context(failed)?;
            Ok(Some(Done::Removed))
        }
        (false, false) => Ok(None),
    }
}

fn kept(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{}", KEPT_SUFFIX))
}

/// A link that leads nowhere is there as well.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_ours_at(path: &Path) -> bool {
    is_any_build(path).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "version 2 of wasm-cni:plugin/";

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    fn content(directory: &tempfile::TempDir) -> Vec<(String, String)> {
        let mut content: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        content.sort();
        content
    }

    #[test]
    fn there_and_back_again() {
        let before = [
            ("bridge", "reference"),
            ("dhcp", "reference"),
            ("wasm-cni", OURS),
        ];
        let directory = directory(&before);
        let install = |name| install(directory.path(), name).unwrap();
        let remove = |name| remove(directory.path(), name).unwrap();
        assert_eq!(install("bridge"), Done::Replaced);
        assert_eq!(install("tuning"), Done::Installed);
        assert_eq!(install("bridge"), Done::Unchanged);
        let own = |file: (&str, &str)| (file.0.to_owned(), file.1.to_owned());
        let during = [
            ("bridge", OURS),
            ("bridge.reference", "reference"),
            ("dhcp", "reference"),
            ("tuning", OURS),
            ("wasm-cni", OURS),
        ];
        assert_eq!(content(&directory), during.map(own));
        assert_eq!(remove("bridge"), Some(Done::Restored));
        assert_eq!(remove("tuning"), Some(Done::Removed));
        assert_eq!(remove("tuning"), None);
        assert_eq!(remove("dhcp"), None);
        assert_eq!(content(&directory), before.map(own));
    }

    #[test]
    fn another_version_of_ours_is_not_kept() {
        let directory = directory(&[
            ("bridge", "version 1 of wasm-cni:plugin/"),
            ("wasm-cni", OURS),
        ]);
        assert_eq!(install(directory.path(), "bridge").unwrap(), Done::Updated);
        assert!(!directory.path().join("bridge.reference").exists());
    }

    #[test]
    fn what_a_package_has_put_back_is_left_and_kept_anew() {
        let directory = directory(&[
            ("bridge", "newer reference"),
            ("bridge.reference", "reference"),
            ("wasm-cni", OURS),
        ]);
        assert_eq!(
            remove(directory.path(), "bridge").unwrap(),
            Some(Done::Foreign)
        );
        assert_eq!(install(directory.path(), "bridge").unwrap(), Done::Replaced);
        let kept = fs::read_to_string(directory.path().join("bridge.reference")).unwrap();
        assert_eq!(kept, "newer reference");
    }
}
