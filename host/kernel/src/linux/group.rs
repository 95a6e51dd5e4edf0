use std::thread;
use std::time::Duration;

use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use plan::Undo;
use rtnetlink::LinkUnspec;

use super::Linux;
use super::undo::Recorded;
use crate::netlink::{LinkState, RouteSocket};
use crate::{KernelError, Undone};

/// Between two looks at whether a link is down that is being deleted: at first, and at most. Each is a quarter longer than the
/// one before: many that wait for their turn must not take the processor from the one whose turn it is.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The host's links of one attachment, and what deletes them.
struct HostLinks {
    links: Vec<LinkState>,
    message: LinkMessage,
}

impl HostLinks {
    fn has(&self, undo: &Undo) -> bool {
        self.links.iter().any(|link| is_record_of(undo, link))
    }
}

type Outcome = Result<Undone, KernelError>;

impl Linux {
    /// Takes steps back, as [`crate::Kernel::undo`] does for each in this order, but deletes the host's links of one
    /// attachment in one message, and forgets its rules while the kernel is at it: both make the kernel wait for its
    /// readers (RCU), and it waits for both at once.
    ///
    /// Rules go when the links are down, so nothing passes that they forbade.
    pub(super) fn take_back_all(&mut self, undos: &[&Undo], group: u32) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = undos.iter().map(|_| None).collect();
        // Where they can't be read or deleted, each undo tells its own error.
        if let Ok(Some(links)) = self.host_links(undos, group) {
            let firewall = |linux: &mut Self| {
                for (undo, outcome) in undos.iter().zip(&mut outcomes) {
                    if is_firewall(undo) {
                        *outcome = Some(linux.take_back(undo));
                    }
                }
            };
            let deleted = if undos.iter().any(|undo| is_firewall(undo)) {
                self.delete_beside(&links, firewall)
            } else {
                self.host.delete_link(links.message.clone()).is_ok()
            };
            if deleted {
                for (undo, outcome) in undos.iter().zip(&mut outcomes) {
                    if links.has(undo) {
                        *outcome = Some(Ok(Undone::Done));
                    }
                }
            }
        }
        undos
            .iter()
            .zip(outcomes)
            .map(|(undo, outcome)| outcome.unwrap_or_else(|| self.take_back(undo)))
            .collect()
    }

    /// True if the links were deleted. What is to be done meanwhile is done once they are down, or not at all.
    fn delete_beside(&mut self, links: &HostLinks, meanwhile: impl FnOnce(&mut Self)) -> bool {
        let _netlink = tracing::trace_span!(target: "wasm_cni", "netlink").entered();
        thread::scope(|scope| {
            let deletion = scope.spawn(|| {
                let route = RouteSocket::open().ok()?;
                route.delete_link(links.message.clone()).ok()
            });
            // A link is out of sight when it is down; then the kernel waits for who may still see it.
            let out_of_sight =
                |link: &LinkState| matches!(if_nametoindex(link.name.as_str()), Err(Errno::ENODEV));
            let mut pause = FIRST_PAUSE;
            while !links.links.iter().all(out_of_sight) && !deletion.is_finished() {
                thread::sleep(pause);
                pause = (pause * 5 / 4).min(LONGEST_PAUSE);
            }
            if links.links.iter().all(out_of_sight) {
                meanwhile(self);
            }
            matches!(deletion.join(), Ok(Some(())))
        })
    }

    /// Those of the host's links that are recorded: the whole group if it has no other, else one alone.
    fn host_links(&self, undos: &[&Undo], group: u32) -> Result<Option<HostLinks>, KernelError> {
        let recorded: Vec<&str> = undos.iter().filter_map(|undo| host_link(undo)).collect();
        match recorded.as_slice() {
            [] => Ok(None),
            [name] => {
                let link = super::find(&self.host, name)?;
                let link = link.filter(|link| undos.iter().any(|undo| is_record_of(undo, link)));
                Ok(link.map(|link| HostLinks {
                    message: LinkUnspec::new_with_index(link.index).build(),
                    links: vec![link],
                }))
            }
            [_, _, ..] => self.recorded_group(undos, group),
        }
    }

    fn recorded_group(
        &self,
        undos: &[&Undo],
        group: u32,
    ) -> Result<Option<HostLinks>, KernelError> {
        // Every link that nobody put into a group is in group 0.
        if group == 0 {
            return Ok(None);
        }
        let mut links = self
            .host
            .links(None)
            .map_err(|refusal| refusal.when("reading the host's links"))?;
        links.retain(|link| link.group == group);
        let ours = |link: &LinkState| undos.iter().any(|undo| is_record_of(undo, link));
        let whole = !links.is_empty() && links.iter().all(ours);
        Ok(whole.then(|| HostLinks {
            message: of_group(group),
            links,
        }))
    }
}

fn host_link(undo: &Undo) -> Option<&str> {
    match undo {
        Undo::DeleteHostLink { name, .. } => Some(name),
        _ => None,
    }
}

/// Is it undone in nftables alone?
fn is_firewall(undo: &Undo) -> bool {
    matches!(
        undo,
        Undo::ForgetMasquerade { .. }
            | Undo::ForgetSpoofCheck { .. }
            | Undo::ForgetPortForwards(_)
            | Undo::ForgetFlows(_)
            | Undo::ForgetIsolation(_)
            | Undo::ForgetHostFirewallPass(_)
    )
}

fn is_record_of(undo: &Undo, link: &LinkState) -> bool {
    match undo {
        Undo::DeleteHostLink {
            name, kind, mac, ..
        } => Recorded {
            name,
            kind: *kind,
            mac: *mac,
            alias: None,
            provisional_name: None,
        }
        .is(link),
        _ => false,
    }
}

/// No name and no index: all of the group.
fn of_group(group: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::Group(group));
    message
}
