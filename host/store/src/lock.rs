use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use plan::AttachmentKey;

use crate::Store;

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another thread of this one, has it.
    #[error("another call has the lock and has not finished after {waited:?}")]
    Busy {
        /// How long we waited.
        waited: Duration,
    },
    /// The lock file failed.
    #[error("can't lock {path}: {source}")]
    File {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// An attachment's lock, held until dropped; the kernel frees it when the process dies.
#[derive(Debug)]
pub struct AttachmentLock {
    _file: File,
}

/// A container's lock, held until dropped; the kernel frees it when the process dies.
#[derive(Debug)]
pub struct ContainerLock {
    _file: File,
}

/// A sweep's lock, held until dropped; the kernel frees it when the process dies.
#[derive(Debug)]
pub struct SweepLock {
    _file: File,
}

/// The node's lock, held until dropped; the kernel frees it when the process dies.
#[derive(Debug)]
pub struct NodeLock {
    _file: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

/// The offset of a lock and its length must both fit.
const LARGEST_BYTE: i64 = i64::MAX >> 1;

/// How long [`lock`] sleeps between two tries: doubled from the first to the last.
const BACK_OFF: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(10));

impl Store {
    /// Locks the attachment against every other call, waiting at most so long.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the wait is over.
    pub fn lock_attachment(
        &self,
        attachment: &AttachmentKey,
        wait: Duration,
    ) -> Result<AttachmentLock, LockError> {
        let path = self.path().join("attachments.lock");
        let file = lock(&path, byte_of(attachment), Mode::Exclusive, wait)?;
        Ok(AttachmentLock { _file: file })
    }

    /// Locks the attachment if nobody else has it locked.
    ///
    /// # Errors
    /// [`LockError::Busy`] if somebody has.
    pub fn try_lock_attachment(
        &self,
        attachment: &AttachmentKey,
    ) -> Result<AttachmentLock, LockError> {
        self.lock_attachment(attachment, Duration::ZERO)
    }

    /// Locks what the attachments of one container share, waiting at most so long. `cookie` is that of its network namespace.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the wait is over.
    pub fn lock_container(&self, cookie: u64, wait: Duration) -> Result<ContainerLock, LockError> {
        let path = self.path().join("containers.lock");
        let byte = cookie.cast_signed() & LARGEST_BYTE;
        let file = lock(&path, byte, Mode::Exclusive, wait)?;
        Ok(ContainerLock { _file: file })
    }

    /// For a sweep at the end of a call: one at a time, and none within `pause` after another one, for the calls of a storm
    /// would all sweep. None while it is not time yet.
    ///
    /// # Errors
    /// [`LockError::Busy`] if somebody sweeps.
    pub fn try_lock_sweep(&self, pause: Duration) -> Result<Option<SweepLock>, LockError> {
        let path = self.path().join("sweep.lock");
        let last = std::fs::metadata(&path).and_then(|file| file.modified());
        // A time to come is that of a clock that was set back.
        if last.is_ok_and(|last| last.elapsed().is_ok_and(|since| since < pause)) {
            return Ok(None);
        }
        let file = lock(&path, 0, Mode::Exclusive, Duration::ZERO)?;
        file.set_modified(SystemTime::now())
            .map_err(|source| LockError::File { path, source })?;
        Ok(Some(SweepLock { _file: file }))
    }

    /// For calls that use the objects that attachments share: they exclude nobody but a purge.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the wait is over.
    pub fn lock_node_shared(&self, wait: Duration) -> Result<NodeLock, LockError> {
        self.lock_node(Mode::Shared, wait)
    }

    /// For a purge of shared objects: no call is running meanwhile.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the wait is over.
    pub fn lock_node_exclusive(&self, wait: Duration) -> Result<NodeLock, LockError> {
        self.lock_node(Mode::Exclusive, wait)
    }

    fn lock_node(&self, mode: Mode, wait: Duration) -> Result<NodeLock, LockError> {
        let file = lock(&self.path().join("node.lock"), 0, mode, wait)?;
        Ok(NodeLock { _file: file })
    }
}

/// Each attachment has its own byte of one file, far behind the file's end. Two share one with a chance of 2^-63, and
/// then only wait for each other.
fn byte_of(attachment: &AttachmentKey) -> i64 {
    let head = attachment
        .as_bytes()
        .first_chunk()
        .copied()
        .unwrap_or_default();
    i64::from_be_bytes(head) & LARGEST_BYTE
}

/// Locks one byte. An OFD lock belongs to the open file description, so each lock has its own: two locks of one process
/// are independent, and two threads exclude each other (`fcntl_locking(2)`).
pub(crate) fn lock(path: &Path, byte: i64, mode: Mode, wait: Duration) -> Result<File, LockError> {
    let _span = tracing::trace_span!(target: "wasm_cni", "lock").entered();
    let failed = |source| LockError::File {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(failed)?;
    let request = libc::flock {
        l_type: match mode {
            Mode::Shared => libc::F_RDLCK as libc::c_short,
            Mode::Exclusive => libc::F_WRLCK as libc::c_short,
        },
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    let begin = Instant::now();
    let mut pause = BACK_OFF.0;
    loop {
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&request)) {
            Ok(_) => return Ok(file),
            Err(Errno::EAGAIN | Errno::EACCES) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failed(errno.into())),
        }
        let left = wait.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(LockError::Busy { waited: wait });
        }
        sleep(pause.min(left));
        pause = pause.saturating_mul(2).min(BACK_OFF.1);
    }
}

#[cfg(test)]
mod tests;
