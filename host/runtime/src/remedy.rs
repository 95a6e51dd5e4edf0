//! What an operator can do about an error. `docs/errors.md` shows the same sentences.

use cni::error::Code;
use engine::Outcome;

use crate::failure::Cause;

/// What becomes of what is left.
const KEPT: &str =
    "the attachment's record is kept: DEL repeats the clean-up, and so does every sweep";

/// The most useful sentence: the cause's own where there is one, else that of its code.
pub(crate) fn of_cause(cause: &Cause, code: Code) -> &'static str {
    match cause {
        Cause::Stage { cause, .. } => of_cause(cause, code),
        Cause::Unproven(_) => "DEL the attachment; if it stays, see `wasm-cnictl attachment show`",
        Cause::ForeignAddresses => {
            "use an IPAM plugin of ours, or let the stage leave the addresses alone"
        }
        Cause::Plugin(error) => match &error.outcome {
            Outcome::Failed(engine::Failure::InvalidConfig(_)) => {
                "correct the plugin's own section of the network configuration"
            }
            Outcome::Failed(engine::Failure::Exhausted(_))
                if error.phase == engine::Phase::Status =>
            {
                "configure a larger range, or set ipam.statusWhenExhausted to \"ready\" if the node shall stay ready"
            }
            _ => of(code),
        },
        Cause::NotTakenBack { .. } => KEPT,
        Cause::Apply(error) if !error.clean_up_failures.is_empty() => KEPT,
        Cause::OtherBuild { .. } => {
            "lay the names down again with `wasm-cnictl install --drop-in`: all of them must lead to one executable"
        }
        Cause::NoRecord => {
            "the attachment was made by another plugin, or the node's state was removed: DEL and ADD it again"
        }
        _ => of(code),
    }
}

/// What to do about an error of this code.
pub(crate) fn of(code: Code) -> &'static str {
    match code {
        Code::INCOMPATIBLE_VERSION => {
            "write a `cniVersion` that both sides speak, 0.1.0 to 1.1.0; CHECK needs 0.4.0, GC and STATUS need 1.1.0"
        }
        Code::UNSUPPORTED_FIELD => {
            "remove the key that the message names, or give it a value of the form that the message tells"
        }
        Code::CONTAINER_UNKNOWN => {
            "nothing is left to be removed; to attach the container, start it first and name its namespace"
        }
        Code::INVALID_ENVIRONMENT => {
            "set the variables that the message names; a runtime that does not has a bug"
        }
        Code::IO_FAILURE => {
            "make what the message names readable for root; what is in a settings file must be what the message asks for"
        }
        Code::DECODING_FAILURE => {
            "hand over one JSON object of at most 4 MiB; `jq . FILE` finds what is no JSON"
        }
        Code::INVALID_NETWORK_CONFIG => {
            "correct the key that the message names; `wasm-cnictl plan FILE` tries a network without attaching anything"
        }
        Code::INVALID_NETNS => {
            "name the network namespace of the container; the host's own is never attached"
        }
        Code::TRY_AGAIN_LATER => "repeat the request",
        Code::PLUGIN_NOT_AVAILABLE => {
            "remove the cause that the message names; the next STATUS tells whether it is gone"
        }
        Code::LIMITED_CONNECTIVITY => {
            "remove the cause that the message names, and look whether running containers reach each other"
        }
        Code::ADDRESSES_EXHAUSTED => {
            "free addresses (`wasm-cnictl lease list` shows who holds them) or configure a larger range"
        }
        Code::ADDRESS_TAKEN => {
            "ask for another address, or DEL the attachment that holds this one (`wasm-cnictl lease list` shows it)"
        }
        Code::PLUGIN_DENIED => {
            "do what the plugin's words say, or change its configuration if the attachment shall be allowed"
        }
        Code::PLUGIN_LIMIT => {
            "raise the limit that the message names if the plugin may have more, else tell its author"
        }
        Code::PLUGIN_CRASHED => {
            "tell the plugin's author; `wasm-cnictl plan FILE` repeats the call without attaching anything"
        }
        Code::PLUGIN_ANSWER_INVALID => {
            "the plugin breaks the network's rules, so nothing was attached: tell its author, or use another plugin"
        }
        Code::PLUGIN_NOT_LOADABLE => {
            "install it with `wasm-cnictl plugin install`, after an update of wasm-cni again"
        }
        Code::PLUGIN_IMPORT_REFUSED => {
            "add the grant that the message names if the plugin shall have it, else use another plugin"
        }
        Code::KERNEL_STEP_FAILED => {
            "remove what stands in the way on this node, or leave out of the configuration what its kernel can't do"
        }
        Code::INTERFACE_EXISTS => {
            "DEL the attachment before it is added again, or remove the interface or let the runtime choose another name"
        }
        Code::STORE_FAILED => {
            "make the directory that the message names root's own and writable for root alone, with room on its file system"
        }
        Code::DELEGATE_FAILED => {
            "look into the delegate's own log, or run it by hand with the same configuration"
        }
        Code::ATTACHMENT_BUSY => {
            "wait until the other call has ended and repeat this one; a call that hangs is a process that can be ended"
        }
        Code::CHECK_DIFFERS => {
            "DEL and ADD the attachment again; something on this node changes what wasm-cni made"
        }
        Code::CLEANUP_INCOMPLETE => "repeat the DEL; the addresses are not handed out again before",
        Code::CHAIN_CONFLICT => "let one of the stages decide, and take the value out of the other",
        Code::CHANGE_REFUSED => {
            "take out of the stage's configuration what the message refuses; no grant allows it"
        }
        Code::HOST_PORT_TAKEN => {
            "choose another port of the host, or DEL the attachment that has this one"
        }
        Code::DEVICE_TAKEN => "choose another device, or DEL the attachment that has this one",
        _ => "the code is the delegate's own: look it up in its documents",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::phase::Phase;

    const SOURCE: &str = include_str!("../../cni/src/error/code.rs");
    const DOCUMENT: &str = include_str!("../../../docs/errors.md");

    /// Number to meaning, as the source documents its constants.
    fn of_source() -> BTreeMap<u32, String> {
        let mut codes = BTreeMap::new();
        let mut meaning = String::new();
        for line in SOURCE.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("///") {
                meaning = format!("{meaning}{words}").trim().to_owned();
            } else if let Some((_, number)) = line.split_once(": Self = Self(") {
                let number = number.trim_end_matches(");").parse().unwrap();
                codes.insert(number, std::mem::take(&mut meaning));
            } else {
                meaning.clear();
            }
        }
        codes
    }

    /// The rows of the document's table of codes, without their backslashes.
    fn of_document() -> BTreeMap<u32, (String, String)> {
        let rows = DOCUMENT.lines().filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let number = cells.first()?.parse().ok()?;
            Some((number, (cells[1].to_owned(), cells[2].to_owned())))
        });
        rows.collect()
    }

    #[test]
    fn the_document_has_every_code_with_the_meaning_and_remedy_of_the_source_and_no_other() {
        let expected: BTreeMap<u32, (String, String)> = of_source()
            .into_iter()
            .map(|(number, meaning)| (number, (meaning, of(Code::new(number)).to_owned())))
            .collect();
        assert!(expected.len() > 25, "{expected:?}");
        let table: String = expected
            .iter()
            .map(|(number, (meaning, remedy))| format!("| {number} | {meaning} | {remedy} |\n"))
            .collect();
        assert_eq!(of_document(), expected, "the table should be:\n{table}");
    }

    #[test]
    fn every_code_of_ours_has_a_remedy_of_its_own() {
        let foreign = of(Code::new(999));
        for number in of_source().into_keys() {
            assert_ne!(of(Code::new(number)), foreign, "{number}");
        }
    }

    #[test]
    fn the_document_has_every_phase() {
        use engine::Phase as Of;
        let plugins = [
            Of::StartUp,
            Of::Validate,
            Of::Allocate,
            Of::Amend,
            Of::Release,
            Of::Check,
            Of::Status,
        ];
        for phase in Phase::OF_HOST.into_iter().chain(plugins.map(Phase::Plugin)) {
            let cell = format!("`{phase}`");
            assert!(DOCUMENT.contains(&cell), "no word of {cell}");
        }
    }
}
