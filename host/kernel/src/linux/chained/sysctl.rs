use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use plan::{ContainerSysctl, Mismatch};

use super::Linux;
use crate::linux::verify::Differences;
use crate::{KernelError, Netns, Undone};

impl Linux {
    pub(in crate::linux) fn set_sysctl(&self, wanted: &ContainerSysctl) -> Result<(), KernelError> {
        let container = self.container(|| format!("setting sysctl {}", wanted.path))?;
        let file = file(&wanted.path)?;
        match read(container, &file) {
            Ok(now) if equal(&now, &wanted.value) => Ok(()),
            // Some can only be written.
            Ok(_) => write(container, &file, &wanted.value),
            Err(KernelError::Sysctl { source, .. }) if is_unreadable(&source) => {
                write(container, &file, &wanted.value)
            }
            Err(error) => Err(error),
        }
    }

    pub(in crate::linux) fn compare_sysctl(
        &self,
        wanted: &ContainerSysctl,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking sysctl {}", wanted.path))?;
        let object = format!("sysctl {}", wanted.path);
        match read_if_there(container, &file(&wanted.path)?)? {
            None => Ok(differences.missing(object)),
            Some(now) => {
                differences.unless(equal(&now, &wanted.value), object, &wanted.value, now);
                Ok(differences.found)
            }
        }
    }

    /// With the value that it has now; None where there is no such sysctl yet.
    pub(super) fn observe_sysctl(
        &self,
        wanted: &ContainerSysctl,
    ) -> Result<ContainerSysctl, KernelError> {
        let container = self.container(|| format!("reading sysctl {}", wanted.path))?;
        Ok(ContainerSysctl {
            previous: read_if_there(container, &file(&wanted.path)?)?,
            ..wanted.clone()
        })
    }
}

pub(super) fn restore(
    netns: &Netns,
    path: &str,
    ours: &str,
    previous: &str,
) -> Result<Undone, KernelError> {
    let file = file(path)?;
    // It went with its interface.
    let Some(now) = read_if_there(netns, &file)? else {
        return Ok(Undone::AlreadyGone);
    };
    if equal(&now, previous) {
        return Ok(Undone::AlreadyGone);
    }
    if !equal(&now, ours) {
        return Ok(Undone::NotOurs { found: now });
    }
    write(netns, &file, previous)?;
    Ok(Undone::Done)
}

pub(super) fn is_ours(
    netns: &Netns,
    path: &str,
    ours: &str,
    previous: &str,
) -> Result<bool, KernelError> {
    let now = read_if_there(netns, &file(path)?)?;
    Ok(now.is_some_and(|now| equal(&now, ours) && !equal(&now, previous)))
}

/// The file of a sysctl of the network: these alone belong to a network namespace.
fn file(path: &str) -> Result<String, KernelError> {
    let mut parts = path.split('/');
    let inside = parts.next() == Some("net");
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if inside && path.len() > "net/".len() && parts.all(plain) {
        Ok(format!("/proc/sys/{path}"))
    } else {
        Err(KernelError::SysctlPath {
            path: path.chars().take(256).collect(),
        })
    }
}

fn is_unreadable(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// `/proc/sys/net` follows the thread that opens a file.
fn read(netns: &Netns, file: &str) -> Result<String, KernelError> {
    let name = file.to_owned();
    let text = netns.run(move || fs::read_to_string(name))?;
    text.map(|text| text.trim().to_owned())
        .map_err(|source| KernelError::Sysctl {
            path: file.to_owned(),
            source,
        })
}

fn read_if_there(netns: &Netns, file: &str) -> Result<Option<String>, KernelError> {
    match read(netns, file) {
        Ok(text) => Ok(Some(text)),
        Err(KernelError::Sysctl { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn write(netns: &Netns, file: &str, value: &str) -> Result<(), KernelError> {
    let name = file.to_owned();
    // A line of its own, so that there is something to write where nothing is the value. In one go: the kernel takes
    // each write for a value.
    let line = format!("{value}\n");
    fault_point::before("a sysctl of the container");
    let outcome = netns.run(move || {
        let mut file = OpenOptions::new().write(true).open(name)?;
        file.write_all(line.as_bytes())
    })?;
    outcome.map_err(|source| KernelError::Sysctl {
        path: file.to_owned(),
        source,
    })
}

/// The kernel separates numbers by tabs, and writes lists of numbers with runs put together.
fn equal(left: &str, right: &str) -> bool {
    let same = |(left, right): (&str, &str)| {
        left == right || runs(left).is_some_and(|left| Some(left) == runs(right))
    };
    let fields = |text: &str| text.split_whitespace().count();
    fields(left) == fields(right)
        && left
            .split_whitespace()
            .zip(right.split_whitespace())
            .all(same)
}

/// `80,443,8000-8010`: first and last of each run, sorted, without gaps of none between them.
fn runs(list: &str) -> Option<Vec<(u64, u64)>> {
    let mut runs: Vec<(u64, u64)> = list
        .split(',')
        .map(|run| {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect::<Option<_>>()?;
    runs.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(runs.len());
    for (first, last) in runs {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_net_are_taken() {
        assert_eq!(
            file("net/ipv4/conf/eth0.5/arp_filter").unwrap(),
            "/proc/sys/net/ipv4/conf/eth0.5/arp_filter"
        );
        for path in [
            "",
            "net",
            "net/",
            "/net/ipv4/ip_forward",
            "kernel/hostname",
            "net/../kernel/hostname",
            "net/./ipv4/ip_forward",
            "net//ipv4",
            "net/ipv4/ip_forward/",
            "net/ipv4/\0",
            "network/x",
            "net.ipv4.ip_forward",
        ] {
            assert!(file(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn values_are_compared_by_fields_and_runs() {
        assert!(equal("4096\t131072\t6291456", "4096 131072 6291456"));
        assert!(equal("", "  "));
        assert!(equal("8080-8082,9000", "9000,8081,8080,8082"));
        assert!(!equal("1", "10"));
        assert!(!equal("1 2", "1"));
        assert!(!equal("cubic", "reno"));
        assert!(!equal("-1", "1"));
    }
}
