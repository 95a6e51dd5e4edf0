//! Which container and namespace the command line means.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use cni::ids::ContainerId;
use nix::sys::statfs::{FsType, statfs};

/// Where `ip netns` puts names of namespaces.
const NAMED: &str = "/run/netns";

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS: FsType = FsType(0x6e73_6673);

/// The path of a namespace: what has a slash is a path, else a name as `ip netns` gives them.
pub(crate) fn netns_path(netns: &str) -> PathBuf {
    if netns.contains('/') {
        PathBuf::from(netns)
    } else {
        Path::new(NAMED).join(netns)
    }
}

/// Checks that a network namespace, or at least some namespace, is mounted at `path`.
///
/// # Errors
/// When it isn't.
pub(crate) fn require_netns(path: &Path) -> anyhow::Result<()> {
    let context = || {
        format!(
            "{} is no network namespace; make one with `ip netns add NAME` and give its name, or \
             give a path such as /proc/PID/ns/net",
            path.display()
        )
    };
    let filesystem = statfs(path).with_context(context)?.filesystem_type();
    ensure!(filesystem == NSFS, context());
    Ok(())
}

/// Is no namespace at `path` any more? Only what the kernel says plainly counts as gone.
pub(crate) fn netns_is_gone(path: &Path) -> bool {
    match statfs(path) {
        Ok(status) => status.filesystem_type() != NSFS,
        Err(error) => matches!(
            error,
            nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::ESRCH
        ),
    }
}

/// A container id for a namespace that has no container: the last part of its path, for
/// `/proc/PID/ns/net` the process.
///
/// # Errors
/// When no id can be made of it.
pub(crate) fn container_id(netns: &Path) -> anyhow::Result<ContainerId> {
    let parts: Vec<&str> = netns.iter().filter_map(|part| part.to_str()).collect();
    let name = match parts.as_slice() {
        [.., "proc", process, "ns", "net"] => format!("pid-{process}"),
        [.., last] => (*last).to_owned(),
        [] => String::new(),
    };
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || "_.-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(fits).collect();
    name.trim_start_matches(['_', '.', '-'])
        .parse()
        .with_context(|| {
            format!(
                "no container id follows from {}; give one with --container-id",
                netns.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_ip_netns_made() {
        assert_eq!(netns_path("blue"), Path::new("/run/netns/blue"));
        assert_eq!(netns_path("/proc/1/ns/net"), Path::new("/proc/1/ns/net"));
    }

    #[test]
    fn container_ids_follow_from_the_namespace() {
        let id = |path: &str| container_id(Path::new(path)).map(|id| id.to_string());
        assert_eq!(id("/run/netns/blue").unwrap(), "blue");
        assert_eq!(id("/run/netns/-a b").unwrap(), "a-b");
        assert_eq!(id("/proc/42/ns/net").unwrap(), "pid-42");
        assert!(id("/run/netns/...").is_err());
        assert!(id("/").is_err());
    }

    #[test]
    fn only_a_namespace_counts_as_one() {
        assert!(require_netns(Path::new("/proc/self/ns/net")).is_ok());
        assert!(!netns_is_gone(Path::new("/proc/self/ns/net")));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(
            require_netns(file.path())
                .unwrap_err()
                .to_string()
                .contains("ip netns add")
        );
        assert!(netns_is_gone(file.path()));
        assert!(netns_is_gone(Path::new("/run/netns/no such namespace")));
    }
}
