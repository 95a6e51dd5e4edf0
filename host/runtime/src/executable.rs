//! Is a file that `CNI_PATH` leads to this program, by whatever name?

use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// This program's own file, also after another has taken its place.
const OWN: &str = "/proc/self/exe";
/// The package of our contract with plugins, which every version of the executable holds and no other CNI plugin does.
const MARK: &[u8] = b"wasm-cni:plugin/";
const CHUNK: usize = 64 * 1024;

/// Whether the file is this very program: a link to it, or an identical copy.
#[must_use]
pub(crate) fn is_ourselves(file: &Path) -> bool {
    is_same(file, Path::new(OWN))
}

/// Whether two files are one, by links, or are identical copies. Files that can't be read are not.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(first), Ok(second)) = (fs::metadata(one), fs::metadata(other)) else {
        return false;
    };
    if identity(&first) == identity(&second) {
        return true;
    }
    // Other vendors' executables have other lengths, so they are not read.
    first.len() == second.len() && have_same_bytes(one, other).unwrap_or(false)
}

/// Whether the file is this program, of whatever version and build. It is read to its end if it is not.
///
/// # Errors
/// When it can't be read.
pub fn is_any_build(file: &Path) -> io::Result<bool> {
    contains(BufReader::new(File::open(file)?), MARK)
}

/// The executable that runs us as its delegate, if it is this program: another build, since it would have done our work
/// itself.
pub(crate) fn calling_build() -> Option<PathBuf> {
    let of_parent = PathBuf::from(format!("/proc/{}/exe", parent_id()));
    let is_ours = is_any_build(&of_parent).unwrap_or(false);
    is_ours.then(|| fs::read_link(&of_parent).unwrap_or(of_parent))
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn have_same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut first, mut second) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
    loop {
        first.clear();
        second.clear();
        one.by_ref().take(chunk).read_to_end(&mut first)?;
        other.by_ref().take(chunk).read_to_end(&mut second)?;
        if first != second {
            return Ok(false);
        }
        if first.is_empty() {
            return Ok(true);
        }
    }
}

fn contains(mut file: impl Read, mark: &[u8]) -> io::Result<bool> {
    let mut window = Vec::with_capacity(CHUNK + mark.len());
    let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
    loop {
        let read = file.by_ref().take(chunk).read_to_end(&mut window)?;
        if window.windows(mark.len()).any(|bytes| bytes == mark) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        // The mark may begin in this chunk and end in the next.
        let kept = window.len().saturating_sub(mark.len());
        window.drain(..kept);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_copies_are_the_same_and_others_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let content = vec![7; 3 * CHUNK + 1];
        fs::write(path("a"), &content).unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        symlink(path("a"), path("soft")).unwrap();
        fs::copy(path("a"), path("copy")).unwrap();
        for same in ["a", "hard", "soft", "copy"] {
            assert!(is_same(&path("a"), &path(same)), "{same}");
        }
        let mut changed = content;
        *changed.last_mut().unwrap() = 8;
        fs::write(path("other"), changed).unwrap();
        for other in ["other", "absent"] {
            assert!(!is_same(&path("a"), &path(other)), "{other}");
        }
        assert!(!is_ourselves(&path("a")));
        assert!(is_ourselves(&std::env::current_exe().unwrap()));
    }

    #[test]
    fn a_mark_is_found_wherever_it_is() {
        for before in [0, 1, CHUNK - 3, CHUNK, 2 * CHUNK - MARK.len()] {
            let mut bytes = vec![b'w'; before];
            bytes.extend_from_slice(MARK);
            bytes.push(0);
            assert!(contains(bytes.as_slice(), MARK).unwrap(), "{before}");
            bytes.truncate(before + MARK.len() - 1);
            assert!(!contains(bytes.as_slice(), MARK).unwrap(), "{before}");
        }
    }
}
