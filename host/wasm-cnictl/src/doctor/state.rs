//! What `wasm-cni` has on record, held against the kernel.

use runtime::operator::{Missing, Operator, Swept};
use store::LeaseKind;

use super::finding::{Finding, Severity};

const SUBJECT: &str = "state";

/// What is on record.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Why the state can't be read or written.
    pub(super) problem: Option<String>,
    /// What a sweep would remove.
    pub(super) leftovers: Swept,
    /// Addresses in quarantine.
    pub(super) quarantined: usize,
    /// Attachments that no sweep can prove gone: IPAM gave their addresses for a namespace that was not there.
    pub(super) without_netns: Vec<String>,
    /// Rules and switches that attachments need and that are gone.
    pub(super) missing: Vec<Missing>,
}

impl State {
    /// Asks store and kernel; nothing is changed.
    pub(super) fn gather(operator: &Operator) -> Self {
        let gathered = || -> Result<Self, runtime::Cause> {
            operator.check_writable()?;
            let leases = operator.leases(None)?;
            let quarantined = leases
                .iter()
                .filter(|lease| lease.state.kind() == LeaseKind::Quarantined);
            let attachments = operator.attachments(None)?;
            let without_netns = attachments.iter().filter(|record| record.netns.is_none());
            Ok(Self {
                problem: None,
                without_netns: without_netns
                    .map(|record| record.attachment.to_string())
                    .collect(),
                leftovers: operator.sweepable(None)?,
                quarantined: quarantined.count(),
                missing: operator.missing()?,
            })
        };
        gathered().unwrap_or_else(|cause| Self {
            problem: Some(cause.to_string()),
            ..Self::default()
        })
    }

    /// What is not as it should be.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(problem) = &self.problem {
            findings.push(Severity::Error.finding(
                SUBJECT,
                "state",
                format!("it can't be used, so no container can be attached: {problem}"),
                "run as root; see that the directories exist, are root's own, and have room",
            ));
        }
        let freed = self.leftovers.freed.len();
        let removed = &self.leftovers.removed;
        if !removed.is_empty() || freed > 0 {
            findings.push(Severity::Warning.finding(
                SUBJECT,
                "leases",
                format!(
                    "{} attachments are gone and were never deleted ({}), and {freed} addresses wait in quarantine for nothing",
                    removed.len(),
                    some_of(removed)
                ),
                "wasm-cnictl gc; if it happens again, see in the runtime's log why DEL is not called or fails",
            ));
        }
        let failures = self.leftovers.failures.iter();
        findings.extend(failures.map(|failure| {
            Severity::Warning.finding(
                SUBJECT,
                "leases",
                format!("it can't be told whether an attachment is gone: {failure}"),
                "run `wasm-cnictl attachment show` on it",
            )
        }));
        let doubtful = self.quarantined.saturating_sub(freed);
        if doubtful > 0 {
            findings.push(Severity::Note.finding(
                SUBJECT,
                "leases",
                format!("{doubtful} addresses are in quarantine: somebody may still have them"),
                "see `wasm-cnictl lease list --state quarantined`; free one that nobody has with `wasm-cnictl lease release`",
            ));
        }
        if !self.without_netns.is_empty() {
            findings.push(Severity::Note.finding(
                SUBJECT,
                "leases",
                format!(
                    "{} attachments have addresses and name no network namespace, so no sweep can tell when they are gone ({})",
                    self.without_netns.len(),
                    some_of(&self.without_netns)
                ),
                "DEL and GC release them; free an address that nobody has with `wasm-cnictl lease release`",
            ));
        }
        findings.extend(self.missing.iter().map(|missing| {
            let attachments = &missing.attachments;
            Severity::Error.finding(
                "firewall",
                &missing.what,
                format!(
                    "it is missing, and {} attachments need it ({})",
                    attachments.len(),
                    some_of(attachments)
                ),
                "wasm-cnictl net restore; something has flushed or reloaded the host's rules",
            )
        }));
        findings
    }
}

/// The first few.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    if names.len() > SHOWN {
        shown.push("…");
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_state_is_not_mentioned() {
        assert_eq!(State::default().judge(), []);
    }

    #[test]
    fn each_defect_has_its_own_remedy() {
        let state = State {
            problem: None,
            leftovers: Swept {
                removed: (0..5).map(|n| format!("pods/{n}/eth0")).collect(),
                freed: vec!["10.1.0.2".parse().unwrap()],
                failures: Vec::new(),
            },
            quarantined: 3,
            without_netns: vec!["pods/agent/eth0".into()],
            missing: vec![Missing {
                what: "masquerade of 10.1.0.2".into(),
                attachments: vec!["pods/a/eth0".into()],
            }],
        };
        let findings = state.judge();
        let severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(
            severities,
            [
                Severity::Warning,
                Severity::Note,
                Severity::Note,
                Severity::Error
            ]
        );
        assert!(
            findings[0].problem.starts_with("5 attachments") && findings[0].problem.contains('…')
        );
        assert!(findings[1].problem.starts_with("2 addresses"));
        assert!(findings[2].problem.contains("pods/agent/eth0"));
        assert!(findings[3].remedy.contains("net restore"));
    }
}
