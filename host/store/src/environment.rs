use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, WithoutTls};
use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use nix::libc::{self, O_NOFOLLOW};
use nix::sys::statvfs::statvfs;

use crate::StoreError;
use crate::key::{Key, Table};
use crate::transaction::{Snapshot, View, Writing};

mod headroom;

/// The format of everything under an environment: keys, values, records.
pub(crate) const FORMAT: u32 = 1;

/// Sparse: address space, not memory.
const MAP_BYTES: usize = 1 << 30;
const MAX_READERS: u32 = 4096;
/// LMDB's reader table, 64 bytes a reader behind a header, rounded up to whole pages with room to spare.
const LOCK_FILE_BYTES: i64 = MAX_READERS as i64 * 64 + 8192;

/// Whether commits reach the disk before they return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Never: the contents die with the boot, and the page cache survives every process.
    UntilReboot,
    /// Each commit is synced.
    Synced,
}

/// One LMDB environment with one tree. Each call is one short transaction; none is held between calls, since a reader
/// that stalls keeps every page written after it from being used again.
#[derive(Debug)]
pub(crate) struct Environment {
    env: Env<WithoutTls>,
    path: PathBuf,
}

/// What an environment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Created, and its creator has not finished.
    Unfinished,
}

/// Touching LMDB's lock file while this process has the environment open would drop the process's own record locks on
/// it (closing *any* descriptor of a file does), so preparing and opening happen one at a time.
static OPENING: Mutex<()> = Mutex::new(());

impl Environment {
    /// Opens without preparing; None if the lock file was not preallocated in full yet.
    pub(crate) fn open_prepared(
        directory: &Path,
        durability: Durability,
    ) -> Result<Option<Self>, StoreError> {
        let _one = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = match std::fs::metadata(lock_file(directory)) {
            Ok(meta) => i64::try_from(meta.len()).is_ok_and(|bytes| bytes >= LOCK_FILE_BYTES),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(file_error("look at", &lock_file(directory), source)),
        };
        if prepared {
            open(directory, durability).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Preallocates the lock file, then opens. The caller excludes other processes that do the same.
    pub(crate) fn prepare_and_open(
        directory: &Path,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let _one = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let open_here = directory
            .canonicalize()
            .ok()
            .and_then(heed::env_closing_event);
        if open_here.is_some() {
            return Err(StoreError::AlreadyOpen {
                path: directory.to_owned(),
            });
        }
        preallocate(&lock_file(directory))?;
        open(directory, durability)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `f` on a snapshot.
    pub(crate) fn read<T>(
        &self,
        f: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "store").entered();
        let tree = self.tree()?;
        let txn = self.env.read_txn().map_err(StoreError::from)?;
        f(&Snapshot::new(tree, txn).view())
    }

    /// Runs `f` in the environment's only write transaction; commits if it succeeds, else nothing has happened.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&mut Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _span = tracing::trace_span!(target: "wasm_cni", "store").entered();
        let tree = self.tree()?;
        let txn = self.env.write_txn().map_err(StoreError::from)?;
        let mut writing = Writing::new(tree, txn);
        let value = f(&mut writing)?;
        fault_point::before("a commit");
        writing
            .commit()
            .map_err(|error| self.name_short_write(error))?;
        Ok(value)
    }

    /// LMDB reports a write that was cut short, which is what a file system does that fills up in its midst, as EIO.
    fn name_short_write(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Lmdb(heed::Error::Io(cause))
                if cause.raw_os_error() == Some(Errno::EIO as i32)
                    && statvfs(&self.path).is_ok_and(|fs| fs.blocks_available() == 0) =>
            {
                StoreError::NoSpace
            }
            error => error,
        }
    }

    /// Checks the format, and tells whether the creator has finished.
    pub(crate) fn readiness(&self) -> Result<Readiness, StoreError> {
        let (format, ready) = self.read(|view| {
            let format = view.get(&format_key())?.map(<[u8]>::to_vec);
            Ok((format, view.get(&ready_key())?.is_some()))
        })?;
        match format.map(|bytes| <[u8; 4]>::try_from(bytes.as_slice()).map(u32::from_be_bytes)) {
            None => Ok(Readiness::Unfinished),
            Some(Ok(FORMAT)) if ready => Ok(Readiness::Ready),
            Some(Ok(FORMAT)) => Ok(Readiness::Unfinished),
            Some(Ok(found)) if found > FORMAT => Err(StoreError::NewerFormat {
                path: self.path.clone(),
                found,
                supported: FORMAT,
            }),
            Some(_) => Err(StoreError::corrupt("the format's number")),
        }
    }

    /// Empties the environment and writes its format; not ready yet.
    pub(crate) fn initialise(&self) -> Result<(), StoreError> {
        self.write(|w| {
            w.clear()?;
            w.put(&format_key(), &FORMAT.to_be_bytes())
        })
    }

    #[cfg(test)]
    pub(crate) fn inner(&self) -> &Env<WithoutTls> {
        &self.env
    }

    fn tree(&self) -> Result<Database<'_, Bytes, Bytes>, StoreError> {
        let txn = self.env.read_txn().map_err(StoreError::from)?;
        let opened = self.env.open_databases_and_commit(txn, |opener, txn| {
            let tree = opener.open_database::<Bytes, Bytes>(txn, None)?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tree))
        })?;
        opened
            .commit()
            .flatten()
            .ok_or(StoreError::corrupt("the tree"))
    }
}

pub(crate) fn mark_ready(w: &mut Writing<'_>) -> Result<(), StoreError> {
    w.put(&ready_key(), &[1])
}

pub(crate) fn format_key() -> Key {
    Key::of(Table::Meta).bytes(b"format")
}

fn ready_key() -> Key {
    Key::of(Table::Meta).bytes(b"ready")
}

fn lock_file(directory: &Path) -> PathBuf {
    directory.join("lock.mdb")
}

pub(crate) fn file_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    if source.kind() == io::ErrorKind::StorageFull {
        return StoreError::NoSpace;
    }
    StoreError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// LMDB writes to its lock file through a mapping, which on a full file system ends in SIGBUS; with its blocks there
/// from the start, it is an error here. The data file is written by `pwrite`, which reports a full file system itself.
fn preallocate(path: &Path) -> Result<(), StoreError> {
    fault_point::before("the lock file of a new store");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW)
        .open(path)
        .map_err(|error| file_error("open", path, error))?;
    loop {
        match posix_fallocate(&file, 0, LOCK_FILE_BYTES) {
            Ok(()) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(file_error("allocate", path, errno.into())),
        }
    }
}

fn open(directory: &Path, durability: Durability) -> Result<Environment, StoreError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES).max_readers(MAX_READERS);
    let flags = match durability {
        Durability::UntilReboot => EnvFlags::NO_SYNC,
        Durability::Synced => EnvFlags::empty(),
    };
    #[allow(unsafe_code, reason = "heed marks mapping a file as unsafe")]
    // SAFETY: the file is changed only by LMDB: it lies in a directory that only this user can write to (checked by the
    // caller), which is never a remote file system. Locking is on. NO_SYNC can tear the file only in a crash of the
    // kernel, and then its directory, named by the boot, is never opened again.
    let env = unsafe { options.flags(flags).open(directory) };
    let env = env.map_err(|error| match error {
        heed::Error::EnvAlreadyOpened => StoreError::AlreadyOpen {
            path: directory.to_owned(),
        },
        heed::Error::Io(source) => file_error("open", directory, source),
        error => StoreError::from(error),
    })?;
    close_on_exec(&env).map_err(|error| file_error("set up", directory, error))?;
    // Slots of readers that were killed; without this a storm of kills fills the table.
    env.clear_stale_readers()?;
    Ok(Environment {
        env,
        path: directory.to_owned(),
    })
}

/// LMDB opens its data file without O_CLOEXEC; a delegated plugin would inherit it.
fn close_on_exec(env: &Env<WithoutTls>) -> io::Result<()> {
    let copy = env.try_clone_inner_file().map_err(io::Error::other)?;
    let ours = copy.metadata()?;
    for fd in 0..copy.as_raw_fd() {
        #[allow(unsafe_code, reason = "heed does not lend the descriptor itself")]
        // SAFETY: fstat writes only into the buffer that it is given and fcntl touches no memory; on a number that is no
        // open descriptor both fail. An all-zero stat is a valid one.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(fd, &raw mut stat) == 0
                && (stat.st_dev, stat.st_ino) == (ours.dev(), ours.ino())
                && libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) != 0
            {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}
