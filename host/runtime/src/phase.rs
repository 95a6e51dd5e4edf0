//! What a call was doing when it failed: the word behind `phase` in an error's message.

use std::fmt;

use crate::failure::Cause;

/// `docs/errors.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Reading and checking what the caller gave.
    Request,
    /// Reading this node's own files.
    Node,
    /// Opening the container's network namespace.
    Namespace,
    /// Waiting for another call on the same attachment.
    Lock,
    /// Reading or writing leases and records.
    Store,
    /// Loading a plugin.
    Load,
    /// A function of a plugin is running.
    Plugin(engine::Phase),
    /// Holding an answer against the network's rules.
    Verify,
    /// Bringing together what the stages of a chain want.
    Merge,
    /// Making the list of steps.
    Plan,
    /// Asking or changing the kernel.
    Kernel,
    /// Running another vendor's executable.
    Delegate,
    /// Comparing the kernel with the record.
    Compare,
    /// Taking back what was done.
    CleanUp,
}

impl Phase {
    /// All but those of plugins.
    #[cfg(test)]
    pub(crate) const OF_HOST: [Self; 13] = [
        Self::Request,
        Self::Node,
        Self::Namespace,
        Self::Lock,
        Self::Store,
        Self::Load,
        Self::Verify,
        Self::Merge,
        Self::Plan,
        Self::Kernel,
        Self::Delegate,
        Self::Compare,
        Self::CleanUp,
    ];

    /// What the call was doing when this went wrong.
    pub(crate) fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Stage { cause, .. } | Cause::NotTakenBack { cause, .. } => Self::of(cause),
            Cause::Request(_)
            | Cause::Link(_)
            | Cause::LinkShape { .. }
            | Cause::NoStage
            | Cause::IpamSection(_)
            | Cause::Grant(_)
            | Cause::Limits(_)
            | Cause::Result(_) => Self::Request,
            Cause::Settings(_)
            | Cause::Node { .. }
            | Cause::ResolvConf { .. }
            | Cause::AllowList(_) => Self::Node,
            Cause::Netns(_) | Cause::OtherNetns { .. } => Self::Namespace,
            Cause::Lock(_) | Cause::OtherBuild { .. } => Self::Lock,
            Cause::Store(_)
            | Cause::AlreadyAttached
            | Cause::DeviceTaken { .. }
            | Cause::Contended { .. } => Self::Store,
            Cause::Engine(_) | Cause::Load(_) | Cause::PluginStore(_) => Self::Load,
            Cause::Plugin(error) => Self::Plugin(error.phase),
            Cause::RequestedAddress { .. } => Self::Plugin(engine::Phase::Allocate),
            Cause::Answer { .. } | Cause::AddedAddress { .. } | Cause::ForeignAddresses => {
                Self::Verify
            }
            Cause::Chain(_) | Cause::FlowsElsewhere { .. } => Self::Merge,
            Cause::Plan(_) => Self::Plan,
            Cause::Apply(_) | Cause::Kernel(_) => Self::Kernel,
            Cause::Delegate(_) => Self::Delegate,
            Cause::NoRecord | Cause::Differs(_) => Self::Compare,
            Cause::Unproven(_) | Cause::CleanUp(_) => Self::CleanUp,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Node => "node",
            Self::Namespace => "namespace",
            Self::Lock => "lock",
            Self::Store => "store",
            Self::Load => "load",
            Self::Plugin(phase) => return phase.fmt(f),
            Self::Verify => "verify",
            Self::Merge => "merge",
            Self::Plan => "plan",
            Self::Kernel => "kernel",
            Self::Delegate => "delegate",
            Self::Compare => "compare",
            Self::CleanUp => "clean-up",
        })
    }
}
