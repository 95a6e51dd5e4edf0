//! Delegation to an executable of another vendor (CNI 1.1.0, section 4).

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cni::delegate::read_answer;
use cni::result::CniResult;
use cni::verb::Verb;
use cni::version::SpecVersion;
use plan::Attachment;

/// A result is a few kilobytes; what is longer is none.
const LARGEST_ANSWER: u64 = 4 * 1024 * 1024;
/// How long a delegate may take for the caller's own attachment. A DHCP plugin takes seconds; runtimes give a pod minutes.
const LONGEST: Duration = Duration::from_secs(60);
/// The same for an attachment that is not the caller's: clean-up of another container must not hold this one up.
const LONGEST_FOR_ANOTHER: Duration = Duration::from_secs(5);
/// STATUS is polled, and a runtime may wait for it without a deadline of its own.
const LONGEST_STATUS: Duration = Duration::from_secs(2);

/// Why a delegate gave no result.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    /// No such file in `CNI_PATH`.
    #[error(
        "IPAM executable {name:?} is in none of the directories of CNI_PATH ({searched}): install it there, or correct ipam.type"
    )]
    NotFound {
        /// `ipam.type`.
        name: String,
        /// `CNI_PATH`.
        searched: String,
    },
    /// It can't be run.
    #[error("{} can't be run: {source}", .executable.display())]
    Run {
        /// The executable.
        executable: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It did not answer in time and was killed.
    #[error("{} did not answer {verb} within {} s and was killed", .executable.display(), .limit.as_secs())]
    TimedOut {
        /// The executable.
        executable: PathBuf,
        /// The verb.
        verb: Verb,
        /// The limit.
        limit: Duration,
    },
    /// It answered ADD without an address.
    #[error("{} succeeded at ADD and gave no address", .executable.display())]
    NoAddress {
        /// The executable.
        executable: PathBuf,
    },
    /// It answered with an error, or with something that is no answer.
    #[error("{} failed at {verb}: {source}", .executable.display())]
    Failed {
        /// The executable.
        executable: PathBuf,
        /// The verb.
        verb: Verb,
        /// What it said.
        source: Box<cni::delegate::DelegateError>,
    },
}

impl DelegateError {
    /// The executable's name.
    pub(crate) fn delegate(&self) -> String {
        match self {
            Self::NotFound { name, .. } => name.clone(),
            Self::Run { executable, .. }
            | Self::TimedOut { executable, .. }
            | Self::NoAddress { executable }
            | Self::Failed { executable, .. } => {
                let name = executable.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
        }
    }
}

/// An executable to which work is delegated.
#[derive(Debug, Clone)]
pub(crate) struct Delegate {
    executable: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// How long every verb but STATUS may take.
    patience: Duration,
}

impl Delegate {
    /// The first file called `name` in the directories of `CNI_PATH`, and the environment that it inherits.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(
        name: &str,
        search_path: &[PathBuf],
        environment: &[(OsString, OsString)],
    ) -> Result<Self, DelegateError> {
        let mut candidates = search_path.iter().map(|directory| directory.join(name));
        match candidates.find(|path| fs::metadata(path).is_ok_and(|file| file.is_file())) {
            Some(executable) => Ok(Self {
                executable,
                environment: environment.to_vec(),
                patience: LONGEST,
            }),
            None => Err(DelegateError::NotFound {
                name: name.into(),
                searched: search_path
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect::<Vec<_>>()
                    .join(":"),
            }),
        }
    }

    /// The same executable, called for this attachment. Where it is the caller's own the namespace stays known; that of
    /// another one is not, and DEL may do without (CNI 1.1.0, "DEL").
    pub(crate) fn for_attachment(&self, attachment: &Attachment) -> Self {
        let mut environment = self.environment.clone();
        let mut patience = self.patience;
        let of_caller = |name: &str| {
            let found = self.environment.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| value.to_str())
        };
        if of_caller("CNI_CONTAINERID") != Some(&attachment.container_id)
            || of_caller("CNI_IFNAME") != Some(&attachment.interface_name)
        {
            patience = LONGEST_FOR_ANOTHER;
            environment.retain(|(name, _)| {
                name != "CNI_CONTAINERID" && name != "CNI_IFNAME" && name != "CNI_NETNS"
            });
            environment.push((
                "CNI_CONTAINERID".into(),
                attachment.container_id.clone().into(),
            ));
            environment.push((
                "CNI_IFNAME".into(),
                attachment.interface_name.clone().into(),
            ));
        }
        Self {
            executable: self.executable.clone(),
            environment,
            patience,
        }
    }

    /// Its path.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// Runs it with the network configuration on standard input; returns the result that ADD has.
    ///
    /// # Errors
    /// When it can't be run, fails, or takes too long.
    pub(crate) fn run(
        &self,
        verb: Verb,
        config: &[u8],
        version: SpecVersion,
    ) -> Result<Option<CniResult>, DelegateError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "delegate").entered();
        let limit = if verb == Verb::Status {
            LONGEST_STATUS
        } else {
            self.patience
        };
        let failed = |source| DelegateError::Run {
            executable: self.executable.clone(),
            source,
        };
        fault_point::before("a delegate");
        let mut child = Command::new(&self.executable)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("CNI_COMMAND", verb.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let answers = exchange(&mut child, config.to_vec());
        let Ok(stdout) = answers.recv_timeout(limit) else {
            // It may have ended just now; both calls then do nothing.
            let _ = child.kill();
            let _ = child.wait();
            return Err(DelegateError::TimedOut {
                executable: self.executable.clone(),
                verb,
                limit,
            });
        };
        let status = child.wait().map_err(failed)?;
        read_answer(verb, status.success(), &stdout.map_err(failed)?, version).map_err(|source| {
            DelegateError::Failed {
                executable: self.executable.clone(),
                verb,
                source: Box::new(source),
            }
        })
    }
}

/// Writes and reads on a thread of its own, so that a delegate which does neither can't hold us.
fn exchange(child: &mut Child, config: Vec<u8>) -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A delegate may answer without reading its input.
            let _ = stdin.write_all(&config);
        }
        let mut answer = Vec::new();
        let read = stdout.map_or(Ok(0), |stdout| {
            stdout.take(LARGEST_ANSWER).read_to_end(&mut answer)
        });
        // Nobody waits any more when the limit has passed.
        let _ = sender.send(read.map(|_| answer));
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn delegate(script: &str) -> (tempfile::TempDir, Delegate) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ipam");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let delegate = Delegate::find("ipam", &[directory.path().into()], &[]).unwrap();
        (directory, delegate)
    }

    #[test]
    fn it_gets_verb_and_configuration_and_its_result_is_read() {
        let (_directory, delegate) = delegate(
            r#"read config; [ "$config" = '{"name":"n"}' ] && [ "$CNI_COMMAND" = ADD ] || exit 9
               echo '{"ips":[{"address":"192.0.2.2/24"}]}'"#,
        );
        let result = delegate
            .run(Verb::Add, b"{\"name\":\"n\"}\n", SpecVersion::V1_0_0)
            .unwrap()
            .unwrap();
        assert_eq!(result.ips[0].address.to_string(), "192.0.2.2/24");
    }

    #[test]
    fn a_call_for_another_attachment_names_it_and_no_namespace() {
        let (_directory, mut delegate) = delegate(
            r#"[ "$CNI_CONTAINERID/$CNI_IFNAME/${CNI_NETNS-none}" = c2/eth0/none ] || exit 9"#,
        );
        let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        delegate.environment = vec![
            variable("CNI_CONTAINERID", "c1"),
            variable("CNI_NETNS", "/run/netns/c1"),
        ];
        let other = Attachment {
            network: "n".into(),
            container_id: "c2".into(),
            interface_name: "eth0".into(),
        };
        let for_other = delegate.for_attachment(&other);
        assert!(for_other.patience < delegate.patience);
        for_other
            .run(Verb::Del, b"{}", SpecVersion::V1_0_0)
            .unwrap();
    }

    #[test]
    fn its_own_words_are_kept() {
        let (_directory, delegate) = delegate(r#"echo '{"code":11,"msg":"busy"}'; exit 1"#);
        let text = delegate
            .run(Verb::Del, b"{}", SpecVersion::V1_0_0)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("/ipam") && text.contains("busy") && text.contains("11"),
            "{text}"
        );
    }

    #[test]
    fn an_executable_that_is_not_there_names_where_it_was_looked_for() {
        let error = Delegate::find("nowhere", &["/a".into(), "/b".into()], &[]).unwrap_err();
        assert!(error.to_string().contains("/a:/b"));
    }
}
