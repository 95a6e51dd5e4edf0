//! The one table from what went wrong to the CNI code, and the error object.

use cni::delegate::DelegateError::Reported;
use cni::error::{Code, ErrorObject};
use cni::verb::Verb;
use cni::version::SpecVersion;
use engine::Outcome;
use kernel::{KernelError, NetnsError};
use plan::Objection;
use store::{LockError, StoreError};

use crate::delegate::DelegateError;
use crate::failure::{Cause, Failure};
use crate::log::printable;
use crate::remedy;

/// Longer texts help nobody, and plugins contribute to them.
const LONGEST: usize = 8 * 1024;

/// The error object that the executable prints (CNI 1.1.0, "Error"): `msg` says where and why, `details` what to do and,
/// where there is more, all of the cause.
pub(crate) fn error_object(failure: &Failure<'_>, version: SpecVersion) -> ErrorObject {
    let code = code(failure.cause);
    let mut details = remedy::of_cause(failure.cause, code).to_owned();
    if let Cause::Request(error) = failure.cause {
        let more = error.to_object(version).details;
        if !more.is_empty() {
            let lines: Vec<String> = more.lines().map(printable).collect();
            details = bounded(format!("{details}\n{}", lines.join("\n")));
        }
    }
    let code = match failure.subject.verb {
        Some(Verb::Status) => availability(failure.cause, code),
        _ => code,
    };
    ErrorObject::new(version, code, bounded(printable(&failure.to_string()))).with_details(details)
}

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    text
}

/// STATUS answers 50 when the node can't serve (CNI 1.1.0, "STATUS"), whatever the reason. A request that is wrong is so
/// on every node and keeps its code, and so does what a delegate says.
fn availability(cause: &Cause, code: Code) -> Code {
    let is_foreign = matches!(cause, Cause::Delegate(_)) && code != Code::DELEGATE_FAILED;
    match code {
        Code::INCOMPATIBLE_VERSION
        | Code::UNSUPPORTED_FIELD
        | Code::INVALID_ENVIRONMENT
        | Code::DECODING_FAILURE
        | Code::INVALID_NETWORK_CONFIG => code,
        _ if is_foreign => code,
        _ => Code::PLUGIN_NOT_AVAILABLE,
    }
}

/// The CNI code of a cause.
pub(crate) fn code(cause: &Cause) -> Code {
    match cause {
        Cause::Request(error) => error.code(),
        Cause::Settings(_)
        | Cause::Node { .. }
        | Cause::ResolvConf { .. }
        | Cause::AllowList(_) => Code::IO_FAILURE,
        // 3 would tell the runtime that no DEL is needed, and on ADD that is so.
        Cause::Netns(NetnsError::NotFound { .. }) => Code::CONTAINER_UNKNOWN,
        Cause::Netns(_) | Cause::OtherNetns { .. } => Code::INVALID_NETNS,
        Cause::LinkShape { .. } | Cause::Limits(_) => Code::UNSUPPORTED_FIELD,
        Cause::Link(_)
        | Cause::NoStage
        | Cause::ForeignAddresses
        | Cause::FlowsElsewhere { .. }
        | Cause::IpamSection(_)
        | Cause::Plan(_)
        | Cause::Grant(_)
        | Cause::Result(_) => Code::INVALID_NETWORK_CONFIG,
        Cause::Stage { cause, .. } | Cause::NotTakenBack { cause, .. } => code(cause),
        Cause::Chain(objections) => objections
            .first()
            .map_or(Code::PLUGIN_DENIED, objection_code),
        Cause::RequestedAddress { .. } => Code::ADDRESS_TAKEN,
        Cause::AddedAddress { source, .. } => match source {
            engine::ReserveError::Unavailable(_) => Code::STORE_FAILED,
            engine::ReserveError::Taken { .. } => Code::ADDRESS_TAKEN,
            _ => Code::CHANGE_REFUSED,
        },
        Cause::DeviceTaken { .. } => Code::DEVICE_TAKEN,
        Cause::AlreadyAttached => Code::INTERFACE_EXISTS,
        Cause::Unproven(_) | Cause::CleanUp(_) => Code::CLEANUP_INCOMPLETE,
        Cause::Store(StoreError::PortTaken { .. } | StoreError::PortQuarantined { .. }) => {
            Code::HOST_PORT_TAKEN
        }
        Cause::Store(_) => Code::STORE_FAILED,
        Cause::Lock(LockError::Busy { .. }) | Cause::OtherBuild { .. } => Code::ATTACHMENT_BUSY,
        Cause::Lock(LockError::File { .. }) => Code::STORE_FAILED,
        Cause::Engine(_) | Cause::Load(_) | Cause::PluginStore(_) => load_code(cause),
        Cause::Plugin(error) => outcome_code(&error.outcome),
        Cause::Answer { .. } => Code::PLUGIN_ANSWER_INVALID,
        Cause::Contended { .. } => Code::TRY_AGAIN_LATER,
        Cause::Apply(error) => kernel_code(&error.cause),
        Cause::Kernel(error) => kernel_code(error),
        Cause::Delegate(error) => delegate_code(error),
        Cause::NoRecord | Cause::Differs(_) => Code::CHECK_DIFFERS,
    }
}

fn objection_code(objection: &Objection) -> Code {
    match objection {
        Objection::Denied { .. } => Code::PLUGIN_DENIED,
        Objection::NotGranted { .. } => Code::PLUGIN_IMPORT_REFUSED,
        Objection::Conflict { .. } => Code::CHAIN_CONFLICT,
        Objection::Refused { .. } => Code::CHANGE_REFUSED,
    }
}

/// A delegate's own code is handed on: the operator looks it up in the delegate's documents.
fn delegate_code(error: &DelegateError) -> Code {
    match error {
        DelegateError::Failed { source, .. } => match source.as_ref() {
            Reported(object) => object.code,
            _ => Code::DELEGATE_FAILED,
        },
        _ => Code::DELEGATE_FAILED,
    }
}

fn load_code(cause: &Cause) -> Code {
    match cause {
        Cause::Load(engine::LoadError::Audit { .. })
        | Cause::PluginStore(engine::StoreError::Load(engine::LoadError::Audit { .. })) => {
            Code::PLUGIN_IMPORT_REFUSED
        }
        _ => Code::PLUGIN_NOT_LOADABLE,
    }
}

fn kernel_code(error: &KernelError) -> Code {
    match error {
        KernelError::InterfaceExists { .. } => Code::INTERFACE_EXISTS,
        KernelError::Netns(_) => Code::INVALID_NETNS,
        _ => Code::KERNEL_STEP_FAILED,
    }
}

fn outcome_code(outcome: &Outcome) -> Code {
    use engine::Failure as Said;
    match outcome {
        Outcome::Failed(Said::InvalidConfig(_)) => Code::INVALID_NETWORK_CONFIG,
        Outcome::Failed(Said::Exhausted(_)) => Code::ADDRESSES_EXHAUSTED,
        Outcome::Failed(Said::RetryLater(_)) => Code::TRY_AGAIN_LATER,
        Outcome::Failed(Said::Denied(_) | Said::Unavailable(_) | Said::Other(_)) => {
            Code::PLUGIN_DENIED
        }
        Outcome::NotGranted { .. } | Outcome::Ungranted { .. } => Code::PLUGIN_IMPORT_REFUSED,
        Outcome::NoRole { .. } => Code::INVALID_NETWORK_CONFIG,
        Outcome::OutOfFuel { .. }
        | Outcome::DeadlineExceeded { .. }
        | Outcome::OutOfMemory { .. }
        | Outcome::StackOverflow
        | Outcome::TooManyHostCalls { .. }
        | Outcome::TooManyHostCallBytes { .. }
        | Outcome::TooManyChanges { .. }
        | Outcome::AnswerTooLarge { .. } => Code::PLUGIN_LIMIT,
        Outcome::Trapped { .. } | Outcome::Exited { .. } => Code::PLUGIN_CRASHED,
        Outcome::Malformed(_)
        | Outcome::MalformedChange { .. }
        | Outcome::Misused(_)
        | Outcome::Unreadable { .. } => Code::PLUGIN_ANSWER_INVALID,
        Outcome::Service(_) => Code::STORE_FAILED,
        _ => Code::PLUGIN_NOT_LOADABLE,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subject::Subject;

    fn subject(verb: &str) -> Subject {
        let environment = [
            ("CNI_COMMAND", verb.to_owned()),
            ("CNI_CONTAINERID", "c".repeat(4096)),
            ("CNI_IFNAME", "eth0".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let mut subject = Subject::of_caller("wasm-cni".as_ref(), &environment);
        let config = json!({"name": "n".repeat(4096), "type": "bridge"});
        subject.read_config(config.as_object().unwrap());
        subject
    }

    fn object(verb: &str, cause: &Cause) -> ErrorObject {
        let subject = &subject(verb);
        error_object(&Failure { subject, cause }, SpecVersion::V1_1_0)
    }

    #[test]
    fn a_message_says_where_and_stays_short() {
        let object = object("ADD", &Cause::AlreadyAttached);
        assert_eq!(object.code, Code::INTERFACE_EXISTS);
        assert!(object.message.len() < 400, "{}", object.message.len());
        let end = ", interface eth0, plugin bridge, phase store of ADD: ";
        assert!(object.message.contains(end), "{}", object.message);
        assert_eq!(object.details, remedy::of(Code::INTERFACE_EXISTS));
    }

    #[test]
    fn a_plugins_failure_names_it_and_what_it_was_doing_once() {
        let error = engine::CallError {
            plugin: "quota".into(),
            phase: engine::Phase::Amend,
            outcome: Outcome::OutOfFuel { limit: 7 },
        };
        let stage = plan::StageName {
            plugin: "quota".into(),
            position: Some(2),
        };
        let message = object("ADD", &Cause::Plugin(error).in_stage(&stage)).message;
        let end = ", plugin quota (chain[2]), phase amend of ADD: it used up its fuel of 7 units";
        assert!(message.contains(end), "{message}");
    }

    #[test]
    fn status_tells_that_the_node_can_not_serve_and_nothing_of_a_wrong_request() {
        let reported = |code| {
            let error = ErrorObject::new(SpecVersion::V1_1_0, Code::new(code), "no");
            Cause::Delegate(DelegateError::Failed {
                executable: "/opt/cni/bin/x".into(),
                verb: Verb::Status,
                source: Box::new(Reported(error)),
            })
        };
        for (cause, code) in [
            (
                Cause::Node {
                    what: "x",
                    source: std::io::ErrorKind::Other.into(),
                },
                50,
            ),
            (Cause::Link(vec!["no".into()]), 7),
            (reported(51), 51),
            (reported(50), 50),
        ] {
            assert_eq!(object("STATUS", &cause).code.number(), code, "{cause}");
        }
    }

    #[test]
    fn a_delegates_code_is_kept() {
        let error = ErrorObject::new(SpecVersion::V1_0_0, Code::new(42), "no");
        let cause = Cause::Delegate(DelegateError::Failed {
            executable: "/opt/cni/bin/x".into(),
            verb: cni::verb::Verb::Add,
            source: Box::new(Reported(error)),
        });
        assert_eq!(code(&cause), Code::new(42));
    }
}
