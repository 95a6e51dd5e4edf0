//! The one table from what went wrong to the CNI code and to what an operator can do about it.

use cni::delegate::DelegateError::Reported;
use cni::error::{Code, ErrorObject};
use cni::version::SpecVersion;
use engine::Outcome;
use kernel::{KernelError, NetnsError};
use plan::Objection;
use store::{LockError, StoreError};

use crate::delegate::DelegateError;
use crate::failure::{Cause, Failure};
use crate::log::printable;

/// Longer texts help nobody, and plugins contribute to them.
const LONGEST: usize = 8 * 1024;

/// The error object that the executable prints (CNI 1.1.0, "Error").
pub(crate) fn error_object(failure: &Failure, version: SpecVersion) -> ErrorObject {
    if let Cause::Request(error) = failure.cause.as_ref() {
        return error.to_object(version);
    }
    let mut message = printable(&failure.to_string());
    if let Some((end, _)) = message.char_indices().nth(LONGEST) {
        message.truncate(end);
    }
    ErrorObject::new(version, code(&failure.cause), message).with_details(remedy(&failure.cause))
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
        Cause::Stage { cause, .. } => code(cause),
        Cause::Chain(objections) => objections
            .first()
            .map_or(Code::PLUGIN_DENIED, objection_code),
        Cause::AddedAddress { source, .. } => match source {
            engine::ReserveError::Unavailable(_) => Code::STORE_FAILED,
            _ => Code::ADDRESS_TAKEN,
        },
        Cause::AlreadyAttached => Code::INTERFACE_EXISTS,
        Cause::Unproven(_) | Cause::CleanUp(_) => Code::CLEANUP_INCOMPLETE,
        Cause::Store(StoreError::PortTaken { .. }) => Code::HOST_PORT_TAKEN,
        Cause::Store(_) => Code::STORE_FAILED,
        Cause::Lock(LockError::Busy { .. }) => Code::ATTACHMENT_BUSY,
        Cause::Lock(LockError::File { .. }) => Code::STORE_FAILED,
        Cause::Engine(_) | Cause::Load(_) | Cause::PluginStore(_) => load_code(cause),
        Cause::Plugin(error) => outcome_code(&error.outcome),
        Cause::Answer { .. } => Code::PLUGIN_ANSWER_INVALID,
        Cause::Contended { .. } => Code::TRY_AGAIN_LATER,
        Cause::Apply(error) => kernel_code(&error.cause),
        Cause::Kernel(error) => kernel_code(error),
        Cause::Delegate(error) => delegate_code(error),
        Cause::NoRecord | Cause::Differs(_) => Code::CHECK_DIFFERS,
        Cause::Exhausted(_) => Code::PLUGIN_NOT_AVAILABLE,
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
        Cause::Load(engine::LoadError::Audit { .. }) => Code::PLUGIN_IMPORT_REFUSED,
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
        Outcome::NotGranted { .. } => Code::PLUGIN_IMPORT_REFUSED,
        Outcome::OutOfFuel { .. }
        | Outcome::DeadlineExceeded { .. }
        | Outcome::OutOfMemory { .. }
        | Outcome::StackOverflow
        | Outcome::TooManyHostCalls { .. }
        | Outcome::TooManyHostCallBytes { .. }
        | Outcome::AnswerTooLarge { .. } => Code::PLUGIN_LIMIT,
        Outcome::Trapped { .. } | Outcome::Exited { .. } => Code::PLUGIN_CRASHED,
        Outcome::Malformed(_) | Outcome::Misused(_) | Outcome::Unreadable { .. } => {
            Code::PLUGIN_ANSWER_INVALID
        }
        Outcome::Service(_) => Code::STORE_FAILED,
        _ => Code::PLUGIN_NOT_LOADABLE,
    }
}

/// What to do. Empty where the message says it already.
fn remedy(cause: &Cause) -> &'static str {
    match cause {
        Cause::AlreadyAttached => "the runtime must DEL an attachment before it adds it again",
        Cause::Unproven(_) => "DEL the attachment; if it stays, see `wasm-cnictl attachment show`",
        Cause::Lock(_) => {
            "wait until the other call has finished; `wasm-cnictl attachment list` shows it"
        }
        Cause::Stage { cause, .. } => remedy(cause),
        Cause::ForeignAddresses => {
            "use an IPAM plugin of ours, or let the stage leave the addresses alone"
        }
        Cause::Answer { .. } => {
            "the plugin breaks the network's rules, so nothing was attached: tell its author, or use another plugin"
        }
        Cause::Contended { .. } => "repeat the request",
        Cause::Plugin(error) => match &error.outcome {
            Outcome::Failed(engine::Failure::Exhausted(_)) => {
                "free addresses (`wasm-cnictl lease list` shows who holds them) or configure a larger range"
            }
            _ => "",
        },
        Cause::Apply(error) if !error.clean_up_failures.is_empty() => {
            "the attachment's record is kept: DEL repeats the clean-up, and so does every sweep"
        }
        Cause::NoRecord => {
            "the attachment was made by another plugin, or the node's state was removed: DEL and ADD it again"
        }
        Cause::Differs(_) => {
            "DEL and ADD the attachment again; something on this node changes what wasm-cni made"
        }
        Cause::CleanUp(_) => "repeat the DEL; the addresses are not handed out again before",
        Cause::Exhausted(_) => {
            "configure a larger range, or set ipam.statusWhenExhausted to \"ready\" if the node shall stay ready"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_network_and_attachment_and_stays_short() {
        let attachment = plan::Attachment {
            network: "n".repeat(4096),
            container_id: "c".repeat(4096),
            interface_name: "eth0".into(),
        };
        let failure = Failure {
            network: None,
            attachment: Some(attachment),
            cause: Box::new(Cause::AlreadyAttached),
        };
        let object = error_object(&failure, SpecVersion::V1_0_0);
        assert_eq!(object.code, Code::INTERFACE_EXISTS);
        assert!(object.message.len() < 400, "{}", object.message.len());
        assert!(object.message.contains("eth0") && !object.details.is_empty());
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
