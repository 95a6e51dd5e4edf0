use std::collections::BTreeSet;

use plan::{LinkAlias, LinkKind, Undo};

use super::redirect::place_of;
use crate::KernelError;
use crate::linux::Linux;
use crate::netlink::LinkState;

impl Linux {
    /// Our intermediate functional blocks into which no link of the host redirects what it receives, as undo deletes them:
    /// the link whose rate they held is gone. A call that is making one redirects to it a moment later, and has it on
    /// record before.
    ///
    /// Reads all links, so it is not for every call.
    ///
    /// # Errors
    /// When links, queues or filters can't be read.
    pub fn idle_ifbs(&self) -> Result<Vec<Undo>, KernelError> {
        let links = self.host.links(None);
        let mut ifbs = links.map_err(|refusal| refusal.when("reading the host's links"))?;
        ifbs.retain(is_ours);
        if !ifbs.is_empty() {
            let targets = self.redirection_targets()?;
            ifbs.retain(|ifb| !targets.contains(&ifb.index));
        }
        let undo = |ifb: LinkState| {
            Some(Undo::DeleteHostLink {
                name: ifb.name,
                kind: LinkKind::Ifb,
                mac: ifb.mac?,
                trace: None,
            })
        };
        Ok(ifbs.into_iter().filter_map(undo).collect())
    }

    fn redirection_targets(&self) -> Result<BTreeSet<u32>, KernelError> {
        let queues = self.host.qdiscs();
        let queues = queues.map_err(|refusal| refusal.when("reading the host's queues"))?;
        let mut targets = BTreeSet::new();
        for (link, queue) in queues {
            if let Some(place) = place_of(&queue.kind) {
                let filters = self.filters_at(link, place, || format!("link {link}"))?;
                targets.extend(filters.iter().filter_map(|filter| filter.redirects_to));
            }
        }
        Ok(targets)
    }
}

fn is_ours(link: &LinkState) -> bool {
    let alias = link.alias.as_deref().unwrap_or_default();
    link.kind == LinkKind::Ifb.name() && alias.parse::<LinkAlias>().is_ok()
}
