//! Sysctls that several attachments of one container set: networks have their own ideas about `somaxconn`, and the
//! container has one.
//!
//! Each record keeps the value that stood before any of them. Who goes leaves what another still wants, and the last one
//! leaves what stood before. Each of them reads the others' records until its own is written or gone, so they take
//! turns.

use plan::{AttachmentKey, ContainerSysctl, NetnsIdentity, Step, Undo};
use store::{Record, Store, StoreError};

fn restores_sysctl<'a>(mut undos: impl Iterator<Item = &'a Undo>) -> bool {
    undos.any(|undo| matches!(undo, Undo::RestoreSysctl { .. }))
}

/// What other attachments of the same container want, from the oldest to the newest.
#[derive(Debug, Default)]
pub(crate) struct Others(Vec<ContainerSysctl>);

impl Others {
    /// What a record whose container is not known has beside it, and one that sets no sysctl.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Those of the attachments beside this one.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) fn beside(
        store: &Store,
        own: &AttachmentKey,
        netns: &NetnsIdentity,
    ) -> Result<Self, StoreError> {
        let records = store.records_in_netns(netns.cookie)?;
        let others = records
            .iter()
            .filter(|record| record.attachment.key() != *own);
        Ok(Self(others.flat_map(sysctls).cloned().collect()))
    }

    /// As [`Others::beside`], for what a record takes back. The store is asked only if that is a sysctl.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) fn beside_record<'a>(
        store: &Store,
        record: &Record,
        undos: impl Iterator<Item = &'a Undo>,
    ) -> Result<Self, StoreError> {
        match &record.netns {
            Some(netns) if restores_sysctl(undos) => {
                Self::beside(store, &record.attachment.key(), netns)
            }
            _ => Ok(Self::NONE),
        }
    }

    /// The sysctl, with the value that stood before the first of all who set it.
    pub(crate) fn since_the_first(&self, wanted: ContainerSysctl) -> ContainerSysctl {
        let previous = wanted.previous.as_deref();
        let of_another = self
            .of(&wanted.path)
            .find(|other| previous.is_some_and(|previous| same(previous, &other.value)));
        match of_another {
            Some(other) => ContainerSysctl {
                previous: other.previous.clone(),
                ..wanted
            },
            None => wanted,
        }
    }

    /// The undo that leaves what the newest of the others wants.
    pub(crate) fn respecting(&self, undo: Undo) -> Undo {
        match undo {
            Undo::RestoreSysctl {
                netns,
                path,
                ours,
                previous,
            } => {
                let newest = self.of(&path).last().map(|other| other.value.clone());
                Undo::RestoreSysctl {
                    netns,
                    path,
                    ours,
                    previous: newest.unwrap_or(previous),
                }
            }
            undo => undo,
        }
    }

    /// Does another attachment want another value?
    pub(crate) fn contests(&self, wanted: &ContainerSysctl) -> bool {
        self.of(&wanted.path)
            .any(|other| !same(&other.value, &wanted.value))
    }

    fn of(&self, path: &str) -> impl Iterator<Item = &ContainerSysctl> {
        self.0.iter().filter(move |other| other.path == path)
    }
}

/// The kernel separates numbers by tabs.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn sysctls(record: &Record) -> impl Iterator<Item = &ContainerSysctl> {
    let steps = record.parts.iter().flat_map(|part| &part.steps);
    steps.filter_map(|step| match step {
        Step::Sysctl(sysctl) => Some(sysctl),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysctl(value: &str, previous: &str) -> ContainerSysctl {
        ContainerSysctl {
            path: "net/core/somaxconn".into(),
            value: value.into(),
            previous: Some(previous.into()),
        }
    }

    fn undo(wanted: &ContainerSysctl) -> Undo {
        let netns = NetnsIdentity {
            cookie: 1,
            path: String::new(),
            nsid: None,
        };
        Step::Sysctl(wanted.clone()).undo(&netns).unwrap()
    }

    fn restores(undo: &Undo) -> &str {
        match undo {
            Undo::RestoreSysctl { previous, .. } => previous,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_stood_before_the_first_is_known_to_the_last() {
        let others = Others(vec![sysctl("511", "128"), sysctl("600", "128")]);
        let third = others.since_the_first(sysctl("700", "600"));
        assert_eq!(third, sysctl("700", "128"));
        // Somebody else has set this one meanwhile.
        let foreign = others.since_the_first(sysctl("700", "1000"));
        assert_eq!(foreign, sysctl("700", "1000"));
    }

    #[test]
    fn who_goes_leaves_what_the_newest_of_the_others_wants() {
        let own = undo(&sysctl("700", "128"));
        let others = Others(vec![sysctl("511", "128"), sysctl("600", "128")]);
        assert_eq!(restores(&others.respecting(own.clone())), "600");
        assert_eq!(restores(&Others::NONE.respecting(own)), "128");
    }

    #[test]
    fn a_value_that_is_written_otherwise_is_the_same() {
        let others = Others(vec![sysctl("4096 16384", "1 2")]);
        assert!(!others.contests(&sysctl("4096\t16384", "")));
        assert!(others.contests(&sysctl("4096", "")));
        let next = others.since_the_first(sysctl("1 1", "4096\t16384"));
        assert_eq!(next.previous.as_deref(), Some("1 2"));
    }
}
