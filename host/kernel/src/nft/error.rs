use std::fmt;
use std::io;

/// Why an nftables request failed.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The socket could not be opened or used.
    #[error(
        "cannot {action} the nftables netlink socket: {cause}{}",
        socket_remedy(cause)
    )]
    Socket {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The kernel refused an operation; nothing of its batch was done.
    #[error(
        "cannot {operation} {object}: {cause}{}{}",
        text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default(),
        remedy(*operation, cause).map(|text| format!("; {text}")).unwrap_or_default()
    )]
    Refused {
        /// What was tried.
        operation: Operation,
        /// On what, as `nft` names it: `chain inet wasm-cni postrouting`.
        object: String,
        /// The kernel's error number.
        #[source]
        cause: io::Error,
        /// The kernel's extended acknowledgement.
        text: Option<String>,
    },
    /// The kernel's answer was not one.
    #[error("the kernel's answer on {object} cannot be understood")]
    Answer {
        /// What was asked about.
        object: String,
    },
    /// Others changed nftables each time that this was tried.
    #[error("{object} was changed by others during each of {attempts} attempts; try again")]
    Contended {
        /// What was to be changed or read.
        object: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A port of an address of one family cannot lead to an address of the other.
    #[error("cannot forward {forward}: the two addresses are not of one family")]
    FamiliesDiffer {
        /// The port and its target.
        forward: String,
    },
    /// Flow rules can't be brought into the kernel's form.
    #[error(transparent)]
    FlowRules(#[from] plan::FlowSetError),
    /// Other flow rules of the same address are there, and the kernel takes no two that overlap.
    #[error(
        "there are other flow rules of {} already, which overlap these: put all rules of a container into one chain",
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    FlowOverlap {
        /// The container's addresses.
        addresses: Vec<std::net::IpAddr>,
    },
    /// The name cannot be that of an interface.
    #[error("{name:?} is not an interface name (1–15 bytes)")]
    InterfaceName {
        /// The name.
        name: String,
    },
}

impl NftError {
    /// The kernel's error number, where it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Socket { cause, .. } | Self::Refused { cause, .. } => cause.raw_os_error(),
            Self::Answer { .. }
            | Self::Contended { .. }
            | Self::FamiliesDiffer { .. }
            | Self::FlowRules(_)
            | Self::FlowOverlap { .. }
            | Self::InterfaceName { .. } => None,
        }
    }
}

/// An operation on nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Open or close a batch.
    Batch,
    /// Make something.
    Add(Object),
    /// Remove something.
    Delete(Object),
    /// Read something.
    Read(Object),
}

/// A kind of nftables object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// The ruleset's generation number.
    Generation,
    /// A table.
    Table,
    /// A chain with a hook.
    BaseChain,
    /// A chain that is jumped to.
    Chain,
    /// A rule.
    Rule,
    /// A set.
    Set,
    /// Elements of a set.
    Elements,
    /// Tracked connections.
    Connections,
}

impl Object {
    /// The part of nfnetlink that knows it (`NFNL_SUBSYS_…`).
    pub(super) fn subsystem(self) -> libc::c_int {
        match self {
            Self::Connections => libc::NFNL_SUBSYS_CTNETLINK,
            _ => libc::NFNL_SUBSYS_NFTABLES,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "send",
            Self::Add(_) => "add",
            Self::Delete(_) => "delete",
            Self::Read(_) => "read",
        })
    }
}

fn socket_remedy(cause: &io::Error) -> &'static str {
    match cause.raw_os_error() {
        Some(libc::EPROTONOSUPPORT) => {
            "; the kernel lacks CONFIG_NETFILTER_NETLINK (module nfnetlink)"
        }
        _ => "",
    }
}

/// Which kernel option or right an error means that is missing (net/netfilter/Kconfig).
fn remedy(operation: Operation, cause: &io::Error) -> Option<&'static str> {
    let errno = cause.raw_os_error()?;
    match (operation, errno) {
        (_, libc::EPERM) => {
            Some("CAP_NET_ADMIN in the network namespace's user namespace is needed")
        }
        (
            Operation::Read(Object::Connections) | Operation::Delete(Object::Connections),
            libc::EINVAL | libc::EOPNOTSUPP,
        ) => Some("the kernel lacks CONFIG_NF_CT_NETLINK (module nf_conntrack_netlink)"),
        (Operation::Batch | Operation::Read(_), libc::EINVAL | libc::EOPNOTSUPP) => {
            Some("the kernel lacks CONFIG_NF_TABLES (module nf_tables)")
        }
        (Operation::Add(Object::Table), libc::EAFNOSUPPORT | libc::EOPNOTSUPP) => Some(
            "the kernel lacks CONFIG_NF_TABLES_INET (family inet) or CONFIG_NF_TABLES_BRIDGE (family bridge)",
        ),
        (Operation::Add(Object::BaseChain), libc::ENOENT | libc::EOPNOTSUPP) => Some(
            "the kernel lacks CONFIG_NFT_NAT (module nft_chain_nat) or, for family bridge, CONFIG_NF_TABLES_BRIDGE",
        ),
        (Operation::Add(Object::Set), libc::ENOENT | libc::EOPNOTSUPP) => Some(
            "the kernel lacks the set types hash or rbtree (module nf_tables_set before Linux 5.1)",
        ),
        (Operation::Add(Object::Rule), libc::ENOENT | libc::EOPNOTSUPP) => Some(
            "the kernel lacks CONFIG_NFT_MASQ (module nft_masq), for host ports CONFIG_NFT_NAT, CONFIG_NFT_CT, CONFIG_NFT_FIB_INET and, if there are some of UDP, CONFIG_NF_CONNTRACK_ZONES, or, for family bridge, CONFIG_NF_TABLES_BRIDGE",
        ),
        (Operation::Add(Object::Elements), libc::ENOENT) => {
            Some("table or set were removed by others, the next ADD makes them again")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(operation: Operation, errno: i32) -> String {
        NftError::Refused {
            operation,
            object: "it".into(),
            cause: io::Error::from_raw_os_error(errno),
            text: None,
        }
        .to_string()
    }

    #[test]
    fn what_the_kernel_lacks_is_named() {
        for (operation, errno, option) in [
            (Operation::Batch, libc::EOPNOTSUPP, "CONFIG_NF_TABLES "),
            (
                Operation::Add(Object::Table),
                libc::EAFNOSUPPORT,
                "CONFIG_NF_TABLES_BRIDGE",
            ),
            (
                Operation::Add(Object::BaseChain),
                libc::ENOENT,
                "CONFIG_NFT_NAT",
            ),
            (
                Operation::Add(Object::Rule),
                libc::ENOENT,
                "CONFIG_NFT_MASQ",
            ),
            (Operation::Add(Object::Set), libc::EPERM, "CAP_NET_ADMIN"),
        ] {
            let text = refused(operation, errno);
            assert!(text.contains(option), "{text}");
        }
    }
}
