use std::fs::File;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::Directory;
use crate::store::error::StoreError;

impl Directory {
    /// Makes a directory in this one, for its owner alone, unless it exists.
    pub(in crate::store) fn make_directory(&self, name: &str) -> Result<Self, StoreError> {
        match mkdirat(&self.descriptor, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(self.failed(name, errno.into())),
        }
        let made = self.open_directory(name)?;
        made.ok_or_else(|| self.failed(name, io::ErrorKind::NotFound.into()))
    }

    /// Writes a file for its owner alone: whoever looks sees the old content or the new, also after a crash.
    pub(in crate::store) fn write_file(
        &self,
        name: &str,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let draft = format!(".{name}.new");
        let _ = unlinkat(&self.descriptor, draft.as_str(), UnlinkatFlags::NoRemoveDir);
        let written = self.write_draft(&draft, content).and_then(|()| {
            renameat(&self.descriptor, draft.as_str(), &self.descriptor, name)?;
            fsync(&self.descriptor)?;
            Ok(())
        });
        written.map_err(|source| self.failed(name, source))
    }

    fn write_draft(&self, draft: &str, content: &[u8]) -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let owner_only = Mode::S_IRUSR | Mode::S_IWUSR;
        let descriptor = openat(
            &self.descriptor,
            draft,
            flags | OFlag::O_CLOEXEC,
            owner_only,
        )?;
        let mut file = File::from(descriptor);
        file.write_all(content)?;
        file.sync_all()
    }
}
