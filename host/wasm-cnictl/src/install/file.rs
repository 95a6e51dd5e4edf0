//! Files of a directory that others run at any moment: each name changes from one whole file to another.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use tempfile::{NamedTempFile, TempPath};

/// Puts a copy of a file into a place, at once.
pub(super) fn copy_into_place(source: &Path, target: &Path) -> anyhow::Result<()> {
    let copy = || -> io::Result<()> {
        let mut new = NamedTempFile::new_in(directory_of(target))?;
        io::copy(&mut File::open(source)?, new.as_file_mut())?;
        new.as_file()
            .set_permissions(fs::Permissions::from_mode(0o755))?;
        // After a crash the name must lead to a whole file.
        new.as_file().sync_all()?;
        new.persist(target)?;
        Ok(())
    };
    copy().with_context(|| format!("can't write {}", target.display()))
}

/// Makes a name lead to the same file as another of its directory, at once; where there are no hard links, to a copy.
pub(super) fn link_into_place(source: &Path, target: &Path) -> anyhow::Result<()> {
    let link = || -> io::Result<()> {
        let new = free_name(target)?;
        fs::hard_link(source, &new)?;
        new.persist(target)?;
        Ok(())
    };
    match link() {
        Ok(()) => Ok(()),
        Err(_) => copy_into_place(source, target),
    }
}

/// Keeps what a name leads to under another one as well; where there are no hard links, under that one alone.
pub(super) fn keep_as(file: &Path, kept: &Path) -> anyhow::Result<()> {
    fs::hard_link(file, kept)
        .or_else(|_| fs::rename(file, kept))
        .with_context(|| format!("can't keep {} as {}", file.display(), kept.display()))
}

fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// A name in the directory of `file` that nobody has.
fn free_name(file: &Path) -> io::Result<TempPath> {
    let path = NamedTempFile::new_in(directory_of(file))?.into_temp_path();
    fs::remove_file(&path)?;
    Ok(path)
}
