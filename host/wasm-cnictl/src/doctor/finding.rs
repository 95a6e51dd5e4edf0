use serde::Serialize;

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Something does not work now.
    Error,
    /// Something will not work by and by, or is not as it should be.
    Warning,
    /// Good to know.
    Note,
}

/// What the examination found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The examination that found it: `kernel`, `networks`, …
    pub(super) subject: &'static str,
    /// The file, network, interface or rule that it is about.
    pub(super) place: String,
    /// What is wrong.
    pub(super) problem: String,
    /// What to do.
    pub(super) remedy: String,
}

impl Severity {
    /// The word that stands before a finding.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// A finding of this severity.
    pub(super) fn finding(
        self,
        subject: &'static str,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: self,
            subject,
            place: place.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// 0: nothing to do, 1: warnings, 2: errors. Notes do not count.
pub(super) fn exit_status(findings: &[Finding]) -> u8 {
    let worst = findings.iter().map(|finding| finding.severity).min();
    match worst {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) => 1,
        Some(Severity::Note) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_is_the_exit_status() {
        let finding = |severity: Severity| severity.finding("kernel", "", "", "");
        let (error, warning, note) = (
            finding(Severity::Error),
            finding(Severity::Warning),
            finding(Severity::Note),
        );
        assert_eq!(exit_status(&[]), 0);
        assert_eq!(exit_status(std::slice::from_ref(&note)), 0);
        assert_eq!(exit_status(&[note, warning.clone()]), 1);
        assert_eq!(exit_status(&[warning, error]), 2);
    }
}
