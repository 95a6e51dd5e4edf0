use plan::{Flows, HostFirewallPass, IsolatedAddresses};

use super::batch::Batch;
use super::section::{Section, Standing, current_generation, was_overtaken};
use super::{ATTEMPTS, Nft, NftError, flow, host_firewall_pass, isolation};

/// What attachments have of flow rules, isolation and passage through the host's firewall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filters<'a> {
    pub(super) flows: &'a [Flows],
    pub(super) isolated: &'a [IsolatedAddresses],
    pub(super) passes: &'a [HostFirewallPass],
}

impl Filters<'_> {
    /// The sections that their elements are in, each with whether it is needed even if it is missing.
    pub(super) fn sections(&self) -> Vec<(Section, bool)> {
        let filters = !self.flows.is_empty() || !self.isolated.is_empty();
        let mut sections: Vec<_> = flow::table()
            .into_iter()
            .map(|section| (section, filters))
            .collect();
        sections.push((host_firewall_pass::section(), !self.passes.is_empty()));
        sections
    }

    /// Adds the elements to the batch.
    pub(super) fn add(&self, batch: &mut Batch) -> Result<(), NftError> {
        for flows in self.flows {
            flow::add(batch, flows)?;
        }
        for wanted in self.isolated {
            isolation::add(batch, wanted)?;
        }
        for wanted in self.passes {
            host_firewall_pass::add(batch, wanted);
        }
        Ok(())
    }
}

impl Nft {
    /// Makes in one batch what is missing of the shared objects of flow rules, isolation and passage through the host's
    /// firewall, with the elements of every attachment that lives, and marks the objects as complete, as [`Nft::restore`]
    /// does for the others. The rule in chains of others is left to [`Nft::ensure_host_firewall_accept`].
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn restore_filters(
        &mut self,
        flows: &[Flows],
        isolated: &[IsolatedAddresses],
        passes: &[HostFirewallPass],
    ) -> Result<(), NftError> {
        let filters = Filters {
            flows,
            isolated,
            passes,
        };
        for _ in 0..ATTEMPTS {
            match self.restore_filters_once(&filters) {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: "the nftables filters of wasm-cni".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    fn restore_filters_once(&mut self, filters: &Filters<'_>) -> Result<(), NftError> {
        let generation = current_generation(&mut self.connection)?;
        let mut lacking = Vec::new();
        for (section, needed) in filters.sections() {
            let found = self.unless_complete(section)?;
            lacking.extend(found.filter(|(_, standing)| needed || *standing != Standing::Missing));
        }
        let replaces = lacking
            .iter()
            .any(|(_, standing)| *standing != Standing::Missing);
        let mut batch = Batch::new(replaces.then_some(generation));
        for (section, standing) in &lacking {
            section.make(&mut self.connection, &mut batch, *standing, false)?;
        }
        filters.add(&mut batch)?;
        self.connection.commit(batch)
    }
}
