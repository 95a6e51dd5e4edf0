#[cfg(feature = "compiler")]
mod write;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::error::StoreError;
use super::trust::{self, Distrust, Kind};

/// Bytes of a usual file that is read whole; a larger one takes a few more reads.
const EXPECTED: usize = 2048;

/// An open directory, to which every step was taken without following a link and was checked on the open descriptor.
#[derive(Debug)]
pub(super) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens an absolute path, step by step from the root. None if it does not exist.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut steps = path.components();
        if steps.next() != Some(Component::RootDir) {
            return Err(untrusted(path, Distrust::Path));
        }
        let root = File::open("/").map_err(|source| failed(Path::new("/"), source))?;
        let mut directory = Self {
            descriptor: root.into(),
            path: PathBuf::from("/"),
        };
        directory.check(&directory.path, &directory.descriptor, Kind::Directory)?;
        for step in steps {
            let Component::Normal(name) = step else {
                return Err(untrusted(path, Distrust::Path));
            };
            let name = name
                .to_str()
                .ok_or_else(|| untrusted(path, Distrust::Path))?;
            match directory.open_directory(name)? {
                Some(below) => directory = below,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    /// Opens a directory in this one. None if it does not exist.
    pub(super) fn open_directory(&self, name: &str) -> Result<Option<Self>, StoreError> {
        let descriptor = self.open_checked(name, OFlag::O_DIRECTORY, Kind::Directory)?;
        let path = self.path.join(name);
        Ok(descriptor.map(|descriptor| Self { descriptor, path }))
    }

    /// Opens a regular file for reading. None if it does not exist.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>, StoreError> {
        // O_NONBLOCK: opening a FIFO would wait for its writer, and the kind is only known afterwards.
        let descriptor = self.open_checked(name, OFlag::O_NONBLOCK, Kind::File)?;
        Ok(descriptor.map(File::from))
    }

    /// Reads a regular file of at most `limit` bytes. None if it does not exist.
    pub(super) fn read_file(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        let mut content = Vec::with_capacity(EXPECTED);
        let read = file.take(limit).read_to_end(&mut content);
        read.map_err(|source| self.failed(name, source))?;
        Ok(Some(content))
    }

    /// The names of what is in it, in no order.
    pub(super) fn entries(&self) -> Result<Vec<String>, StoreError> {
        let failed = |source| failed(&self.path, source);
        let names = fs::read_dir(format!("/proc/self/fd/{}", self.descriptor.as_raw_fd()));
        let names = names.map_err(failed)?;
        let name = |entry: io::Result<fs::DirEntry>| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(source) => Some(Err(failed(source))),
        };
        names.filter_map(name).collect()
    }

    pub(super) fn remove_file(&self, name: &str) -> Result<(), StoreError> {
        self.unlink(name, UnlinkatFlags::NoRemoveDir)
    }

    pub(super) fn remove_directory(&self, name: &str) -> Result<(), StoreError> {
        self.unlink(name, UnlinkatFlags::RemoveDir)
    }

    fn unlink(&self, name: &str, how: UnlinkatFlags) -> Result<(), StoreError> {
        match unlinkat(&self.descriptor, name, how) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.failed(name, errno.into())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn failed(&self, name: &str, source: io::Error) -> StoreError {
        failed(&self.path.join(name), source)
    }

    fn open_checked(
        &self,
        name: &str,
        flags: OFlag,
        kind: Kind,
    ) -> Result<Option<OwnedFd>, StoreError> {
        let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let path = self.path.join(name);
        match openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => {
                self.check(&path, &descriptor, kind)?;
                Ok(Some(descriptor))
            }
            Err(Errno::ENOENT) => Ok(None),
            // With O_NOFOLLOW a link is ELOOP, or ENOTDIR with O_DIRECTORY; what it is decides what is said.
            Err(errno @ (Errno::ELOOP | Errno::ENOTDIR)) => {
                let found = fstatat(&self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW);
                let found = found.map_err(|errno| failed(&path, errno.into()))?;
                self.judge(&path, &found, kind)?;
                Err(failed(&path, errno.into()))
            }
            Err(errno) => Err(failed(&path, errno.into())),
        }
    }

    fn check(&self, path: &Path, descriptor: &OwnedFd, kind: Kind) -> Result<(), StoreError> {
        let found = fstat(descriptor).map_err(|errno| failed(path, errno.into()))?;
        self.judge(path, &found, kind)
    }

    fn judge(&self, path: &Path, found: &FileStat, kind: Kind) -> Result<(), StoreError> {
        let judged = trust::check(found, kind, geteuid().as_raw());
        judged.map_err(|distrust| untrusted(path, distrust))
    }
}

fn untrusted(path: &Path, distrust: Distrust) -> StoreError {
    StoreError::Untrusted {
        path: path.to_owned(),
        distrust,
    }
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
