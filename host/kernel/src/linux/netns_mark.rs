//! A namespace is known from the host by a small number, which another one may get as soon as it has died. So that the two
//! can be told apart the alias of its `lo`, which nobody can delete, says its cookie.

use nix::errno::Errno;
use plan::NetnsIdentity;
use rtnetlink::LinkUnspec;

use super::loopback::LOOPBACK;
use super::undo::reopen;
use super::{Linux, set};
use crate::{KernelError, Netns, Presence};

const MARK: &str = "wasm-cni/netns";

impl Linux {
    /// Makes the namespace recognisable without its path: it gets an id and, unless somebody else has written there, its
    /// `lo` says its cookie. The identity has an nsid only if both is so.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn mark_netns(&self, netns: &Netns) -> Result<NetnsIdentity, KernelError> {
        let identity = netns.identity();
        let mark = mark(identity.cookie);
        let lo = netns.route().link_by_index(LOOPBACK, None);
        let lo = lo.map_err(|refusal| refusal.when(format!("reading lo in {}", identity.path)))?;
        match lo.and_then(|lo| lo.alias) {
            Some(alias) if alias == mark => {}
            Some(_) => return Ok(identity),
            None => {
                let message = LinkUnspec::new_with_index(LOOPBACK).alias(&mark).build();
                set(netns.route(), message, || {
                    format!("marking lo in {}", identity.path)
                })?;
            }
        }
        Ok(NetnsIdentity {
            nsid: Some(self.assign_nsid(netns)?),
            ..identity
        })
    }

    /// Does a namespace live that [`Linux::mark_netns`] marked?
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn netns_presence(&self, netns: &NetnsIdentity) -> Result<Presence, KernelError> {
        let Some(nsid) = netns.nsid else {
            return Ok(Presence::Unknown);
        };
        let lo = match self.host.link_by_index(LOOPBACK, Some(nsid)) {
            Ok(lo) => lo,
            Err(refusal) if refusal.errno == Errno::EINVAL => return Ok(Presence::Gone),
            Err(refusal) => {
                return Err(refusal.when(format!("reading lo of namespace {nsid}")));
            }
        };
        let alias = lo.and_then(|lo| lo.alias);
        if alias.is_some_and(|alias| alias == mark(netns.cookie)) {
            return Ok(Presence::Present);
        }
        // The id is another namespace's by now, unless somebody has removed the mark.
        Ok(match reopen(netns)? {
            Some(_) => Presence::Present,
            None => Presence::Gone,
        })
    }
}

fn mark(cookie: u64) -> String {
    format!("{MARK} {cookie}")
}
