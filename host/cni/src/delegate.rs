//! Reading what a delegate printed.

use thiserror::Error;

use crate::convert::{ResultError, read_output};
use crate::error::ErrorObject;
use crate::excerpt::excerpt;
use crate::lenient::Object;
use crate::result::CniResult;
use crate::verb::Verb;
use crate::version::SpecVersion;

/// A delegate did not do what it was asked for.
#[derive(Debug, Error)]
pub enum DelegateError {
    /// It failed and said why.
    #[error("{} (code {}){}", .0.message, .0.code, details(.0))]
    Reported(ErrorObject),
    /// It failed without an error object.
    #[error("it failed without an error object; it printed {stdout}")]
    Silent {
        /// What it printed instead, shortened.
        stdout: String,
    },
    /// It succeeded with a result that can't be read.
    #[error(transparent)]
    Result(#[from] ResultError),
}

fn details(object: &ErrorObject) -> String {
    match object.details.as_str() {
        "" => String::new(),
        details => format!("; {details}"),
    }
}

/// Reads the standard output of a delegate that was called with `verb`.
///
/// Only ADD has a result. What other verbs print on success (nothing, `null`, or what they should
/// not) is passed over, as the reference library does. A result without `cniVersion` is read in
/// the config's version.
///
/// # Errors
/// [`DelegateError`].
pub fn read_answer(
    verb: Verb,
    succeeded: bool,
    stdout: &[u8],
    config_version: SpecVersion,
) -> Result<Option<CniResult>, DelegateError> {
    if !succeeded {
        return Err(
            match serde_json::from_slice::<Object<ErrorObject>>(stdout) {
                Ok(Object(object)) => DelegateError::Reported(object),
                Err(_) => DelegateError::Silent {
                    stdout: excerpt(&String::from_utf8_lossy(stdout)),
                },
            },
        );
    }
    match verb {
        Verb::Add => Ok(Some(read_output(stdout, config_version)?)),
        Verb::Del | Verb::Check | Verb::Gc | Verb::Status | Verb::Version => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: SpecVersion = SpecVersion::V1_0_0;

    #[test]
    fn only_add_has_a_result() {
        for stdout in ["", "null", " \n", "{}", "nonsense"] {
            let answer = read_answer(Verb::Del, true, stdout.as_bytes(), VERSION);
            assert!(matches!(answer, Ok(None)), "{stdout}");
        }
        for stdout in ["", "null", "nonsense", "[]"] {
            assert!(
                read_answer(Verb::Add, true, stdout.as_bytes(), VERSION).is_err(),
                "{stdout}"
            );
        }
    }

    #[test]
    fn an_abbreviated_result_is_read_in_the_configs_version() {
        let stdout = br#"{"ips":[{"address":"10.0.0.5/24","gateway":"10.0.0.1"}],"dns":{}}"#;
        let result = read_answer(Verb::Add, true, stdout, VERSION)
            .unwrap()
            .unwrap();
        assert_eq!(result.ips[0].interface, None);
        let stdout = br#"{"ip4":{"ip":"10.0.0.5/24"}}"#;
        let result = read_answer(Verb::Add, true, stdout, SpecVersion::V0_2_0)
            .unwrap()
            .unwrap();
        assert_eq!(result.ips.len(), 1);
    }

    #[test]
    fn a_result_is_read_in_its_own_version_where_it_says_one() {
        let stdout = br#"{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.5/24"}}"#;
        let result = read_answer(Verb::Add, true, stdout, VERSION)
            .unwrap()
            .unwrap();
        assert_eq!(result.ips[0].address.to_string(), "10.0.0.5/24");
        let stdout = br#"{"cniVersion":"7.0.0","ips":[]}"#;
        assert!(read_answer(Verb::Add, true, stdout, VERSION).is_err());
    }

    #[test]
    fn a_failure_keeps_the_delegates_code() {
        let stdout = br#"{"code":11,"msg":"try later"}"#;
        match read_answer(Verb::Add, false, stdout, VERSION) {
            Err(DelegateError::Reported(object)) => assert_eq!(object.code.number(), 11),
            other => panic!("{other:?}"),
        }
        let stdout = br#"{"code":11,"msg":"try later","details":"the daemon starts"}"#;
        let error = read_answer(Verb::Add, false, stdout, VERSION).unwrap_err();
        assert_eq!(error.to_string(), "try later (code 11); the daemon starts");
        let silent = read_answer(Verb::Add, false, b"Segmentation fault", VERSION);
        assert!(matches!(silent, Err(DelegateError::Silent { .. })));
    }
}
