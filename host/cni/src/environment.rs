//! The environment variables of a call.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use thiserror::Error;

use crate::arguments::{Arguments, ArgumentsError};
use crate::trace::TraceParent;
use crate::verb::{UnknownVerb, Verb};

/// What the variables ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// `CNI_COMMAND` is absent or empty: somebody runs the executable by hand and gets the
    /// [about text](crate::about::about_text) on standard error, exit status 0.
    About,
    /// A runtime's call.
    Call(Environment),
}

/// The variables of a runtime's call. An empty variable counts as absent.
///
/// All that the verb requires is present; the values are checked by
/// [`Request::parse`](crate::request::Request::parse), in the order of the reference library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `CNI_COMMAND`.
    pub verb: Verb,
    /// `CNI_CONTAINERID`, present on ADD, DEL and CHECK.
    pub container_id: Option<String>,
    /// `CNI_NETNS`, present on ADD and CHECK.
    pub netns: Option<PathBuf>,
    /// `CNI_IFNAME`, present on ADD, DEL and CHECK.
    pub interface_name: Option<String>,
    /// `CNI_ARGS`, unread: a DEL must succeed though it makes no sense.
    pub arguments: Option<String>,
    /// `CNI_PATH`, unsplit. The specification requires it, we only for delegation.
    pub path: Option<OsString>,
    /// `CNI_NETNS_OVERRIDE` is `1` or `true`: the target may be the runtime's own namespace.
    pub netns_override: bool,
    /// `TRACEPARENT`, where well-formed.
    pub trace_parent: Option<TraceParent>,
}

/// The variables don't make a call.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EnvironmentError {
    /// Variables that the verb requires are absent or empty.
    #[error("required environment variables are missing for {verb}: {}", names.join(", "))]
    Missing {
        /// The verb.
        verb: Verb,
        /// Every missing variable.
        names: Vec<&'static str>,
    },
    /// `CNI_COMMAND` is unknown.
    #[error(transparent)]
    Verb(#[from] UnknownVerb),
    /// A variable that must be text is not UTF-8.
    #[error("environment variable {name} is not valid UTF-8")]
    NotText {
        /// Its name.
        name: &'static str,
    },
}

/// The variables that matter, as they came.
#[derive(Default)]
struct Variables {
    command: Option<OsString>,
    container_id: Option<OsString>,
    netns: Option<OsString>,
    interface_name: Option<OsString>,
    arguments: Option<OsString>,
    path: Option<OsString>,
    netns_override: Option<OsString>,
    trace_parent: Option<OsString>,
}

impl Variables {
    fn collect<K: AsRef<OsStr>, V: AsRef<OsStr>>(all: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut variables = Self::default();
        for (name, value) in all {
            let slot = match name.as_ref().as_bytes() {
                b"CNI_COMMAND" => &mut variables.command,
                b"CNI_CONTAINERID" => &mut variables.container_id,
                b"CNI_NETNS" => &mut variables.netns,
                b"CNI_IFNAME" => &mut variables.interface_name,
                b"CNI_ARGS" => &mut variables.arguments,
                b"CNI_PATH" => &mut variables.path,
                b"CNI_NETNS_OVERRIDE" => &mut variables.netns_override,
                b"TRACEPARENT" => &mut variables.trace_parent,
                _ => continue,
            };
            let value = value.as_ref();
            *slot = (!value.is_empty()).then(|| value.to_owned());
        }
        variables
    }

    /// Every variable that `verb` requires and that is not there.
    fn missing(&self, verb: Verb) -> Vec<&'static str> {
        let (attachment, netns) = match verb {
            Verb::Add | Verb::Check => (true, true),
            Verb::Del => (true, false),
            Verb::Gc | Verb::Status | Verb::Version => (false, false),
        };
        let required = [
            ("CNI_CONTAINERID", attachment && self.container_id.is_none()),
            ("CNI_NETNS", netns && self.netns.is_none()),
            ("CNI_IFNAME", attachment && self.interface_name.is_none()),
        ];
        required
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect()
    }
}

impl Invocation {
    /// Reads the variables, of which all but CNI's are passed over.
    ///
    /// # Errors
    /// [`EnvironmentError`] (code 4), which names every variable concerned. On VERSION nothing but
    /// `CNI_COMMAND` is looked at, since runtimes probe with made-up values.
    pub fn from_variables<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        all: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, EnvironmentError> {
        let variables = Variables::collect(all);
        let Some(command) = text("CNI_COMMAND", variables.command.clone())? else {
            return Ok(Self::About);
        };
        let verb: Verb = command.parse()?;
        let names = variables.missing(verb);
        if !names.is_empty() {
            return Err(EnvironmentError::Missing { verb, names });
        }
        if verb == Verb::Version {
            return Ok(Self::Call(Environment::of_verb(verb)));
        }
        let switch = variables.netns_override.as_deref().and_then(OsStr::to_str);
        Ok(Self::Call(Environment {
            verb,
            container_id: text("CNI_CONTAINERID", variables.container_id)?,
            netns: variables.netns.map(PathBuf::from),
            interface_name: text("CNI_IFNAME", variables.interface_name)?,
            arguments: text("CNI_ARGS", variables.arguments)?,
            path: variables.path,
            netns_override: switch.is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("true")),
            trace_parent: variables
                .trace_parent
                .and_then(|value| value.to_str().and_then(|value| value.parse().ok())),
        }))
    }
}

impl Environment {
    /// A call of `verb` with no other variable.
    fn of_verb(verb: Verb) -> Self {
        Self {
            verb,
            container_id: None,
            netns: None,
            interface_name: None,
            arguments: None,
            path: None,
            netns_override: false,
            trace_parent: None,
        }
    }

    /// `CNI_ARGS`, read. Absent is the same as empty.
    ///
    /// # Errors
    /// [`ArgumentsError`] (code 4).
    pub fn read_arguments(&self) -> Result<Arguments, ArgumentsError> {
        Arguments::parse(self.arguments.as_deref().unwrap_or_default())
    }

    /// The directories of `CNI_PATH` in their order, in which delegates are looked for.
    pub fn search_path(&self) -> Vec<PathBuf> {
        let bytes = self.path.as_deref().unwrap_or_default().as_bytes();
        bytes
            .split(|byte| *byte == b':')
            .filter(|directory| !directory.is_empty())
            .map(|directory| PathBuf::from(OsStr::from_bytes(directory)))
            .collect()
    }
}

fn text(name: &'static str, value: Option<OsString>) -> Result<Option<String>, EnvironmentError> {
    value
        .map(|value| {
            value
                .into_string()
                .map_err(|_| EnvironmentError::NotText { name })
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Invocation, EnvironmentError> {
        Invocation::from_variables(pairs.iter().copied())
    }

    fn call(pairs: &[(&str, &str)]) -> Environment {
        match read(pairs) {
            Ok(Invocation::Call(environment)) => environment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_command_asks_for_the_about_text() {
        assert_eq!(read(&[]), Ok(Invocation::About));
        assert_eq!(
            read(&[("CNI_COMMAND", ""), ("CNI_IFNAME", "eth0")]),
            Ok(Invocation::About)
        );
    }

    #[test]
    fn every_missing_variable_is_named() {
        let all = vec!["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"];
        for (command, verb) in [("ADD", Verb::Add), ("CHECK", Verb::Check)] {
            let expected = EnvironmentError::Missing {
                verb,
                names: all.clone(),
            };
            assert_eq!(
                read(&[("CNI_COMMAND", command), ("CNI_NETNS", "")]),
                Err(expected)
            );
        }
        let error = read(&[("CNI_COMMAND", "DEL")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("CNI_CONTAINERID") && text.contains("CNI_IFNAME"),
            "{text}"
        );
        assert!(!text.contains("CNI_NETNS"), "{text}");
    }

    #[test]
    fn verbs_about_the_network_need_no_attachment_and_no_path() {
        for command in ["GC", "STATUS", "VERSION"] {
            assert!(read(&[("CNI_COMMAND", command)]).is_ok(), "{command}");
        }
    }

    #[test]
    fn version_ignores_what_a_probe_makes_up() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(vec![0xff]);
        let pairs = [
            ("CNI_COMMAND", OsString::from("VERSION")),
            ("CNI_IFNAME", odd),
        ];
        assert!(Invocation::from_variables(pairs).is_ok());
    }

    #[test]
    fn text_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(vec![0xff]);
        let pairs = [
            ("CNI_COMMAND", OsString::from("DEL")),
            ("CNI_CONTAINERID", OsString::from("c")),
            ("CNI_IFNAME", odd),
        ];
        let error = Invocation::from_variables(pairs).unwrap_err();
        assert_eq!(error, EnvironmentError::NotText { name: "CNI_IFNAME" });
    }

    #[test]
    fn the_search_path_keeps_its_order() {
        let environment = call(&[("CNI_COMMAND", "STATUS"), ("CNI_PATH", "/opt/cni/bin::/b")]);
        let expected: Vec<PathBuf> = vec!["/opt/cni/bin".into(), "/b".into()];
        assert_eq!(environment.search_path(), expected);
        assert!(call(&[("CNI_COMMAND", "STATUS")]).search_path().is_empty());
    }

    #[test]
    fn the_override_and_the_trace_are_kept() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let environment = call(&[
            ("CNI_COMMAND", "STATUS"),
            ("CNI_NETNS_OVERRIDE", "TRUE"),
            ("TRACEPARENT", trace),
        ]);
        assert!(environment.netns_override);
        assert_eq!(environment.trace_parent.unwrap().as_str(), trace);
        let environment = call(&[("CNI_COMMAND", "STATUS"), ("CNI_NETNS_OVERRIDE", "yes")]);
        assert!(!environment.netns_override);
    }
}
