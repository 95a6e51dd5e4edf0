use nix::sys::stat::{FileStat, SFlag};

/// Why something on the way to native code is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Its owner could change it.
    #[error(
        "it belongs to user {owner}, and only root and user {expected} are trusted; `chown` it"
    )]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who runs us.
        expected: u32,
    },
    /// Others than its owner could change it.
    #[error("others than its owner can write to it (mode {mode:03o}); `chmod go-w` it")]
    Writable {
        /// Its permission bits.
        mode: u32,
    },
    /// It leads elsewhere.
    #[error("it is a symbolic link; put the directory or file itself there")]
    SymbolicLink,
    /// Neither directory nor regular file, or the other one of the two.
    #[error("it is not a {0}")]
    WrongKind(&'static str),
    /// Relative, or with `..`.
    #[error("it is not an absolute path without `..`")]
    Path,
}

/// What something is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
}

/// Could anybody but root and `user` have put it there or changed it?
///
/// A directory with the sticky bit (`/tmp`) may be writable to all: others can't rename what is not theirs, and that it is
/// ours is checked one level below.
pub(super) fn check(found: &FileStat, kind: Kind, user: u32) -> Result<(), Distrust> {
    let format = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
    match (kind, format) {
        (Kind::Directory, SFlag::S_IFDIR) | (Kind::File, SFlag::S_IFREG) => {}
        (_, SFlag::S_IFLNK) => return Err(Distrust::SymbolicLink),
        (Kind::Directory, _) => return Err(Distrust::WrongKind("directory")),
        (Kind::File, _) => return Err(Distrust::WrongKind("regular file")),
    }
    let owner = found.st_uid;
    if owner != 0 && owner != user {
        return Err(Distrust::Owner {
            owner,
            expected: user,
        });
    }
    let mode = found.st_mode & 0o7777;
    let sticky = kind == Kind::Directory && mode & 0o1000 != 0;
    if mode & 0o022 != 0 && !sticky {
        return Err(Distrust::Writable { mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::fstat;

    use super::*;

    /// The stat of a real thing, made to belong to `owner` with `mode`.
    fn stat(kind: Kind, owner: u32, mode: u32) -> FileStat {
        let directory = tempfile::tempdir().unwrap();
        let path = match kind {
            Kind::Directory => directory.path().to_owned(),
            Kind::File => {
                let path = directory.path().join("file");
                fs::write(&path, "").unwrap();
                path
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mut stat = fstat(File::open(&path).unwrap()).unwrap();
        stat.st_uid = owner;
        stat
    }

    #[test]
    fn what_root_or_the_user_alone_can_write_is_trusted() {
        for owner in [0, 1000] {
            assert_eq!(
                check(&stat(Kind::File, owner, 0o644), Kind::File, 1000),
                Ok(())
            );
            assert_eq!(
                check(&stat(Kind::Directory, owner, 0o755), Kind::Directory, 1000),
                Ok(())
            );
        }
    }

    #[test]
    fn another_owner_is_not_trusted() {
        let refused = check(&stat(Kind::File, 1000, 0o600), Kind::File, 0);
        assert_eq!(
            refused,
            Err(Distrust::Owner {
                owner: 1000,
                expected: 0
            })
        );
    }

    #[test]
    fn what_others_can_write_is_not_trusted() {
        for mode in [0o620, 0o602, 0o666] {
            let refused = check(&stat(Kind::File, 0, mode), Kind::File, 0);
            assert_eq!(refused, Err(Distrust::Writable { mode }));
        }
    }

    #[test]
    fn the_sticky_bit_excuses_directories_only() {
        assert_eq!(
            check(&stat(Kind::Directory, 0, 0o1777), Kind::Directory, 0),
            Ok(())
        );
        assert!(check(&stat(Kind::Directory, 0, 0o777), Kind::Directory, 0).is_err());
        assert!(check(&stat(Kind::File, 0, 0o1666), Kind::File, 0).is_err());
    }

    #[test]
    fn a_directory_is_no_file_and_the_other_way_round() {
        assert!(check(&stat(Kind::Directory, 0, 0o700), Kind::File, 0).is_err());
        assert!(check(&stat(Kind::File, 0, 0o600), Kind::Directory, 0).is_err());
    }
}
