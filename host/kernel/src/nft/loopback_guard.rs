//! Nothing from outside reaches the host's loopback.
//!
//! ```text
//! table inet wasm-cni {
//!   chain raw-prerouting { type filter hook prerouting priority raw; policy accept; jump loopback-guard }
//!   chain loopback-guard {
//!     meta nfproto ipv4 iifname != "lo" ip daddr 127.0.0.0/8 drop
//!     meta nfproto ipv4 iifname != "lo" ip saddr 127.0.0.0/8 drop
//!   }
//! }
//! ```
//!
//! The kernel drops such packets by itself, but no longer on a link whose `route_localnet` is on: then containers would reach
//! services that listen on 127.0.0.1 alone (CVE-2020-8558). Priority raw is before connection tracking: a reply to a
//! connection of the host's loopback still has the address that the connection left with.

use plan::{Family, Mismatch};

use super::chain::{BaseChain, Chain};
use super::expression::{Comparison, Expression, Meta, Register, Verdict};
use super::ip_header::{AddressField, is_family, load};
use super::rule::Rule;
use super::section::Section;
use super::table::TableFamily;
use super::{Base, Nft, NftError, verify};

pub(super) const RAW_PREROUTING: BaseChain = BaseChain {
    family: TableFamily::Inet,
    name: "raw-prerouting",
    kind: "filter",
    hook: libc::NF_INET_PRE_ROUTING,
    priority: libc::NF_IP_PRI_RAW,
};

impl Nft {
    /// From now on the host drops what comes to 127.0.0.0/8, or from there, by another link than `lo`. One request if it
    /// does so already.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_loopback_guard(&mut self) -> Result<Base, NftError> {
        self.ensure(&section())
    }

    /// What is not as [`Nft::ensure_loopback_guard`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_loopback_guard(&mut self) -> Result<Vec<Mismatch>, NftError> {
        verify::section(&mut self.connection, &section())
    }
}

/// The chain and all that belongs to it.
pub(super) fn section() -> Section {
    Section {
        base_chains: &[RAW_PREROUTING],
        chain: Chain {
            family: TableFamily::Inet,
            name: "loopback-guard".to_owned(),
        },
        entries: vec![Vec::new()],
        rules: vec![
            rule("to loopback from outside", AddressField::Destination),
            rule("from loopback, but outside", AddressField::Source),
        ],
        sets: Vec::new(),
        address_sets: Vec::new(),
        map_entry: None,
        owner: "route_localnet of all links".to_owned(),
    }
}

fn rule(comment: &str, field: AddressField) -> Rule {
    let register = Register::First;
    let mut loopback = [0; libc::IFNAMSIZ];
    for (to, from) in loopback.iter_mut().zip(*b"lo") {
        *to = from;
    }
    let rest = [
        Expression::Meta {
            meta: Meta::InputInterfaceName,
            into: register,
        },
        Expression::Compare {
            register,
            comparison: Comparison::Differs,
            value: loopback.to_vec(),
        },
        load(Family::Ipv4, field, Register::First),
        Expression::Mask {
            register,
            mask: vec![255, 0, 0, 0],
        },
        Expression::Equal {
            register,
            value: vec![127, 0, 0, 0],
        },
        Expression::Verdict(Verdict::Drop),
    ];
    Rule {
        comment: comment.to_owned(),
        expressions: is_family(Family::Ipv4).into_iter().chain(rest).collect(),
    }
}
