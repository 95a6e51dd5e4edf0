use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::StoreError;
use crate::environment::file_error;

/// Where the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// For what dies with the boot: leases, records, attachment-scoped storage (`/run/wasm-cni`). The state lies in
    /// `<root>/<boot id>/<cookie>/`, so that a torn file of an earlier boot is never opened and runtimes in different
    /// host namespaces never share one.
    pub root: PathBuf,
    /// For what stays: durable storage, in `<persistent root>/storage/` (`/var/lib/wasm-cni`). Touched only when used.
    pub persistent_root: PathBuf,
    /// `/proc/sys/kernel/random/boot_id`, without the line's end.
    pub boot_id: String,
    /// `SO_NETNS_COOKIE` of the host's network namespace.
    pub netns_cookie: u64,
}

impl Location {
    /// The directory of this boot's and namespace's state.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.boot_directory()
            .join(format!("{:016x}", self.netns_cookie))
    }

    pub(crate) fn durable_directory(&self) -> PathBuf {
        self.persistent_root.join("storage")
    }

    fn boot_directory(&self) -> PathBuf {
        self.root.join(&self.boot_id)
    }

    /// Makes the directory and its parents where they are missing, and refuses one that others can write to: LMDB trusts
    /// its files.
    pub(crate) fn prepare(&self) -> Result<PathBuf, StoreError> {
        if !is_boot_id(&self.boot_id) {
            return Err(StoreError::InvalidBootId(
                self.boot_id.chars().take(64).collect(),
            ));
        }
        let directory = self.directory();
        if !directory.exists() {
            make(&directory)?;
        }
        for path in [&self.root, &self.boot_directory(), &directory] {
            require_own(path)?;
        }
        Ok(directory)
    }

    pub(crate) fn prepare_durable(&self) -> Result<PathBuf, StoreError> {
        let directory = self.durable_directory();
        if !directory.exists() {
            make(&directory)?;
        }
        for path in [&self.persistent_root, &directory] {
            require_own(path)?;
        }
        Ok(directory)
    }

    /// Deletes what other boots have left, unopened. What can't be deleted does no harm, and the next new store tries
    /// again.
    pub(crate) fn delete_other_boots(&self) {
        let Ok(entries) = self.root.read_dir() else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let other = name
                .to_str()
                .is_some_and(|name| is_boot_id(name) && name != self.boot_id);
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if other && is_directory {
                let _: io::Result<()> = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits (`Documentation/admin-guide/sysctl/kernel.rst`, "random").
fn is_boot_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn make(directory: &Path) -> Result<(), StoreError> {
    fault_point::before("the directory of a new store");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| file_error("make", directory, error))
}

fn require_own(path: &Path) -> Result<(), StoreError> {
    let meta = path
        .symlink_metadata()
        .map_err(|error| file_error("look at", path, error))?;
    if is_own(&meta) {
        Ok(())
    } else {
        Err(StoreError::InsecureDirectory {
            path: path.to_owned(),
        })
    }
}

fn is_own(meta: &Metadata) -> bool {
    meta.is_dir() && meta.uid() == geteuid().as_raw() && meta.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_boot_ids_look_like_boot_ids() {
        assert!(is_boot_id("6fe4a9cb-0c3f-4bd5-9a5e-3a6a3b3c9d10"));
        for other in [
            "",
            "storage",
            "..",
            "6fe4a9cb0c3f4bd59a5e3a6a3b3c9d10",
            "6fe4a9cb-0c3f-4bd5-9a5e-3a6a3b3c9d1/",
        ] {
            assert!(!is_boot_id(other), "{other}");
        }
    }
}
