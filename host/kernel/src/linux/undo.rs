use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::errno::Errno;
use plan::{
    LinkAlias, LinkKind, MacAddress, MasqueradeSources, NetnsIdentity, SpoofCheck, Undo, VethTrace,
};
use rtnetlink::LinkUnspec;

use super::chained;
use super::loopback::LOOPBACK;
use super::macvlan::provisional_name;
use super::{Linux, find, set};
use crate::netlink::{LinkState, RouteSocket};
use crate::{KernelError, Netns, NetnsError, Presence, Undone};

/// What a link is recognised by.
#[derive(Clone, Copy)]
pub(super) struct Recorded<'a> {
    pub(super) name: &'a str,
    pub(super) kind: LinkKind,
    pub(super) mac: MacAddress,
    /// Where we have given it one.
    pub(super) alias: Option<&'a str>,
    /// Its name until it was finished.
    pub(super) provisional_name: Option<&'a str>,
}

impl Recorded<'_> {
    pub(super) fn is(&self, link: &LinkState) -> bool {
        self.wears(&link.name) && self.is_device(link)
    }

    /// The same device, whatever its name is now. Its alias says more than its address, which a container may change and
    /// which all that is on one master may share.
    fn is_device(&self, link: &LinkState) -> bool {
        let alias = link.alias.as_deref();
        let is_ours = |text: &str| text.parse::<LinkAlias>().is_ok();
        let same = match (self.alias, alias) {
            (Some(own), Some(found)) if is_ours(found) => own == found,
            _ => link.mac == Some(self.mac),
        };
        link.kind == self.kind.name() && same
    }

    fn wears(&self, name: &str) -> bool {
        name == self.name
            || self.provisional_name == Some(name)
            || (self.kind == LinkKind::Macvlan && name == provisional_name(self.mac))
    }
}

/// What the kernel says of a recorded link.
enum Finding {
    Ours {
        index: u32,
        nsid: Option<i32>,
        /// The link's namespace, where it is not reached through the host's.
        inside: Option<Netns>,
    },
    Gone,
    /// Another link has the name.
    Other(String),
    Unproven(String),
}

impl Linux {
    pub(super) fn take_back(&mut self, undo: &Undo) -> Result<Undone, KernelError> {
        match undo {
            Undo::DeleteHostLink { .. } | Undo::DeleteContainerLink { .. } => {
                let finding = self.find_recorded(undo)?;
                self.delete(undo, finding)
            }
            Undo::ReturnDevice { netns, moved } => self.return_device(netns, moved),
            Undo::LoopbackDown { netns } => self.loopback_down(netns),
            Undo::ForgetMasquerade { network, sources } => {
                let forgotten = self.nft()?.forget_masquerade(*network, sources)?;
                Ok(outcome(forgotten))
            }
            Undo::ForgetSpoofCheck { port, mac } => {
                let check = SpoofCheck {
                    port: port.clone(),
                    mac: *mac,
                };
                Ok(outcome(self.nft()?.forget_spoof_check(&check)?))
            }
            Undo::DeleteTokenBucket { link } => self.delete_token_bucket(link),
            Undo::DeleteRedirect { link } => self.delete_redirect(link),
            Undo::AmendAddresses { .. }
            | Undo::AmendRoutes { .. }
            | Undo::DeleteRoutingRules { .. }
            | Undo::DeleteNeighbours { .. }
            | Undo::RestoreLinkSettings { .. }
            | Undo::RestoreSysctl { .. }
            | Undo::LeaveVrf { .. } => chained::take_back(undo),
            Undo::ForgetPortForwards(unwanted) => self.forget_port_forwards(unwanted),
            Undo::ForgetFlows(flows) => Ok(outcome(self.nft()?.forget_flows(flows)?)),
            Undo::ForgetIsolation(wanted) => Ok(outcome(self.nft()?.forget_isolation(wanted)?)),
            Undo::ForgetHostFirewallPass(wanted) => {
                Ok(outcome(self.nft()?.forget_host_firewall_pass(wanted)?))
            }
        }
    }

    pub(super) fn look_for(&mut self, undo: &Undo) -> Result<Presence, KernelError> {
        let present = match undo {
            Undo::DeleteHostLink { .. } | Undo::DeleteContainerLink { .. } => {
                return Ok(match self.find_recorded(undo)? {
                    Finding::Ours { .. } => Presence::Present,
                    Finding::Gone | Finding::Other(_) => Presence::Gone,
                    Finding::Unproven(_) => Presence::Unknown,
                });
            }
            Undo::ReturnDevice { netns, moved } => return self.device_presence(netns, moved),
            Undo::LoopbackDown { netns } => match reopen(netns)? {
                Some(netns) => loopback(netns.route())?.is_some_and(|lo| lo.up),
                None => false,
            },
            Undo::ForgetMasquerade { network, sources } => {
                let wanted = MasqueradeSources {
                    network: *network,
                    sources: sources.clone(),
                };
                self.nft()?.verify_masquerade(&wanted)?.len() < sources.len()
            }
            Undo::ForgetSpoofCheck { port, mac } => {
                let check = SpoofCheck {
                    port: port.clone(),
                    mac: *mac,
                };
                self.nft()?.verify_spoof_check(&check)?.is_empty()
            }
            Undo::DeleteTokenBucket { link } => return self.token_bucket_presence(link),
            Undo::DeleteRedirect { link } => return self.redirect_presence(link),
            Undo::AmendAddresses { .. }
            | Undo::AmendRoutes { .. }
            | Undo::DeleteRoutingRules { .. }
            | Undo::DeleteNeighbours { .. }
            | Undo::RestoreLinkSettings { .. }
            | Undo::RestoreSysctl { .. }
            | Undo::LeaveVrf { .. } => chained::is_there(undo)?,
            Undo::ForgetPortForwards(forwards) => return self.port_forwards_presence(forwards),
            Undo::ForgetFlows(flows) => self.nft()?.has_flows(flows)?,
            Undo::ForgetIsolation(wanted) => self.nft()?.has_isolation(wanted)?,
            Undo::ForgetHostFirewallPass(wanted) => self.nft()?.has_host_firewall_pass(wanted)?,
        };
        Ok(if present {
            Presence::Present
        } else {
            Presence::Gone
        })
    }

    fn find_recorded(&self, undo: &Undo) -> Result<Finding, KernelError> {
        match undo {
            Undo::DeleteHostLink {
                name,
                kind,
                mac,
                trace,
            } => {
                let recorded = Recorded {
                    name,
                    kind: *kind,
                    mac: *mac,
                    alias: None,
                    provisional_name: None,
                };
                let named = find(&self.host, name)?;
                match named {
                    Some(link) if recorded.is(&link) => Ok(on_host(&link)),
                    named => self.find_by_trace(named, trace.as_ref()),
                }
            }
            Undo::DeleteContainerLink {
                netns,
                name,
                kind,
                mac,
                alias,
                provisional_name,
            } => {
                let recorded = Recorded {
                    name,
                    kind: *kind,
                    mac: *mac,
                    alias: alias.as_deref(),
                    provisional_name: provisional_name.as_deref(),
                };
                match netns.nsid {
                    Some(nsid) => self.find_by_nsid(nsid, recorded),
                    None => self.find_by_path(netns, recorded),
                }
            }
            // Not links.
            _ => Ok(Finding::Gone),
        }
    }

    /// A veth whose end on the host does not bear its name or address any more: somebody renamed it, or it is gone. Its
    /// index belongs to it until the next boot, and so does its peer; without the end on the host the container's speaks.
    fn find_by_trace(
        &self,
        named: Option<LinkState>,
        trace: Option<&VethTrace>,
    ) -> Result<Finding, KernelError> {
        if let Some(trace) = trace {
            let found = self.host.link_by_index(trace.index, None);
            let found =
                found.map_err(|refusal| refusal.when("reading the host's end of a veth"))?;
            if let Some(link) = found.filter(|link| is_traced(link, trace)) {
                return Ok(on_host(&link));
            }
            let peer = Recorded {
                name: &trace.peer_name,
                kind: LinkKind::Veth,
                mac: trace.peer_mac,
                alias: None,
                provisional_name: None,
            };
            let finding = self.find_by_nsid(trace.nsid, peer)?;
            if matches!(finding, Finding::Ours { .. } | Finding::Unproven(_)) {
                return Ok(finding);
            }
        }
        Ok(match named {
            Some(link) => Finding::Other(link.description()),
            None => Finding::Gone,
        })
    }

    /// EINVAL: no namespace has the id, so the recorded one is dead and its links with it. The id may have been given to
    /// another since; that one has no link with the recorded address.
    fn find_by_nsid(&self, nsid: i32, recorded: Recorded<'_>) -> Result<Finding, KernelError> {
        let links = match self.host.links(Some(nsid)) {
            Ok(links) => links,
            Err(refusal) if refusal.errno == Errno::EINVAL => return Ok(Finding::Gone),
            Err(refusal) => {
                return Err(refusal.when(format!("reading the links of namespace {nsid}")));
            }
        };
        Ok(pick(links, recorded, Some(nsid), None))
    }

    fn find_by_path(
        &self,
        netns: &NetnsIdentity,
        recorded: Recorded<'_>,
    ) -> Result<Finding, KernelError> {
        let Some(inside) = reopen(netns)? else {
            return Ok(Finding::Unproven(format!(
                "its namespace is not at {} any more, and may live without a path",
                netns.path
            )));
        };
        let links = inside
            .route()
            .links(None)
            .map_err(|refusal| refusal.when(format!("reading the links in {}", netns.path)))?;
        Ok(pick(links, recorded, None, Some(inside)))
    }

    fn delete(&self, undo: &Undo, finding: Finding) -> Result<Undone, KernelError> {
        let (index, nsid, inside) = match finding {
            Finding::Ours {
                index,
                nsid,
                inside,
            } => (index, nsid, inside),
            Finding::Gone => return Ok(Undone::AlreadyGone),
            Finding::Other(found) => return Ok(Undone::NotOurs { found }),
            Finding::Unproven(why) => return Ok(Undone::Unknown { why }),
        };
        let route = inside.as_ref().map_or(&self.host, Netns::route);
        match route.delete_link(deletion(index, nsid)) {
            Ok(()) => Ok(Undone::Done),
            // The container died, or another process deleted it, since we looked.
            Err(refusal) if refusal.errno == Errno::ENODEV => Ok(Undone::AlreadyGone),
            Err(refusal) if refusal.errno == Errno::EINVAL && nsid.is_some() => {
                Ok(Undone::AlreadyGone)
            }
            Err(refusal) => Err(refusal.when(undo.to_string())),
        }
    }

    fn loopback_down(&self, netns: &NetnsIdentity) -> Result<Undone, KernelError> {
        let Some(inside) = reopen(netns)? else {
            return Ok(Undone::AlreadyGone);
        };
        let down = LinkUnspec::new_with_index(LOOPBACK).down().build();
        set(inside.route(), down, || {
            format!("setting lo down in {}", netns.path)
        })?;
        Ok(Undone::Done)
    }
}

/// The recorded namespace, if it is still at its path.
pub(super) fn reopen(recorded: &NetnsIdentity) -> Result<Option<Netns>, KernelError> {
    match Netns::open(&recorded.path) {
        Ok(netns) if netns.cookie() == recorded.cookie => Ok(Some(netns)),
        Ok(_)
        | Err(
            NetnsError::NotFound { .. }
            | NetnsError::NotANamespace { .. }
            | NetnsError::Ours { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn outcome(forgotten: bool) -> Undone {
    if forgotten {
        Undone::Done
    } else {
        Undone::AlreadyGone
    }
}

fn on_host(link: &LinkState) -> Finding {
    Finding::Ours {
        index: link.index,
        nsid: None,
        inside: None,
    }
}

fn is_traced(link: &LinkState, trace: &VethTrace) -> bool {
    link.kind == LinkKind::Veth.name()
        && link.lower == Some(trace.peer_index)
        && link.lower_nsid == Some(trace.nsid)
}

fn pick(
    links: Vec<LinkState>,
    recorded: Recorded<'_>,
    nsid: Option<i32>,
    inside: Option<Netns>,
) -> Finding {
    if let Some(link) = links.iter().find(|link| recorded.is(link)) {
        return Finding::Ours {
            index: link.index,
            nsid,
            inside,
        };
    }
    if let Some(link) = links.iter().find(|link| recorded.is_device(link)) {
        return Finding::Unproven(format!("it is called {} now", link.name));
    }
    match links.into_iter().find(|link| link.name == recorded.name) {
        Some(link) => Finding::Other(link.description()),
        None => Finding::Gone,
    }
}

fn deletion(index: u32, nsid: Option<i32>) -> LinkMessage {
    let mut message = LinkUnspec::new_with_index(index).build();
    message
        .attributes
        .extend(nsid.map(LinkAttribute::IfNetnsId));
    message
}

fn loopback(route: &RouteSocket) -> Result<Option<LinkState>, KernelError> {
    route
        .link_by_index(LOOPBACK, None)
        .map_err(|refusal| refusal.when("reading lo"))
}
