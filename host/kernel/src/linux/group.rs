use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::errno::Errno;
use plan::Undo;

use super::Linux;
use super::undo::Recorded;
use crate::netlink::LinkState;
use crate::{KernelError, Undone};

/// Fewer links are deleted as fast one by one.
const WORTH_A_GROUP: usize = 2;

impl Linux {
    /// Takes steps back, as [`crate::Kernel::undo`] does for each in this order, but deletes the host's links of one
    /// attachment in one message: deleting a link takes the kernel long, and many at once not longer than one.
    ///
    /// `group` is the attachment's (`IFLA_GROUP`). Unless every link of the host that is in it is one of the recorded
    /// (by name, kind and Ethernet address), and there are two at least, they are deleted one by one.
    ///
    /// # Errors
    /// What the kernel refused first. Every other step was taken back as far as possible: repeats are harmless.
    pub fn take_back_links(
        &mut self,
        undos: &[&Undo],
        group: u32,
    ) -> Result<Vec<Undone>, KernelError> {
        let deleted = self.delete_recorded_group(undos, group)?;
        let mut outcomes = Vec::with_capacity(undos.len());
        let mut failure = None;
        for undo in undos {
            let outcome = if deleted.iter().any(|link| is_record_of(undo, link)) {
                Ok(Undone::Done)
            } else {
                self.take_back(undo)
            };
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(outcomes),
        }
    }

    /// The links that were deleted: all of the group or none.
    fn delete_recorded_group(
        &self,
        undos: &[&Undo],
        group: u32,
    ) -> Result<Vec<LinkState>, KernelError> {
        let recorded = undos.iter().filter(|undo| is_host_link(undo)).count();
        // Every link that nobody put into a group is in group 0.
        if group == 0 || recorded < WORTH_A_GROUP {
            return Ok(Vec::new());
        }
        let mut members = self
            .host
            .links(None)
            .map_err(|refusal| refusal.when("reading the host's links"))?;
        members.retain(|link| link.group == group);
        let ours = |link: &LinkState| undos.iter().any(|undo| is_record_of(undo, link));
        if members.len() < WORTH_A_GROUP || !members.iter().all(ours) {
            return Ok(Vec::new());
        }
        match self.host.delete_link(of_group(group)) {
            Ok(()) => Ok(members),
            // They went since we looked, with their namespace.
            Err(refusal) if refusal.errno == Errno::ENODEV => Ok(Vec::new()),
            Err(refusal) => Err(refusal.when(format!("deleting the links of group {group}"))),
        }
    }
}

fn is_host_link(undo: &Undo) -> bool {
    matches!(undo, Undo::DeleteHostLink { .. })
}

fn is_record_of(undo: &Undo, link: &LinkState) -> bool {
    match undo {
        Undo::DeleteHostLink { name, kind, mac } => Recorded {
            name,
            kind: *kind,
            mac: *mac,
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
