//! The numbers of the error codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An error code. 0 to 99 belong to the specification, 100 and above to each plugin, so a
/// delegate's code may be one that has no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(u32);

impl Code {
    /// The config's version, or the verb in that version, is not supported.
    pub const INCOMPATIBLE_VERSION: Self = Self(1);
    /// The config has a field, or a value of one, that is not supported.
    pub const UNSUPPORTED_FIELD: Self = Self(2);
    /// The container does not exist. It tells the runtime that no DEL is needed.
    pub const CONTAINER_UNKNOWN: Self = Self(3);
    /// An environment variable is missing or wrong.
    pub const INVALID_ENVIRONMENT: Self = Self(4);
    /// Reading or writing failed.
    pub const IO_FAILURE: Self = Self(5);
    /// The network config or its version can't be decoded.
    pub const DECODING_FAILURE: Self = Self(6);
    /// The network config is wrong.
    pub const INVALID_NETWORK_CONFIG: Self = Self(7);
    /// The network namespace can't be used. Known to the reference library, not to the
    /// specification's table.
    pub const INVALID_NETNS: Self = Self(8);
    /// A transient failure. Runtimes don't retry by themselves.
    pub const TRY_AGAIN_LATER: Self = Self(11);
    /// STATUS: ADD can't be served.
    pub const PLUGIN_NOT_AVAILABLE: Self = Self(50);
    /// STATUS: ADD can't be served, and containers may have lost connectivity.
    pub const LIMITED_CONNECTIVITY: Self = Self(51);
    /// No address is left in the network's ranges.
    pub const ADDRESSES_EXHAUSTED: Self = Self(100);
    /// The requested address belongs to another attachment.
    pub const ADDRESS_TAKEN: Self = Self(101);
    /// A plugin refused the attachment.
    pub const PLUGIN_DENIED: Self = Self(102);
    /// A plugin broke one of its limits (fuel, time, memory, output).
    pub const PLUGIN_LIMIT: Self = Self(103);
    /// A plugin crashed.
    pub const PLUGIN_CRASHED: Self = Self(104);
    /// A plugin's answer breaks a rule.
    pub const PLUGIN_ANSWER_INVALID: Self = Self(105);
    /// A plugin is not installed or can't be loaded.
    pub const PLUGIN_NOT_LOADABLE: Self = Self(106);
    /// A plugin imports something that is not offered or not granted.
    pub const PLUGIN_IMPORT_REFUSED: Self = Self(107);
    /// The kernel refused a step.
    pub const KERNEL_STEP_FAILED: Self = Self(108);
    /// An interface of the requested name exists already.
    pub const INTERFACE_EXISTS: Self = Self(109);
    /// The state store failed.
    pub const STORE_FAILED: Self = Self(110);
    /// A delegate failed without an error object of its own.
    pub const DELEGATE_FAILED: Self = Self(111);
    /// Another call is working on this attachment.
    pub const ATTACHMENT_BUSY: Self = Self(112);
    /// CHECK found a difference.
    pub const CHECK_DIFFERS: Self = Self(113);
    /// Some of what had to be removed is still there.
    pub const CLEANUP_INCOMPLETE: Self = Self(114);
    /// Two stages of a chain set one thing differently.
    pub const CHAIN_CONFLICT: Self = Self(115);
    /// A stage of a chain asks for what breaks the host's guarantees.
    pub const CHANGE_REFUSED: Self = Self(116);
    /// A port of the host belongs to another attachment.
    pub const HOST_PORT_TAKEN: Self = Self(117);
    /// A device of the host belongs to another attachment.
    pub const DEVICE_TAKEN: Self = Self(118);

    /// A code by its number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, as it is printed.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
