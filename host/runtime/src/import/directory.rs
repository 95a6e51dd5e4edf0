//! The reference plugin host-local's directory of a network: a file for each address, with the container and its interface.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cni::ids::{ContainerId, InterfaceName};

const LOCK: &str = "lock";
const CURSOR: &str = "last_reserved_ip.";
/// An id has no length limit, but such a file is no reservation.
const LARGEST_FILE: u64 = 64 * 1024;
/// The reference holds its lock for a directory's scan, which takes a second at 100,000 addresses.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Who holds addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    /// The container.
    pub(crate) container_id: ContainerId,
    /// Its interface; versions before 0.7 did not write it down.
    pub(crate) interface_name: Option<InterfaceName>,
}

/// What the files say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reservations {
    /// The addresses of each holder, ascending.
    pub(crate) holders: BTreeMap<Holder, Vec<IpAddr>>,
    /// The address that was handed out last, of each range set.
    pub(crate) last: Vec<IpAddr>,
    /// Files that say nothing of use, with the reason.
    pub(crate) unusable: Vec<String>,
}

/// A directory that is locked against the reference plugin until this is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    directory: PathBuf,
    _lock: File,
}

/// The networks that have a directory in the reference plugin's data directory, by name.
///
/// # Errors
/// When it can't be read.
pub(crate) fn networks(data_directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data_directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl Locked {
    /// Locks as the reference plugin does (flock(2) of the file `lock`).
    ///
    /// # Errors
    /// When the file can't be opened, or others hold the lock too long.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(LOCK);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::Error(error)) => return Err(error),
                Err(fs::TryLockError::WouldBlock) if begin.elapsed() < LOCK_WAIT => {
                    sleep(Duration::from_millis(5));
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("{} is held by another process; try again", path.display()),
                    ));
                }
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: file,
        })
    }

    /// Reads all files.
    ///
    /// # Errors
    /// When the directory or a file can't be read.
    pub(crate) fn read(&self) -> io::Result<Reservations> {
        let mut reservations = Reservations::default();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == LOCK {
                continue;
            }
            let metadata = entry.metadata()?;
            if !metadata.is_file() || metadata.len() > LARGEST_FILE {
                reservations
                    .unusable
                    .push(format!("{name}: not a file that host-local writes"));
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            reservations.add(&name, &text);
        }
        reservations
            .holders
            .values_mut()
            .for_each(|held| held.sort());
        reservations.last.sort();
        reservations.unusable.sort();
        Ok(reservations)
    }
}

impl Reservations {
    fn add(&mut self, name: &str, text: &str) {
        let problem = if name.starts_with(CURSOR) {
            match text.trim().parse() {
                Ok(last) => {
                    self.last.push(last);
                    return;
                }
                Err(_) => "it holds no address".to_owned(),
            }
        } else {
            match name.parse::<IpAddr>() {
                Ok(address) => match holder(text) {
                    Ok(holder) => {
                        self.holders.entry(holder).or_default().push(address);
                        return;
                    }
                    Err(problem) => problem,
                },
                Err(_) => "its name is no address".to_owned(),
            }
        };
        self.unusable.push(format!("{name}: {problem}"));
    }
}

/// `<container id>\r\n<interface>`, or the id alone.
fn holder(text: &str) -> Result<Holder, String> {
    let mut lines = text.trim().lines().map(str::trim);
    let container_id = lines.next().unwrap_or_default();
    let interface_name = lines.next().filter(|line| !line.is_empty());
    Ok(Holder {
        container_id: container_id
            .parse()
            .map_err(|error| format!("container id: {error}"))?,
        interface_name: interface_name
            .map(str::parse)
            .transpose()
            .map_err(|error| format!("interface: {error}"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Reservations {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        Locked::open(directory.path()).unwrap().read().unwrap()
    }

    #[test]
    fn the_files_of_every_version_are_read() {
        let found = of(&[
            ("10.1.0.3", "web-0\r\neth0"),
            ("10.1.0.2", "web-0\r\neth0"),
            ("fd00::2", "web-0\r\neth0\n"),
            ("10.1.0.4", "old"),
            ("last_reserved_ip.0", "10.1.0.4"),
            ("last_reserved_ip.1", "fd00::2"),
        ]);
        let text = |holder: &Holder| {
            let interface = holder.interface_name.as_ref();
            format!(
                "{} {}",
                holder.container_id,
                interface.map_or("-", AsRef::as_ref)
            )
        };
        let holders: Vec<_> = found
            .holders
            .iter()
            .map(|(holder, held)| (text(holder), held.len()))
            .collect();
        assert_eq!(holders, [("old -".into(), 1), ("web-0 eth0".into(), 3)]);
        assert_eq!(found.last.len(), 2);
        assert_eq!(found.unusable, [""; 0]);
    }

    #[test]
    fn what_is_no_reservation_is_told() {
        let found = of(&[
            ("10.1.0.2", ""),
            ("10.1.0.3", "../x\r\neth0"),
            ("10.1.0.4", "a\r\ne/th"),
            ("notes", "x"),
            ("last_reserved_ip.0", "soon"),
        ]);
        assert!(found.holders.is_empty());
        assert_eq!(found.unusable.len(), 5, "{:?}", found.unusable);
    }

    #[test]
    fn two_do_not_read_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let locked = Locked::open(directory.path()).unwrap();
        let other = File::open(directory.path().join(LOCK)).unwrap();
        assert!(matches!(
            other.try_lock(),
            Err(fs::TryLockError::WouldBlock)
        ));
        drop(locked);
        other.try_lock().unwrap();
    }
}
