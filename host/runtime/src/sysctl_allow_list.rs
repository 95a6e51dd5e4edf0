//! Which sysctls the operator lets stages set: the reference plugin tuning's file, one regular expression a line.
//!
//! Expressions are anchored here, which the reference's are not: `net.ipv4.conf.IFNAME.arp_filter` allows that sysctl and
//! not every name that holds it. `IFNAME` stands for the attachment's interface. Without the file every sysctl of the
//! container's network is allowed; others never are.

use std::io;
use std::path::{Path, PathBuf};

use plan::{Change, Merged, Objection, sysctl_path};
use regex_lite::Regex;

/// The file can't be used. A list that can't be read allows nothing.
#[derive(Debug, thiserror::Error)]
pub enum AllowListError {
    /// It can't be read.
    #[error("the list of allowed sysctls {path} can't be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no regular expression.
    #[error("the list of allowed sysctls {path}, line {line}: {source}")]
    Expression {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong.
        source: regex_lite::Error,
    },
}

/// What speaks against the sysctls of a chain.
///
/// # Errors
/// The list can't be used.
pub(crate) fn objections(
    path: &Path,
    merged: &Merged,
    interface: &str,
) -> Result<Vec<Objection>, AllowListError> {
    let wanted = merged.stages.iter().flat_map(|stage| {
        let sysctls = stage.changes.iter().filter_map(|change| match change {
            Change::SetSysctl(sysctl) => Some(sysctl),
            _ => None,
        });
        sysctls.map(|sysctl| (&stage.stage, sysctl))
    });
    let mut wanted = wanted.peekable();
    if wanted.peek().is_none() {
        return Ok(Vec::new());
    }
    let Some(allowed) = read(path)? else {
        return Ok(Vec::new());
    };
    let refused = wanted.filter(|(_, sysctl)| {
        let names = spellings(&sysctl.name, interface);
        !allowed
            .iter()
            .any(|expression| names.iter().any(|name| expression.is_match(name)))
    });
    let objections = refused.map(|(stage, sysctl)| Objection::Refused {
        stage: stage.clone(),
        change: Change::SetSysctl(sysctl.clone()).to_string(),
        why: format!("{} does not allow it", path.display()),
    });
    Ok(objections.collect())
}

/// None: there is no list.
fn read(path: &Path) -> Result<Option<Vec<Regex>>, AllowListError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(AllowListError::Io {
                path: path.into(),
                source,
            });
        }
    };
    let lines = text.lines().map(str::trim).enumerate();
    let expressions = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    expressions
        .map(|(index, line)| {
            Regex::new(&format!("^(?:{line})$")).map_err(|source| AllowListError::Expression {
                path: path.into(),
                line: index + 1,
                source,
            })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// The name as written, with dots, and with `IFNAME`.
fn spellings(name: &str, interface: &str) -> Vec<String> {
    let mut spellings = vec![name.to_owned()];
    if let Ok(path) = sysctl_path(name, interface) {
        let parts: Vec<&str> = path.split('/').collect();
        spellings.push(parts.join("."));
        let general: Vec<&str> = parts
            .into_iter()
            .map(|part| if part == interface { "IFNAME" } else { part })
            .collect();
        spellings.push(general.join("."));
    }
    spellings
}

#[cfg(test)]
mod tests {
    use plan::{StageChanges, StageName, Sysctl};

    use super::*;

    fn refused(list: Option<&str>, name: &str) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("allowlist.conf");
        if let Some(list) = list {
            std::fs::write(&path, list).unwrap();
        }
        let stage = StageName {
            plugin: "tuning".into(),
            position: Some(0),
        };
        let sysctl = Sysctl {
            name: name.into(),
            value: "1".into(),
        };
        let merged = Merged {
            stages: vec![StageChanges {
                stage,
                changes: vec![Change::SetSysctl(sysctl)],
            }],
            ..Merged::default()
        };
        !objections(&path, &merged, "eth0").unwrap().is_empty()
    }

    #[test]
    fn without_a_list_all_is_allowed_and_an_empty_one_allows_nothing() {
        assert!(!refused(None, "net.core.somaxconn"));
        assert!(refused(Some(""), "net.core.somaxconn"));
        assert!(refused(
            Some("# net.core.somaxconn\n"),
            "net.core.somaxconn"
        ));
    }

    #[test]
    fn expressions_match_whole_names_in_every_spelling() {
        let list = Some("net.core.somaxconn\n^net\\.ipv4\\.conf\\.IFNAME\\.arp_[a-z]+$\n");
        assert!(!refused(list, "net.core.somaxconn"));
        assert!(!refused(list, "net/core/somaxconn"));
        assert!(!refused(list, "net.ipv4.conf.eth0.arp_filter"));
        assert!(refused(list, "net.ipv4.conf.all.arp_filter"));
        assert!(refused(list, "net.core.somaxconn_other"));
        assert!(refused(list, "x.net.core.somaxconn"));
    }

    #[test]
    fn a_list_that_is_no_expression_allows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("allowlist.conf");
        std::fs::write(&path, "ok\n(\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
