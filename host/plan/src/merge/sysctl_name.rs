//! Names of sysctls, as sysctl(8) reads them.

/// Why a name is none of the container's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SysctlNameError {
    /// It is not about the network.
    #[error("only names that begin with `net.` belong to the container's network namespace")]
    NotNet,
    /// It has an empty part, or one that leads elsewhere.
    #[error("the name has an empty part, or one of `.` and `..`")]
    Malformed,
    /// It is about a link that is not the attachment's.
    #[error("{0} is not this attachment's interface")]
    OtherLink(String),
}

/// The directories below `net/<family>/` whose entries are links.
const PER_LINK: [&str; 2] = ["conf", "neigh"];
/// Entries there that stand for no single link.
const ALL_LINKS: [&str; 3] = ["all", "default", "lo"];

/// The path below `/proc/sys` of a sysctl of the container. Parts are separated by what comes first, a dot or a slash; the
/// other one then belongs to a name (sysctl(8): `net.ipv4.conf.eth0/100.forwarding`).
///
/// # Errors
/// [`SysctlNameError`]: the name is not about the container, or about another interface of it than this.
pub fn sysctl_path(name: &str, interface: &str) -> Result<String, SysctlNameError> {
    let dotted = name.find(['.', '/']).and_then(|at| name.get(at..=at)) == Some(".");
    let path: String = if dotted {
        let swap = |letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        };
        name.chars().map(swap).collect()
    } else {
        name.to_owned()
    };
    let parts: Vec<&str> = path.split('/').collect();
    if parts
        .iter()
        .any(|part| matches!(*part, "" | "." | "..") || part.contains('\0'))
    {
        return Err(SysctlNameError::Malformed);
    }
    match parts.as_slice() {
        ["net", _family, directory, link, _, ..] if PER_LINK.contains(directory) => {
            if *link == interface || ALL_LINKS.contains(link) {
                Ok(path)
            } else {
                Err(SysctlNameError::OtherLink((*link).to_owned()))
            }
        }
        ["net", _, ..] => Ok(path),
        _ => Err(SysctlNameError::NotNet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_separators_are_read_as_sysctl_reads_them() {
        for (name, path) in [
            ("net.core.somaxconn", "net/core/somaxconn"),
            ("net/core/somaxconn", "net/core/somaxconn"),
            (
                "net.ipv4.conf.eth0/1.arp_filter",
                "net/ipv4/conf/eth0.1/arp_filter",
            ),
            (
                "net/ipv4/conf/eth0.1/arp_filter",
                "net/ipv4/conf/eth0.1/arp_filter",
            ),
            (
                "net.ipv6.conf.all.forwarding",
                "net/ipv6/conf/all/forwarding",
            ),
        ] {
            assert_eq!(sysctl_path(name, "eth0.1").as_deref(), Ok(path), "{name}");
        }
    }

    #[test]
    fn nothing_but_the_containers_network_is_reached() {
        for name in [
            "kernel.shmmax",
            "vm.swappiness",
            "net",
            "fs/../net/x",
            "",
            "network.x",
        ] {
            assert!(sysctl_path(name, "eth0").is_err(), "{name}");
        }
        for name in [
            "net.ipv4.//.x",
            "net/../kernel/x",
            "net..x",
            "net/./x",
            "net.ipv4.",
        ] {
            assert_eq!(
                sysctl_path(name, "eth0"),
                Err(SysctlNameError::Malformed),
                "{name}"
            );
        }
        assert_eq!(
            sysctl_path("net.ipv4.conf.eth1.forwarding", "eth0"),
            Err(SysctlNameError::OtherLink("eth1".into()))
        );
    }
}
